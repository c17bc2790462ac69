package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// asker makes up operations that the API's schema allows.
type asker struct {
	dice
	ref       *reference
	api       *ast.Schema
	fragments []string // named ones, whole
	filters   []filter
	named     map[*ir.Type][]string
	serial    int
}

// question is an operation with the filters that it takes as variables. Others are $yes, $no, $few and $id.
type question struct {
	text    string
	filters []filter
}

// filter is a variable.
type filter struct {
	name  string
	typ   *ir.Type
	value string // as a literal
}

// question makes up an operation with one or two root fields.
func (a *asker) question() question {
	a.fragments, a.named, a.filters = nil, map[*ir.Type][]string{}, nil
	var roots []string
	for range 1 + a.upTo(1) {
		roots = append(roots, a.root())
	}
	body := "{ " + strings.Join(roots, " ") + " }\n" + strings.Join(a.fragments, "\n")
	var declared []string
	for _, v := range []string{"$yes: Boolean!", "$no: Boolean!", "$few: Int", "$id: ID!"} {
		if strings.Contains(body, strings.Split(v, ":")[0]) {
			declared = append(declared, v)
		}
	}
	for _, f := range a.filters {
		declared = append(declared, "$"+f.name+": "+f.typ.Name+"Where")
	}
	if declared == nil {
		return question{text: "query " + body}
	}
	return question{"query(" + strings.Join(declared, ", ") + ") " + body, a.filters}
}

// everything asks for every cell of every row, and for what lies one step further: the question no luck is needed for.
func everything(s *ir.Schema) string {
	var b strings.Builder
	var fields func(t *ir.Type, further bool)
	fields = func(t *ir.Type, further bool) {
		for _, f := range t.Fields {
			switch {
			case f.Edge == nil:
				b.WriteString(f.Name + " ")
			case !further || f.Edge.Hidden:
			case f.Kind == ir.ToOne:
				b.WriteString(f.Name + " { ")
				fields(f.Edge.Target, false)
				b.WriteString("} ")
			default:
				b.WriteString(f.Name + " { totalCount nodes { ")
				fields(f.Edge.Target, false)
				b.WriteString("} } ")
			}
		}
	}
	b.WriteString("{ ")
	for _, t := range s.Entities() {
		b.WriteString(t.Plural + " { totalCount nodes { ")
		fields(t, true)
		b.WriteString("} } ")
	}
	return b.String() + "}"
}

// aboutSealed asks about every field that is looked up under its seal: for what compares, for what does not, in figures, and at
// the end of an edge. Of what others ask by chance too little would be about them.
func (a *asker) aboutSealed() (out []question) {
	for _, t := range a.ref.schema.Entities() {
		for _, f := range t.Fields {
			if !f.Blind() || !a.ref.askable(f) {
				continue
			}
			one := func() string {
				return "{" + f.Name + ": " + a.comparison(f, a.api.Types[a.api.Types[t.Name+"Where"].Fields.ForName(f.Name).Type.Name()]) + "}"
			}
			where := one()
			switch a.upTo(3) {
			case 1:
				where = "{or: [" + where + ", " + one() + "]}"
			case 2:
				where = "{and: [{not: " + where + "}, {not: " + one() + "}]}"
			}
			page := func(list *ir.Type, where string) string {
				return fmt.Sprintf("%s: %s(where: %s) { totalCount nodes { id } } ", a.alias("s"), list.Plural, where)
			}
			text := "{ " + page(t, where) + page(t, "{not: "+where+"}") + fmt.Sprintf("%s: %s(where: %s) { count } ", a.alias("s"), api.AggregateField(t), where)
			for _, from := range a.ref.schema.Entities() {
				for _, edge := range from.Fields {
					if edge.Kind == ir.ToOne && edge.Edge.Target == t && !edge.Edge.Hidden && a.ref.askable(edge) && a.odds(8) {
						text += page(from, "{"+edge.Name+": "+where+"}") + page(from, "{not: {"+edge.Name+": "+where+"}}")
					}
				}
			}
			out = append(out, question{text: text + "}"})
		}
	}
	return out
}

func (a *asker) alias(kind string) string {
	a.serial++
	return fmt.Sprintf("%s_%d", kind, a.serial)
}

func (a *asker) someType() *ir.Type { return pick(a.dice, a.ref.schema.Entities()) }

// someID is mostly that of a record.
func (a *asker) someID() string {
	if a.odds(1) {
		return pick(a.dice, []string{"nonsense", "", "QWxwaGE6AAAAAAAAAAAAAAAAAAAAAA"})
	}
	return pick(a.dice, a.ref.rows[a.someType()]).globalID()
}

func (a *asker) root() string {
	alias := a.alias("r")
	switch t := a.someType(); a.upTo(8) {
	case 0, 1, 2:
		return alias + ": " + a.connection(t, t.Plural, 3)
	case 3:
		return fmt.Sprintf("%s: node(id: %q) { %s }", alias, a.someID(), a.anything(2))
	case 4:
		return fmt.Sprintf("%s: nodes(ids: [%q, %q, $id]) { %s }", alias, a.someID(), a.someID(), a.anything(2))
	case 5:
		return fmt.Sprintf("%s: %s(where: %s) { count }", alias, api.AggregateField(t), a.where(t, 2))
	case 6:
		out := "__typename role"
		for _, t := range a.ref.schema.Entities() {
			if t.Subject && a.odds(10) {
				out += fmt.Sprintf(" %s: %s(first: %d) { %s }", a.alias("mine"), t.Plural, a.upTo(4), a.page(t, 2))
			}
		}
		return alias + ": me { " + out + " }"
	default:
		id := strconv.Quote(a.someID())
		if rows := a.ref.rows[t]; a.odds(12) {
			id = strconv.Quote(pick(a.dice, rows).globalID())
		} else if a.odds(8) {
			id = "$id"
		}
		return fmt.Sprintf("%s: %s(id: %s) { %s }", alias, t.Singular, id, a.selection(t, 3))
	}
}

// anything selects on an interface.
func (a *asker) anything(depth int) string {
	out := "__typename id"
	for _, t := range a.ref.schema.Entities() {
		if a.odds(10) {
			out += " " + a.fragment(t, depth)
		}
	}
	return out
}

// fragment is an inline fragment on t, a new named one, or one named before.
func (a *asker) fragment(t *ir.Type, depth int) string {
	switch known := a.named[t]; a.upTo(2) {
	case 0:
		return "... on " + t.Name + a.maybeNot() + " { " + a.selection(t, depth) + " }"
	case 1:
		if len(known) > 0 {
			return "..." + pick(a.dice, known) + a.maybeNot()
		}
	}
	body := a.selection(t, depth)
	name := a.alias("F")
	a.fragments = append(a.fragments, "fragment "+name+" on "+t.Name+" { "+body+" }")
	a.named[t] = append(a.named[t], name)
	return "..." + name + a.maybeNot()
}

// maybeNot is a directive, mostly none.
func (a *asker) maybeNot() string {
	if !a.odds(1) {
		return ""
	}
	return fmt.Sprintf(" @%s(if: %s)", pick(a.dice, []string{"include", "skip"}), pick(a.dice, []string{"$yes", "$no", "true", "false"}))
}

func (a *asker) selection(t *ir.Type, depth int) string {
	var out []string
	for _, f := range t.Fields {
		if f.Edge != nil && f.Edge.Hidden || f.Edge != nil && depth == 0 || !a.odds(10) {
			continue
		}
		switch f.Kind {
		case ir.ToMany:
			out = append(out, a.alias("l")+": "+a.connection(f.Edge.Target, f.Name, depth-1))
		case ir.ToOne:
			out = append(out, f.Name+a.maybeNot()+" { "+a.selection(f.Edge.Target, depth-1)+" }")
		default:
			alias := ""
			if a.odds(2) {
				alias = a.alias("a") + ": "
			}
			out = append(out, alias+f.Name+a.maybeNot())
		}
	}
	if a.odds(2) {
		out = append(out, "__typename")
	}
	if depth > 0 && a.odds(3) {
		out = append(out, a.fragment(t, depth-1))
	}
	if a.odds(2) {
		out = append(out, "... on Node { id }")
	}
	if out == nil {
		return "id"
	}
	return strings.Join(out, " ")
}

func (a *asker) connection(t *ir.Type, field string, depth int) string {
	return field + a.arguments(t) + " { " + a.page(t, depth) + " }"
}

// page selects of a connection.
func (a *asker) page(t *ir.Type, depth int) string {
	var out []string
	if !a.odds(3) {
		out = append(out, "nodes { "+a.selection(t, depth)+" }")
	}
	if a.odds(4) {
		out = append(out, "edges { cursor node { "+a.selection(t, depth)+" } }")
	}
	if a.odds(6) {
		out = append(out, "pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename }")
	}
	if out == nil || a.odds(6) {
		out = append(out, "totalCount")
	}
	return strings.Join(out, " ")
}

func (a *asker) arguments(t *ir.Type) string {
	var args []string
	if a.odds(7) {
		args = append(args, pick(a.dice, []string{"first", "first", "last"})+": "+pick(a.dice, []string{"2", "1", "0", "3", "$few"}))
	}
	if a.odds(6) {
		where := a.where(t, 2)
		if a.odds(3) {
			f := filter{a.alias("w"), t, where}
			a.filters = append(a.filters, f)
			where = "$" + f.name
		}
		args = append(args, "where: "+where)
	}
	if by := a.orderBy(t); by != "" && a.odds(6) {
		args = append(args, "orderBy: "+by)
	}
	if args == nil {
		return ""
	}
	return "(" + strings.Join(args, ", ") + ")"
}

func (a *asker) orderBy(t *ir.Type) string {
	fields := a.api.Types[t.Name+"OrderField"]
	if fields == nil {
		return ""
	}
	var terms []string
	for range 1 + a.upTo(1) {
		f := pick(a.dice, fields.EnumValues).Name
		if a.asks(t.Field(strings.ToLower(f))) {
			terms = append(terms, "{field: "+f+", direction: "+pick(a.dice, []string{"ASC", "DESC"})+"}")
		}
	}
	return "[" + strings.Join(terms, ", ") + "]"
}

// asks: about hidden fields, and about those that move, only seldom, or most questions would end in a refusal.
func (a *asker) asks(f *ir.Field) bool {
	return a.ref.askable(f) && !a.ref.unsettled(f) || a.odds(1)
}

// sealedOf are the parts of a filter that are about sealed fields.
func sealedOf(t *ir.Type, input *ast.Definition) (out ast.FieldList) {
	for _, in := range input.Fields {
		if f := t.Field(in.Name); f != nil && f.Sealed() {
			out = append(out, in)
		}
	}
	return out
}

func (a *asker) where(t *ir.Type, depth int) string {
	input := a.api.Types[t.Name+"Where"]
	parts := map[string]string{}
	fields := input.Fields
	if sealed := sealedOf(t, input); sealed != nil && a.odds(6) {
		fields = sealed
	}
	for range 1 + a.upTo(1) {
		in := pick(a.dice, fields)
		f := t.Field(in.Name)
		switch {
		case f == nil && depth == 0, f != nil && f.Kind == ir.ToOne && depth == 0, f != nil && !a.asks(f):
		case in.Name == "not":
			parts[in.Name] = a.where(t, depth-1)
		case f == nil:
			parts[in.Name] = "[" + a.where(t, depth-1) + ", " + a.where(t, depth-1) + "]"
		case f.Kind == ir.ToOne:
			parts[in.Name] = a.where(f.Edge.Target, depth-1)
		default:
			parts[in.Name] = a.comparison(f, a.api.Types[in.Type.Name()])
		}
	}
	if a.odds(1) {
		parts[pick(a.dice, []string{"and", "or"})] = "[]"
	}
	var out []string
	for k, v := range parts {
		out = append(out, k+": "+v)
	}
	slices.Sort(out)
	return "{" + strings.Join(out, ", ") + "}"
}

func (a *asker) comparison(f *ir.Field, filter *ast.Definition) string {
	op := pick(a.dice, filter.Fields)
	v := func() string { return a.literal(f) }
	switch {
	case a.odds(1):
		return "{" + op.Name + ": null}"
	case op.Name == "isNull":
		return "{isNull: " + pick(a.dice, []string{"true", "false"}) + "}"
	case op.Type.Elem != nil && a.odds(2):
		return "{" + op.Name + ": []}"
	case op.Type.Elem != nil:
		return "{" + op.Name + ": [" + v() + ", " + v() + "]}"
	}
	return "{" + op.Name + ": " + v() + "}"
}

// literal is a value to compare a field with, mostly one that it has.
func (a *asker) literal(f *ir.Field) string {
	if f.Kind == ir.ID {
		return strconv.Quote(a.someID())
	}
	r := pick(a.dice, a.ref.rows[f.Owner])
	v := r.cells[f]
	if v == nil {
		v = a.cell(f, a.ref.now)
	}
	switch v := v.(type) {
	case time.Time:
		if f.Scalar == ir.Date {
			return strconv.Quote(v.Format(time.DateOnly))
		}
		return strconv.Quote(v.Format(time.RFC3339Nano))
	case int64:
		if f.Scalar == ir.Decimal {
			return strconv.Quote(decimalText(v))
		}
	case string:
		if f.Scalar == ir.String {
			return strconv.Quote(v)
		}
	case float64:
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return fmt.Sprint(v)
}
