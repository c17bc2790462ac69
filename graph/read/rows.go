package read

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

func itoa(v int64) string { return strconv.FormatInt(v, 10) }

// quote writes an identifier. Names come from the schema, never from a request; the doubling is for table names a
// schema developer chose.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func column(alias, name string) string { return quote(alias) + "." + quote(name) }

// sqlFor renders policy as SQL of one dialect. Every aliases it makes up is unique within a statement.
type sqlFor struct {
	dialect predicate.Dialect
	n       *int
	beside  map[string]predicate.Beside // by alias: a row that its statement has at hand
	moving  func(*ir.Field) bool
}

// sql renders SQL for the engine's database.
func (e *Engine) sql() sqlFor {
	return sqlFor{dialect: e.dialect, n: new(int), beside: map[string]predicate.Beside{}, moving: e.opener.Moving}
}

func (s sqlFor) alias(prefix string) string {
	*s.n++
	return prefix + strconv.Itoa(*s.n)
}

// when renders a condition over the row at alias.
func (s sqlFor) when(c *ir.Condition, alias string) fragment {
	var beside []predicate.Beside
	if b, ok := s.beside[alias]; ok {
		beside = append(beside, b)
	}
	sql, slots := predicate.Render(s.dialect, c.Expr, alias, beside...)
	f := fragment{sql: sql}
	for _, sl := range slots {
		f.args = append(f.args, slot{sl})
	}
	if still := s.readable(c.Expr, alias); still != nil {
		return and(append(still, f)...)
	}
	return f
}

// readable holds where everything that a condition is about can be read. A plain field that was sealed before may have values
// that are sealed still: to the condition they are null, and `row.blockedBy == null` would let everybody in.
func (s sqlFor) readable(e *ir.Expr, alias string) (fs []fragment) {
	if n := len(e.Path); n > 0 && s.waits(e.Path[n-1]) {
		fs = append(fs, text(s.follow(e.Path[:n-1], alias, e.Path[n-1].SealedColumn())+" IS NULL"))
	}
	for _, a := range e.Args {
		fs = append(fs, s.readable(a, alias)...)
	}
	return fs
}

// waits reports whether some values of a plain field are still sealed.
func (s sqlFor) waits(f *ir.Field) bool { return f.Kind == ir.Column && !f.Sealed() && s.moving(f) }

// anyOf holds where one of the conditions does.
func (s sqlFor) anyOf(cs []*ir.Condition, alias string) fragment {
	var fs []fragment
	for _, c := range cs {
		fs = append(fs, s.when(c, alias))
	}
	return or(fs...)
}

// alive holds while none of the periods is over. A period that has not begun is not over; one whose beginning cannot be read
// yet counts as over.
func (s sqlFor) alive(rs []*ir.Retain, alias string) fragment {
	var fs []fragment
	for _, r := range rs {
		c := column(alias, r.After.Column)
		// PostgreSQL expects two of three rows to pass; of `c IS NULL OR c >= ?`, which is the same, one of three.
		fs = append(fs, text("("+c+" < ?) IS NOT TRUE", cutoff(r.For)))
		if s.waits(r.After) {
			fs = append(fs, text(column(alias, r.After.SealedColumn())+" IS NULL"))
		}
	}
	return and(fs...)
}

// owned renders a column of each of the row's owners; null where there is no owner on that path.
func (s sqlFor) owned(t *ir.Type, alias, name string) []string {
	var out []string
	for _, f := range s.owners(t, alias, func(at string) fragment { return text(column(at, name)) }) {
		out = append(out, f.sql)
	}
	return out
}

// owners renders something of the row of each of the row's owners; null where there is no owner on that path.
func (s sqlFor) owners(t *ir.Type, alias string, what func(alias string) fragment) []fragment {
	var out []fragment
	for _, path := range t.Owners {
		out = append(out, s.at(path, alias, what))
	}
	return out
}

// states renders the privacy state of each of the row's owners, without consents that have run out at the time of the request.
// Most people have none that runs out: then it is one comparison of a column beside the state.
func (s sqlFor) states(t *ir.Type, alias string) []fragment {
	return s.owners(t, alias, func(at string) fragment {
		state, until, ends, x := column(at, "privacy_state"), column(at, "consent_until"), column(at, "consent_ends"), s.alias("x")
		each := "json_each(" + ends + ")"
		if s.dialect == predicate.Postgres {
			each = "jsonb_each_text(CAST(" + ends + " AS jsonb))"
		}
		return fragment{"CASE WHEN " + until + " > ? THEN " + state + " ELSE " + state +
			" & ~COALESCE((SELECT CAST(SUM(CAST(" + column(x, "key") + " AS bigint)) AS bigint) FROM " + each + " AS " + quote(x) +
			" WHERE CAST(" + column(x, "value") + " AS bigint) <= ?), 0) END",
			[]arg{argFunc(moment), argFunc(moment)}}
	})
}

// follow renders column name at the end of a chain of to-one edges, as a scalar subquery.
func (s sqlFor) follow(path []*ir.Field, alias, name string) string {
	return s.at(path, alias, func(at string) fragment { return text(column(at, name)) }).sql
}

// at renders something of the row at the end of a chain of to-one edges, as a scalar subquery.
func (s sqlFor) at(path []*ir.Field, alias string, what func(alias string) fragment) fragment {
	if len(path) == 0 {
		return what(alias)
	}
	edge := path[0]
	if b, ok := s.beside[alias]; ok && b.Column == edge.Column {
		return s.at(path[1:], b.Alias, what)
	}
	inner := s.alias("o")
	f := s.at(path[1:], inner, what)
	return fragment{fmt.Sprintf("(SELECT %s FROM %s AS %s WHERE %s = %s)",
		f.sql, quote(edge.Edge.Target.Table), quote(inner), column(inner, "id"), column(alias, edge.Column)), f.args}
}

// consented holds where every owner's state has all of bits, and there is an owner.
func (s sqlFor) consented(t *ir.Type, alias string, bits policy.State) fragment {
	if bits == 0 {
		return fragment{}
	}
	return s.have(t, alias, s.states(t, alias), bits)
}

// said holds where every owner consented at some time and did not withdraw it since. Whether the consent has run out is left to
// the decision about the cell, which looks at the state once for all cells of the row.
func (s sqlFor) said(t *ir.Type, alias string, bits policy.State) fragment {
	if bits == 0 {
		return fragment{}
	}
	return s.have(t, alias, s.owners(t, alias, func(at string) fragment { return text(column(at, "privacy_state")) }), bits)
}

// have holds where each of the owners' states has all of bits, and there is an owner.
func (s sqlFor) have(t *ir.Type, alias string, states []fragment, bits policy.State) fragment {
	var fs []fragment
	if len(states) == 0 {
		return text("1 = 0")
	}
	ids := s.owned(t, alias, "id")
	for i, st := range states {
		// All of the bits, said so that PostgreSQL does not take it for rare: of `=` it expects one row in two hundred.
		f := fragment{"(" + st.sql + ") & " + stateLiteral(bits) + " >= " + stateLiteral(bits), st.args}
		if len(states) > 1 {
			f = or(text(ids[i]+" IS NULL"), f)
		}
		fs = append(fs, f)
	}
	if len(states) > 1 {
		var some []fragment
		for _, id := range ids {
			some = append(some, text(id+" IS NOT NULL"))
		}
		fs = append(fs, or(some...))
	}
	return and(fs...)
}

// clear holds where no owner's state has any of bits.
func (s sqlFor) clear(t *ir.Type, alias string, bits policy.State) fragment {
	if bits == 0 {
		return fragment{}
	}
	var fs []fragment
	for i, st := range s.owned(t, alias, "privacy_state") {
		// None of the bits, and again not as `= 0`: an estimate of few rows makes PostgreSQL read the whole table for a page.
		f := "(" + st + " & " + stateLiteral(bits) + " > 0) IS NOT TRUE"
		if path := t.Owners[i]; len(path) > 0 { // most rows have one of the owners they could have: do not look for the others
			f = column(alias, path[0].Column) + " IS NULL OR " + f
		}
		fs = append(fs, text(f))
	}
	return and(fs...)
}

// exist is the predicate of the rows that exist for a request. Only for Rows that are Allowed.
func (s sqlFor) exist(rows policy.Rows, alias string) fragment {
	if !rows.Allowed {
		return text("1 = 0")
	}
	t := rows.Type
	fs := []fragment{s.anyOf(rows.Grants, alias), s.alive(rows.Retains, alias)}
	fs = append(fs, s.clear(t, alias, rows.Forbidden), s.consented(t, alias, rows.Needed))
	if rows.OwnOnly && t.Personal() {
		var own []fragment
		for _, id := range s.owned(t, alias, "subject_id") {
			own = append(own, text(id+" = ?", argFunc(ownSubject)))
		}
		fs = append(fs, or(own...))
	}
	return and(fs...)
}

// shown holds where a cell that could be revealed is revealed: its consents, conditions and periods.
func (s sqlFor) shown(c *policy.Cell, alias string) fragment {
	return and(s.consented(c.Field.Owner, alias, c.Needs()), s.allowed(c, alias))
}

// allowed holds where a cell is not withheld for a reason SQL decides: its conditions and periods.
func (s sqlFor) allowed(c *policy.Cell, alias string) fragment {
	var fs []fragment
	for _, any := range c.Conditions {
		fs = append(fs, s.anyOf(any, alias))
	}
	fs = append(fs, s.alive(c.Retains, alias))
	return and(fs...)
}

// cell is the expression that selects a column of a cell: null where SQL withholds it, so that the value does not even
// leave the database.
func (s sqlFor) cell(c *policy.Cell, name, alias string) fragment {
	value := column(alias, name)
	need := c.NeedsToShow | c.NeedsToAsk
	if !c.NeedsMasked() || c.Field.Computed != nil { // of the parts of a computed field no mask shows anything
		need |= c.NeedsToReveal
	}
	cond := and(s.said(c.Field.Owner, alias, need), s.allowed(c, alias))
	if cond.empty() {
		return text(value)
	}
	return fragment{"CASE WHEN " + cond.sql + " THEN " + value + " END", cond.args}
}
