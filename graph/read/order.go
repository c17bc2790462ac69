package read

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// orderTerm is one key of the order. Nulls come last either way, on both databases.
type orderTerm struct {
	field *ir.Field
	expr  string
	desc  bool
	col   int
}

// order compiles orderBy. To sort by a field is to read it: see filter. The id always breaks ties, so that a cursor has
// one place.
func (p *planner) order(lv *level, by any) []orderTerm {
	var terms []orderTerm
	list := asList(by)
	if len(list) > maxTerms {
		p.fail(FailField(CodeBadInput, "orderBy", fmt.Sprintf("a list is ordered by at most %d fields", maxTerms)))
		return nil
	}
	for _, e := range list {
		m := p.asMap("orderBy", e)
		name, _ := m["field"].(string)
		field := orderField(lv.typ, name)
		if field == nil {
			p.fail(FailField(CodeBadInput, "orderBy", "no such order"))
			continue
		}
		cell := policy.CellOf(field, p.req)
		if !cell.Queryable() {
			p.fail(p.notQueryable(&cell))
			continue
		}
		p.settled(field)
		lv.where = append(lv.where, p.sql.shown(&cell, lv.alias))
		p.noteGate(&cell, "orderBy")
		dir, _ := m["direction"].(string)
		terms = append(terms, orderTerm{field: field, expr: p.sql.collated(field, column(lv.alias, field.Column)), desc: dir == "DESC"})
	}
	return terms
}

// orderField finds the field an order enum value names: `LAST_ACTIVITY_AT` is lastActivityAt.
func orderField(t *ir.Type, value string) *ir.Field {
	want := strings.ReplaceAll(value, "_", "")
	for _, f := range t.Fields {
		if f.Kind == ir.Column && strings.EqualFold(strings.ReplaceAll(f.Name, "_", ""), want) {
			return f
		}
	}
	return nil
}

// orderSQL renders ORDER BY without the keyword; backward, the order turned round.
func orderSQL(terms []orderTerm, alias string, backward bool) string {
	var parts []string
	way := map[bool]string{false: "", true: " DESC"}
	for _, t := range terms {
		parts = append(parts, "("+t.expr+" IS NULL)"+way[backward], t.expr+way[t.desc != backward])
	}
	parts = append(parts, column(alias, "id")+way[backward])
	return strings.Join(parts, ", ")
}

// nullMask has a bit for each sort value of a cursor that is null.
type nullMask uint8

// maxTerms bounds the sort keys of a list: each may be null or not at a cursor, and every combination is SQL of its own.
const maxTerms = 8

func (k keyset) nulls() (m nullMask) {
	for i, v := range k.Values {
		if v == nil {
			m |= 1 << i
		}
	}
	return m
}

// beyond holds for rows after the cursor's place, or backward before it. Nulls come last in the order asked for.
func beyond(lv *level, nulls nullMask, backward bool) fragment {
	sign := map[bool]string{false: " > ?", true: " < ?"}
	f := text(column(lv.alias, "id")+sign[backward], argFunc(func(r *run) any { return r.places[lv].ID }))
	for i := len(lv.order) - 1; i >= 0; i-- {
		t := lv.order[i]
		value := argFunc(func(r *run) any { return r.places[lv].Values[i] })
		null, isNull := text(t.expr+" IS NULL"), nulls&(1<<i) != 0
		switch {
		case isNull && backward:
			f = or(text(t.expr+" IS NOT NULL"), and(null, f))
		case isNull:
			f = and(null, f)
		default:
			further := []fragment{text(t.expr+sign[t.desc != backward], value), and(text(t.expr+" = ?", value), f)}
			if !backward {
				further = append(further, null)
			}
			f = or(further...)
		}
	}
	return f
}
