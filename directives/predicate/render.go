package predicate

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Dialect is a database's SQL.
type Dialect uint8

const (
	SQLite Dialect = iota
	Postgres
)

// Render returns e as a boolean SQL expression over the row known as alias, and what its parameters stand for, in order.
// Parameters are written `?`, which occurs nowhere else in the text; Ent numbers them for PostgreSQL.
func Render(d Dialect, e *ir.Expr, alias string, beside ...Beside) (sql string, slots []Slot) {
	r := renderer{dialect: d, alias: alias, beside: beside}
	r.condition(e)
	return r.b.String(), r.slots
}

// Beside is a row that the statement has at hand already: the one a to-one edge of the row leads to. What is asked of it
// needs no sub-query.
type Beside struct {
	Column string // of the edge's key
	Alias  string
}

type renderer struct {
	dialect Dialect
	alias   string
	beside  []Beside
	joined  int // sub-queries so far, each with an alias of its own
	b       strings.Builder
	slots   []Slot
}

var comparison = map[ir.ExprOp]string{ir.OpEq: "=", ir.OpNe: "<>", ir.OpLt: "<", ir.OpLe: "<=", ir.OpGt: ">", ir.OpGe: ">="}

func (r *renderer) condition(e *ir.Expr) {
	switch e.Op {
	case ir.OpAnd, ir.OpOr:
		word := map[ir.ExprOp]string{ir.OpAnd: " AND ", ir.OpOr: " OR "}[e.Op]
		r.b.WriteByte('(')
		for i, a := range e.Args {
			if i > 0 {
				r.b.WriteString(word)
			}
			r.condition(a)
		}
		r.b.WriteByte(')')
	case ir.OpNot:
		r.b.WriteString("NOT (")
		r.condition(e.Args[0])
		r.b.WriteByte(')')
	case ir.OpIsNull:
		r.b.WriteByte('(')
		if x := e.Args[0]; x.Op == ir.OpViewer {
			text := "?"
			if r.dialect == Postgres {
				text = "?::text"
			}
			r.parameter(text, Slot{Kind: Viewer, Attr: x.Attr, Present: true})
		} else {
			r.value(x, false)
		}
		r.b.WriteString(" IS NULL)")
	case ir.OpIn:
		r.membership(e)
	case ir.OpRow, ir.OpViewer, ir.OpConst:
		r.value(e, false) // a true-or-false value alone
	default:
		r.b.WriteByte('(')
		// Databases order texts by their locale unless told otherwise; SQLite compares bytes.
		bytewise := e.Op != ir.OpEq && e.Op != ir.OpNe && e.Args[0].Scalar == ir.String && r.dialect == Postgres
		r.value(e.Args[0], bytewise)
		r.b.WriteString(" " + comparison[e.Op] + " ")
		r.value(e.Args[1], false)
		r.b.WriteByte(')')
	}
}

func (r *renderer) membership(e *ir.Expr) {
	x, set := e.Args[0], e.Args[1]
	r.b.WriteByte('(')
	r.value(x, false)
	r.b.WriteString(" IN (")
	if set.Op == ir.OpList {
		for i, a := range set.Args {
			if i > 0 {
				r.b.WriteString(", ")
			}
			r.value(a, false)
		}
	} else {
		// One parameter however long the list, so that the text is the same for every viewer.
		slot := Slot{Kind: Viewer, Attr: set.Attr, List: true, Scalar: set.Scalar}
		switch r.dialect {
		case Postgres:
			r.b.WriteString("SELECT json_array_elements_text(")
			r.parameter("?::json", slot)
			r.b.WriteString(")" + cast(set.Scalar))
		default:
			r.b.WriteString("SELECT value FROM json_each(")
			r.parameter("?", slot)
			r.b.WriteString(")")
		}
	}
	r.b.WriteString("))")
}

// value writes an operand. PostgreSQL infers a parameter's type from its surroundings and not always as meant, so each
// carries a cast.
func (r *renderer) value(e *ir.Expr, bytewise bool) {
	if bytewise {
		defer r.b.WriteString(` COLLATE "C"`)
	}
	var slot Slot
	switch e.Op {
	case ir.OpRow:
		r.column(e.Path, r.alias)
		return
	case ir.OpViewer:
		slot = Slot{Kind: Viewer, Attr: e.Attr, List: e.List, Scalar: e.Scalar}
	case ir.OpNow:
		slot = Slot{Kind: Now, Scalar: e.Scalar}
	default:
		slot = Slot{Kind: Const, Value: e.Value, Scalar: e.Scalar}
	}
	text := "?"
	if r.dialect == Postgres {
		text += cast(e.Scalar)
	}
	r.parameter(text, slot)
}

func (r *renderer) parameter(text string, s Slot) {
	r.b.WriteString(text)
	r.slots = append(r.slots, s)
}

// column writes the column at the end of a chain of to-one edges, each a sub-query of one row.
func (r *renderer) column(path []*ir.Field, alias string) {
	f := path[0]
	if len(path) == 1 {
		r.b.WriteString(quoted(alias) + "." + quoted(f.Column))
		return
	}
	if alias == r.alias {
		for _, b := range r.beside {
			if b.Column == f.Column {
				r.column(path[1:], b.Alias)
				return
			}
		}
	}
	inner := r.next()
	r.b.WriteString("(SELECT ")
	r.column(path[1:], inner)
	fmt.Fprintf(&r.b, " FROM %s AS %s WHERE %s.%s = %s.%s)", quoted(f.Edge.Target.Table), quoted(inner), quoted(inner), quoted("id"), quoted(alias), quoted(f.Column))
}

func (r *renderer) next() string {
	for {
		r.joined++
		if name := fmt.Sprintf("e%d", r.joined); name != r.alias {
			return name
		}
	}
}

// quoted is an identifier in double quotes, which both databases read. A `?` would be taken for a parameter; neither
// compiled names nor our own aliases hold one.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`"`, `""`, "?", "").Replace(name) + `"`
}

func cast(s ir.Scalar) string {
	switch s {
	case ir.Int, ir.Decimal:
		return "::bigint"
	case ir.Float:
		return "::double precision"
	case ir.Boolean:
		return "::boolean"
	case ir.DateTime:
		return "::timestamptz"
	case ir.Date:
		return "::date"
	case ir.UUID:
		return "::uuid"
	}
	return "::text"
}
