package read

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// statement is finished SQL whose parameters are found anew for each execution.
type statement struct {
	level *level
	sql   string
	args  []arg
	last  atomic.Int64 // how many rows it had the last time
}

// build asks Ent for the statement: Ent's policy decides whether there may be one at all, and numbers the parameters.
func (e *Engine) build(lv *level, extra []fragment, finish func(*entsql.Selector)) (*statement, error) {
	ctx := policy.WithCapability(context.Background(), "plan")
	sql, raw, err := e.source.PlanSQL(ctx, lv.typ.Name, func(s *entsql.Selector) {
		s.From(entsql.Table(lv.typ.Table).As(lv.alias))
		s.SelectExpr()
		for i, f := range lv.selects {
			s.AppendSelectExprAs(f.querier(), "c"+strconv.Itoa(i))
		}
		for _, j := range lv.joins {
			s.LeftJoin(entsql.Table(j.table).As(j.alias)).OnP(j.on.predicate())
		}
		if where := and(append(lv.where[:len(lv.where):len(lv.where)], extra...)...); !where.empty() {
			s.Where(where.predicate())
		}
		finish(s)
	})
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", lv.typ.Name, err)
	}
	st := &statement{level: lv, sql: sql, args: make([]arg, len(raw))}
	for i, a := range raw {
		v, ok := a.(arg)
		if !ok {
			v = constant{a}
		}
		st.args[i] = v
	}
	return st, nil
}

// parentRow is how a batched statement on PostgreSQL has the parents at hand: their keys, and their rows if something is
// asked of them.
type parentRow struct {
	typ         *ir.Type
	keys, alias string
}

// parentOf makes the aliases of a batched statement over an edge's rows at alias. SQLite has no LATERAL, and needs none.
func (s sqlFor) parentOf(edge *ir.Field, alias string) *parentRow {
	if s.dialect != predicate.Postgres {
		return nil
	}
	p := &parentRow{typ: edge.Owner, keys: s.alias("k"), alias: s.alias("p")}
	s.beside[alias] = predicate.Beside{Column: edge.Edge.Inverse.Column, Alias: p.alias}
	return p
}

// batch runs the statement for each parent within one statement: SELECT shown FROM the parents' keys, LATERAL (statement).
// PostgreSQL reads no more rows of a parent than the page shows, and looks at the parent once and not for every row.
func (s *statement) batch(p *parentRow, shown, order string) {
	var from strings.Builder
	fmt.Fprintf(&from, `SELECT %s FROM unnest($%d::uuid[]) WITH ORDINALITY AS %s("id", "at")`, shown, len(s.args)+1, quote(p.keys))
	if strings.Contains(s.sql, quote(p.alias)+".") {
		fmt.Fprintf(&from, " JOIN %s AS %s ON %s = %s", quote(p.typ.Table), quote(p.alias), column(p.alias, "id"), column(p.keys, "id"))
	}
	s.sql = from.String() + " CROSS JOIN LATERAL (" + s.sql + `) AS "page"` + order
	s.args = append(s.args, argFunc(func(r *run) any { return idList(r.parents, "{", "", "}") }))
}

// pageColumn is a selected column, outside of the batched statement.
func pageColumn(i int) string { return `"page"."c` + strconv.Itoa(i) + `"` }

// orderOfPage is the order of a level's rows by the columns it selected.
func (lv *level) orderOfPage(backward bool) string {
	terms := make([]orderTerm, len(lv.order))
	for i, t := range lv.order {
		terms[i] = orderTerm{field: t.field, expr: pageColumn(t.col), desc: t.desc}
	}
	key := pageColumn(lv.object.id)
	return strings.ReplaceAll(orderSQL(terms, lv.alias, backward), column(lv.alias, "id"), key)
}

// limitOf is one more than the page, so that hasNextPage needs no count. It stands in the text: of a parameter PostgreSQL
// would assume a tenth of the table, and plan for that.
func limitOf(c *connection) string { return " LIMIT " + itoa(int64(c.first)+1) }

// statementOf builds the connection's statement, for pages that begin at a cursor with these nulls when there is one.
func (e *Engine) statementOf(c *connection, after *nullMask) (*statement, error) {
	lv := c.level
	var extra []fragment
	if after != nil {
		extra = append(extra, beyond(lv, *after, c.backward))
	}
	order := orderSQL(lv.order, lv.alias, c.backward)
	if c.edge == nil {
		st, err := e.build(lv, extra, func(s *entsql.Selector) { s.OrderExpr(entsql.Raw(order)) })
		if err != nil {
			return nil, err
		}
		st.sql += limitOf(c)
		return st, nil
	}
	if lv.parent != nil {
		st, err := e.build(lv, extra, func(s *entsql.Selector) { s.OrderExpr(entsql.Raw(order)) })
		if err != nil {
			return nil, err
		}
		st.sql += limitOf(c)
		var shown strings.Builder
		for i := range lv.selects {
			shown.WriteString(pageColumn(i) + ", ")
		}
		shown.WriteString(column(lv.parent.keys, "id"))
		st.batch(lv.parent, shown.String(), " ORDER BY "+column(lv.parent.keys, "at")+", "+lv.orderOfPage(c.backward))
		return st, nil
	}
	// A page of every parent at once: number each parent's rows and keep the first.
	key := column(lv.alias, c.edge.Edge.Inverse.Column)
	st, err := e.build(lv, extra, func(s *entsql.Selector) {
		s.AppendSelectExprAs(text(key).querier(), "parent")
		s.AppendSelectExprAs(text("ROW_NUMBER() OVER (PARTITION BY "+key+" ORDER BY "+order+")").querier(), "n")
	})
	if err != nil {
		return nil, err
	}
	st.sql = "SELECT * FROM (" + st.sql + `) AS "page" WHERE "n" <= ` + itoa(int64(c.first)+1) + ` ORDER BY "parent", "n"`
	return st, nil
}

// countStatement counts the rows of a connection, per parent for an edge.
func (e *Engine) countStatement(lv *level, key string) (*statement, error) {
	bare := &level{typ: lv.typ, rows: lv.rows, alias: lv.alias, where: lv.where}
	bare.selects = []fragment{text("COUNT(*)")}
	if key != "" && lv.parent == nil {
		bare.selects = append(bare.selects, text(key))
	}
	st, err := e.build(bare, nil, func(*entsql.Selector) {})
	if err != nil {
		return nil, err
	}
	switch {
	case lv.parent != nil:
		st.batch(lv.parent, `"page"."c0", `+column(lv.parent.keys, "id"), "")
	case key != "":
		st.sql += " GROUP BY " + key
	}
	return st, nil
}
