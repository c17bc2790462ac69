package read

import (
	"context"
	"fmt"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Exists reports whether the row exists for the session under every one of ops, and meets one condition of each of
// also. A write asks it before (may this row be changed?) and after (is what was written still within reach?), in the
// write's own transaction.
func (e *Engine) Exists(ctx context.Context, db Querier, s *Session, t *ir.Type, id uuid.UUID, ops []ir.Op, also ...[]*ir.Condition) (bool, error) {
	sqls := e.sql()
	lv := &level{typ: t, alias: sqls.alias("t"), selects: []fragment{text("1")}}
	lv.where = append(lv.where, text(column(lv.alias, "id")+" = ?", constant{id.String()}))
	for _, op := range ops {
		rows := policy.RowsOf(t, op, s.Request)
		if !rows.Allowed || rows.OwnOnly && !t.Personal() {
			return false, nil
		}
		lv.where = append(lv.where, sqls.exist(rows, lv.alias))
	}
	for _, any := range also {
		lv.where = append(lv.where, sqls.anyOf(any, lv.alias))
	}
	return e.any(ctx, db, s, lv)
}

// Taken reports whether another row of the field's type has the value, and whether the session sees one that has: the row,
// and the value in it. It is one statement whatever the answer. v is a storage value, or of an edge the row's UUID.
func (e *Engine) Taken(ctx context.Context, db Querier, s *Session, f *ir.Field, v any, except uuid.UUID) (taken, seen bool, err error) {
	t, sqls := f.Owner, e.sql()
	lv := &level{typ: t, alias: sqls.alias("t")}
	if id, ok := v.(uuid.UUID); ok {
		v = id.String()
	}
	equal := text(column(lv.alias, f.Column)+" = ?", constant{v})
	if f.Sealed() {
		indexes, err := e.opener.Blind(ctx, f, v)
		if err != nil {
			return false, false, errKeys
		}
		equal = sqls.anyIndex(f, lv.alias, func(*run) []int64 { return indexes })
		if e.opener.Moving(f) {
			equal = or(equal, and(text(column(lv.alias, f.Column)+" IS NULL"), unsealed(f, lv.alias, v)))
		}
	}
	lv.where = append(lv.where, equal, text(column(lv.alias, "id")+" <> ?", constant{except.String()}))
	visible := text("1 = 0")
	rows, c := policy.RowsOf(t, ir.Read, s.Request), policy.CellOf(f, s.Request)
	if rows.Allowed && c.Queryable() && (!rows.OwnOnly || t.Personal()) {
		if visible = and(sqls.exist(rows, lv.alias), sqls.shown(&c, lv.alias)); visible.empty() {
			visible = text("1 = 1")
		}
	}
	if f.Sealed() {
		return e.takenSealed(ctx, db, s, f, v, lv, visible)
	}
	lv.selects = []fragment{text("COUNT(*)"), {"COUNT(CASE WHEN " + visible.sql + " THEN 1 END)", visible.args}}
	found, err := e.look(ctx, db, s, lv)
	if err != nil {
		return false, false, err
	}
	return found[0][0].n > 0, found[0][1].n > 0, nil
}

// takenSealed is Taken for a sealed field. A row that only shares the blind index takes it as well, but is not seen to have the
// value: only visible rows are opened, so how long that takes tells nothing of the others.
func (e *Engine) takenSealed(ctx context.Context, db Querier, s *Session, f *ir.Field, v any, lv *level, visible fragment) (taken, seen bool, err error) {
	lv.selects = append(candidateColumns(f, lv.alias), fragment{"CASE WHEN " + visible.sql + " THEN 1 ELSE 0 END", visible.args})
	found, err := e.look(ctx, db, s, lv)
	if err != nil {
		return false, false, err
	}
	var rows [][]cell
	for _, row := range found {
		switch {
		case row[3].n != 1:
		case row[2].null(): // has not moved, and SQL compared the value itself
			seen = true
		default:
			rows = append(rows, row)
		}
	}
	r := &run{e: e, ctx: ctx, session: s}
	same, err := r.same(f, rows, []any{v})
	return len(found) > 0, seen || slices.Contains(same, true), err
}

// Consented reports whether everybody the row is about has given all of the consents.
func (e *Engine) Consented(ctx context.Context, db Querier, s *Session, t *ir.Type, id uuid.UUID, consents policy.State) (bool, error) {
	sqls := e.sql()
	lv := &level{typ: t, alias: sqls.alias("t"), selects: []fragment{text("1")}}
	lv.where = []fragment{text(column(lv.alias, "id")+" = ?", constant{id.String()}), sqls.consented(t, lv.alias, consents)}
	return e.any(ctx, db, s, lv)
}

// any reports whether a level has a row.
func (e *Engine) any(ctx context.Context, db Querier, s *Session, lv *level) (bool, error) {
	rows, err := e.look(ctx, db, s, lv)
	return len(rows) > 0, err
}

// look runs the statement of a level in somebody else's transaction.
func (e *Engine) look(ctx context.Context, db Querier, s *Session, lv *level) ([][]cell, error) {
	st, err := e.build(lv, nil, func(*entsql.Selector) {})
	if err != nil {
		return nil, err
	}
	r := &run{e: e, ctx: ctx, db: standard{db}, session: s}
	rows, err := r.query(st, len(lv.selects))
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", lv.typ.Name, err)
	}
	return rows, nil
}
