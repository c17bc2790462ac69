package read

import (
	"context"
	"fmt"
	"strconv"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// statement is finished SQL whose parameters are found anew for each execution.
type statement struct {
	level *level
	sql   string
	args  []arg
}

// tail adds SQL behind a finished statement, with numbered parameters where the dialect numbers them.
func (s *statement) tail(d predicate.Dialect, sql string, args ...arg) {
	for _, a := range args {
		mark := "?"
		if d == predicate.Postgres {
			mark = "$" + strconv.Itoa(len(s.args)+1)
		}
		sql = replaceFirst(sql, mark)
		s.args = append(s.args, a)
	}
	s.sql += sql
}

func replaceFirst(sql, mark string) string {
	for i := 0; i < len(sql); i++ {
		if sql[i] == '\x00' {
			return sql[:i] + mark + sql[i+1:]
		}
	}
	return sql
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

// limit is one more than the page, so that hasNextPage needs no count.
func limitOf(c *connection) arg { return constant{int64(c.first) + 1} }

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
		st.tail(e.dialect, " LIMIT \x00", limitOf(c))
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
	st.sql = `SELECT * FROM (` + st.sql
	st.tail(e.dialect, `) AS "page" WHERE "n" <= `+"\x00"+` ORDER BY "parent", "n"`, limitOf(c))
	return st, nil
}

// countStatement counts the rows of a connection, per parent for an edge.
func (e *Engine) countStatement(lv *level, key string) (*statement, error) {
	bare := &level{typ: lv.typ, rows: lv.rows, alias: lv.alias, where: lv.where}
	bare.selects = []fragment{text("COUNT(*)")}
	if key != "" {
		bare.selects = append(bare.selects, text(key))
	}
	st, err := e.build(bare, nil, func(*entsql.Selector) {})
	if err != nil {
		return nil, err
	}
	if key != "" {
		st.sql += " GROUP BY " + key
	}
	return st, nil
}
