package read

import (
	"fmt"
	"sort"
	"strings"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// maxListed bounds the values of one `in`.
const maxListed = 1000

// filter compiles a `where` over the row at alias. To filter by a field is to read it: a field whose cell would not be
// revealed is refused with one fixed error, and a field that is revealed row by row adds its gate to the whole filter,
// so that rows without consent take no part in it, not even under `not`.
func (p *planner) filter(t *ir.Type, alias string, where map[string]any) fragment {
	var gates []fragment
	cond := p.filterInto(t, alias, where, &gates)
	return and(append([]fragment{cond}, gates...)...)
}

func (p *planner) filterInto(t *ir.Type, alias string, where map[string]any, gates *[]fragment) fragment {
	var fs []fragment
	for _, key := range sortedKeys(where) {
		v := where[key]
		switch key {
		case "and", "or", "not":
			if v == nil {
				continue
			}
			fs = append(fs, p.logic(t, alias, key, v, gates))
			continue
		}
		field := t.Field(key)
		if field == nil {
			p.fail(FailField(CodeBadInput, "where", "no such filter")) // the name is the client's, not ours
			continue
		}
		if v == nil {
			continue
		}
		ops, ok := v.(map[string]any)
		if !ok {
			p.fail(FailField(CodeBadInput, key, "a filter is an object"))
			continue
		}
		if field.Kind == ir.ID {
			fs = append(fs, p.compareAll(field, column(alias, "id"), ops, t))
			continue
		}
		cell := policy.CellOf(field, p.req)
		if !cell.Queryable() {
			p.fail(p.notQueryable(&cell))
			continue
		}
		*gates = append(*gates, p.sql.shown(&cell, alias))
		p.noteGate(&cell, "where")
		if field.Kind == ir.ToOne {
			fs = append(fs, p.filterEdge(field, alias, ops))
			continue
		}
		switch {
		case field.Sealed():
			fs = append(fs, p.compareSealed(field, alias, ops))
		default:
			p.settled(field)
			fs = append(fs, p.compareAll(field, column(alias, field.Column), ops, nil))
		}
	}
	return and(fs...)
}

// noteGate explains why rows are missing from what was asked for by a field that is revealed row by row.
func (p *planner) noteGate(c *policy.Cell, arg string) {
	if !c.ByRow() {
		return
	}
	why := c.Strictest()
	p.note(noted{path: p.path + "." + arg + "." + c.Field.Name, field: c.Field.Coordinate(), rows: &policy.Explanation{
		Outcome: policy.Withhold, Rule: why.Rule, Reason: why.Reason,
		Text:   "Only rows for which this field is revealed take part.",
		Remedy: why.Remedy,
	}})
}

func (p *planner) logic(t *ir.Type, alias, op string, v any, gates *[]fragment) fragment {
	if op == "not" {
		inner := p.filterInto(t, alias, p.asMap(op, v), gates)
		if inner.empty() {
			return text("1 = 0")
		}
		return not(inner)
	}
	var parts []fragment
	for _, e := range asList(v) {
		part := p.filterInto(t, alias, p.asMap(op, e), gates)
		if part.empty() {
			part = text("1 = 1")
		}
		parts = append(parts, part)
	}
	if op == "or" {
		if len(parts) == 0 {
			return text("1 = 0")
		}
		return or(parts...)
	}
	return and(parts...)
}

// filterEdge filters by what the viewer may see of the row at the other end.
func (p *planner) filterEdge(field *ir.Field, alias string, where map[string]any) fragment {
	target := field.Edge.Target
	rows := policy.RowsOf(target, ir.Read, p.req)
	inner := p.sql.alias("w")
	cond := and(
		text(column(inner, "id")+" = "+column(alias, field.Column)),
		p.sql.exist(rows, inner),
		p.filter(target, inner, where),
	)
	return fragment{fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s)", quote(target.Table), quote(inner), cond.sql), cond.args}
}

// compareAll compiles the operators of one field's filter; all must hold. ids is set when values are global ids.
func (p *planner) compareAll(f *ir.Field, col string, ops map[string]any, ids *ir.Type) fragment {
	var fs []fragment
	for _, op := range sortedKeys(ops) {
		fs = append(fs, p.compare(f, col, op, ops[op], ids))
	}
	return and(fs...)
}

// settled refuses to ask by a plain field some of whose values are still sealed: they could not be found.
func (p *planner) settled(f *ir.Field) {
	if !f.Sealed() && p.e.opener.Moving(f) {
		p.fail(FailField(CodeUnavailable, f.Name, "the values of this field are moving to another storage, and cannot be compared until they are there: try again later"))
	}
}

// compareSealed compiles the operators of a sealed field's filter: equality is all there is.
func (p *planner) compareSealed(f *ir.Field, alias string, ops map[string]any) fragment {
	null := func(is bool) fragment {
		columns := []string{f.Column}
		if p.e.opener.Moving(f) {
			columns = append(columns, f.PlainColumn())
		}
		var fs []fragment
		for _, c := range columns {
			fs = append(fs, text(column(alias, c)+" IS NULL"))
		}
		if is {
			return and(fs...)
		}
		return not(and(fs...))
	}
	if !f.Blind() {
		p.fail(errNotQueryable(f.Name))
		return fragment{}
	}
	var fs []fragment
	for _, op := range sortedKeys(ops) {
		v := ops[op]
		switch {
		case op == "isNull" && v == nil, op == "in" && v == nil:
		case op == "isNull":
			fs = append(fs, null(v == true))
		case op == "eq" && v == nil:
			fs = append(fs, null(true))
		case op == "eq", op == "in":
			list := []any{v}
			if op == "in" {
				list = asList(v)
			}
			if len(list) > maxListed {
				p.fail(FailField(CodeBadInput, f.Name, fmt.Sprintf("a list has at most %d values", maxListed)))
				continue
			}
			if len(list) == 0 {
				fs = append(fs, text("1 = 0"))
				continue
			}
			values := make([]any, len(list))
			for i, v := range list {
				var err error
				if values[i], err = format.Parse(f, v); err != nil {
					p.fail(FailField(CodeBadInput, f.Name, err.Error()))
				}
			}
			fs = append(fs, p.equal(f, alias, values))
		default:
			p.fail(FailField(CodeBadInput, f.Name, "no such comparison"))
		}
	}
	return and(fs...)
}

func (p *planner) compare(f *ir.Field, col, op string, v any, ids *ir.Type) fragment {
	value := func(v any) arg {
		if ids != nil {
			s, _ := v.(string)
			typ, id, err := DecodeID(s)
			if err != nil || typ != ids.Name {
				id = uuid.Nil // matches nothing, like an id that is not there
			}
			return constant{id.String()}
		}
		if s, ok := v.(string); ok && (op == "contains" || op == "startsWith") {
			if strings.ContainsRune(s, 0) { // which PostgreSQL takes for a fault of ours
				p.fail(FailField(CodeBadInput, f.Name, "contains a NUL byte: expected a text"))
			}
			return constant{s}
		}
		parsed, err := format.Parse(f, v)
		if err != nil {
			p.fail(FailField(CodeBadInput, f.Name, err.Error()))
		}
		return constant{parsed}
	}
	switch op {
	case "isNull":
		switch v {
		case true:
			return text(col + " IS NULL")
		case false:
			return text(col + " IS NOT NULL")
		}
		return fragment{}
	case "eq", "ne":
		if v == nil {
			if op == "eq" {
				return text(col + " IS NULL")
			}
			return text(col + " IS NOT NULL")
		}
		return text(col+map[string]string{"eq": " = ?", "ne": " <> ?"}[op], value(v))
	}
	if v == nil {
		return fragment{}
	}
	switch op {
	case "in", "notIn":
		list := asList(v)
		if len(list) > maxListed {
			p.fail(FailField(CodeBadInput, f.Name, fmt.Sprintf("a list has at most %d values", maxListed)))
			return fragment{}
		}
		if len(list) == 0 {
			if op == "in" {
				return text("1 = 0")
			}
			return fragment{}
		}
		var args []arg
		for _, e := range list {
			args = append(args, value(e))
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(list)), ", ")
		if op == "in" {
			return text(col+" IN ("+marks+")", args...)
		}
		return text(col+" NOT IN ("+marks+")", args...)
	case "lt", "lte", "gt", "gte":
		sign := map[string]string{"lt": " < ?", "lte": " <= ?", "gt": " > ?", "gte": " >= ?"}[op]
		return text(p.sql.collated(f, col)+sign, value(v))
	case "contains":
		if p.sql.dialect == predicate.Postgres {
			return text("strpos("+col+", ?) > 0", value(v))
		}
		return text("instr("+col+", ?) > 0", value(v))
	case "startsWith":
		s, _ := v.(string)
		return text(fmt.Sprintf("substr(%s, 1, %d) = ?", col, len([]rune(s))), value(v))
	default:
		p.fail(FailField(CodeBadInput, f.Name, "no such comparison"))
		return fragment{}
	}
}

// collated compares texts by code point on both databases.
func (s sqlFor) collated(f *ir.Field, col string) string {
	if s.dialect == predicate.Postgres && (f.Scalar == ir.String || f.Scalar == ir.EnumScalar) && f.Kind == ir.Column {
		return col + ` COLLATE "C"`
	}
	return col
}

// among holds where col is one of a list of ids. keys resolves to their keys.
func (s sqlFor) among(col string, keys func(r *run) []string) fragment {
	if s.dialect == predicate.Postgres {
		return text(col+" = ANY(?::uuid[])", argFunc(func(r *run) any { return idList(keys(r), "{", "", "}") }))
	}
	return text(col+" IN (SELECT value FROM json_each(?))", argFunc(func(r *run) any { return idList(keys(r), "[", `"`, "]") }))
}

// idList writes ids as the array of a database.
func idList(keys []string, open, quote, shut string) string {
	b := make([]byte, 0, 2+40*len(keys))
	b = append(b, open...)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote...)
		b = append(b, uuidOf(k).String()...)
		b = append(b, quote...)
	}
	return string(append(b, shut...))
}

// asMap is an input object; nil for null. Anything else is refused: it must not pass for "no condition".
func (p *planner) asMap(name string, v any) map[string]any {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		p.fail(FailField(CodeBadInput, name, "an object was expected"))
	}
	return m
}

// asList applies GraphQL's input coercion: one value stands for a list of one.
func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
