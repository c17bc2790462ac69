package read

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// MaxWatched is how many records a subscription may name.
const MaxWatched = 100

// Errors of subscriptions.
var (
	errNoStream   = Fail(CodeBadInput, "a subscription is answered by a stream: accept text/event-stream, or connect by WebSocket (graphql-transport-ws)")
	errLiveCursor = Fail(CodeBadInput, "a subscription has no cursors: ask for them in a query")
	errNoPerson   = Fail(CodeNotFound, "no such record")
)

// ResolveChange answers the root field of a subscription on one Occasion. A null Object says that there is nothing to tell.
func (e *Engine) ResolveChange(ctx context.Context) (o Object, err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return Object{}, err
	}
	oc := OccasionFrom(ctx)
	if oc == nil {
		return Object{}, errNoStream
	}
	f := graphql.GetFieldContext(ctx).Field
	op := graphql.GetOperationContext(ctx)
	if f.Name == "consentChanged" {
		return e.consentChange(ctx, s, op, f, oc)
	}
	t := e.changes[f.Name]
	if t == nil {
		return Object{}, fmt.Errorf("%s is not a root field of the engine", f.Name)
	}
	if oc.Opening {
		oc.Topic, err = e.topic(ctx, s, op, f, t)
		return Object{}, err
	}
	return e.change(ctx, s, op, f, t, oc)
}

// topic finds fault with a subscription before it begins, and reads what it names.
func (e *Engine) topic(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type) (*Topic, error) {
	if rows := policy.RowsOf(t, ir.Read, s.Request); !rows.Allowed {
		return nil, Fail(CodeForbidden, rows.Why.Text)
	}
	if err := e.PlanPayload(ctx, api.Change(t), map[string]*ir.Type{"node": t}); err != nil {
		return nil, err
	}
	args := Arguments(f, op.Variables)
	named := asList(args["ids"])
	if id, ok := args["id"].(string); ok {
		named = append(named[:len(named):len(named)], id)
	}
	if len(named) > MaxWatched {
		return nil, FailField(CodePageTooLarge, "ids", fmt.Sprintf("at most %d records at once", MaxWatched))
	}
	topic := &Topic{Type: t, All: args["ids"] == nil && args["id"] == nil}
	for _, v := range named {
		text, _ := v.(string)
		if typ, id, err := DecodeID(text); err == nil && typ == t.Name { // any other is like one that is not there
			topic.Rows = append(topic.Rows, id)
		}
	}
	return topic, nil
}

// change reads the row anew, and tells of it if the viewer sees something else than before.
func (e *Engine) change(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type, oc *Occasion) (Object, error) {
	fields := graphql.CollectFields(op, f.Selections, []string{api.Change(t)})
	id := EncodeID(t.Name, oc.Row)
	nodes := make([]Object, len(fields))
	asked := false // for a record
	oc.own, oc.denied = nil, nil
	defer func() {
		clear(oc.own)
		for _, n := range nodes {
			clear(n.json)
		}
	}()
	for i, sub := range fields {
		if sub.Name != "node" {
			continue
		}
		rows, err := e.get(ctx, s, op, sub, pathOf(ctx)+"."+sub.Alias, t, []string{id})
		if err != nil {
			return Object{}, err
		}
		nodes[i], asked = rows[0], true
	}
	for _, n := range nodes {
		oc.After.Visible = oc.After.Visible || !n.IsNull()
	}
	plain := len(oc.own) == 0 // no field is asked for by which a change could be seen
	oc.After.Mark = e.mark(oc.own)
	if !asked {
		var err error
		if oc.After.Visible, err = e.Exists(ctx, e.db, s, t, oc.Row, []ir.Op{ir.Read}); err != nil {
			return Object{}, err
		}
	}
	kind := ""
	oc.After.Known, oc.After.Shown = true, oc.Before.Shown
	switch was, is := oc.Before, oc.After; {
	case was.Known && !was.Visible && is.Visible:
		kind = "CREATED"
	case was.Known && was.Visible && !is.Visible && was.Shown:
		kind = "DELETED"
	case was.Known && was.Visible && is.Visible && was.Mark != is.Mark:
		kind = "UPDATED"
	case is.Visible && (!was.Known || was.Visible && plain) && stamped(t, s.Request):
		kind = "UPDATED"
	}
	if oc.Told = kind != "" && !oc.Quiet; !oc.Told {
		return Object{}, nil
	}
	oc.After.Shown = true
	enc := &encoder{buf: []byte{'{'}}
	for i, sub := range fields {
		if i > 0 {
			enc.buf = append(enc.buf, ',')
		}
		enc.buf = append(enc.buf, `"`+sub.Alias+`":`...)
		switch {
		case sub.Name == "__typename":
			enc.buf = appendString(enc.buf, api.Change(t))
		case sub.Name == "kind":
			enc.buf = appendString(enc.buf, kind)
		case sub.Name == "id":
			enc.buf = appendString(enc.buf, id)
		case nodes[i].IsNull():
			enc.buf = append(enc.buf, "null"...)
		default:
			enc.buf = append(enc.buf, nodes[i].json...)
		}
	}
	return Object{json: append(enc.buf, '}'), denied: oc.denied}, nil
}

// stamped reports whether the viewer sees when a row was last written, whatever else they see of it. Then that it was written is
// no secret, and they may be told of a row of which nobody knows what they saw before.
func stamped(t *ir.Type, r policy.Request) bool {
	for _, f := range t.Fields {
		if !f.OnUpdate || f.Kind != ir.Column || !api.Shown(f) {
			continue
		}
		if c := policy.CellOf(f, r); c.Outcome == policy.Reveal && !c.ByRow() && len(c.Conditions) == 0 && len(c.Retains) == 0 {
			return true
		}
	}
	return false
}

// mark sums up what is seen of a row.
func (e *Engine) mark(seen []byte) (m Mark) {
	h := hmac.New(sha256.New, e.markKey[:])
	h.Write(seen)
	copy(m[:], h.Sum(nil))
	return m
}

// consentChange tells what a person stands for now, if that is something else than before. People hear of themselves; staff of
// whom they may record consent for, and no longer than that.
func (e *Engine) consentChange(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, oc *Occasion) (Object, error) {
	subject, err := e.person(ctx, s, Arguments(f, op.Variables)["subject"])
	if err != nil {
		return Object{}, err
	}
	if oc.Opening {
		oc.Topic = &Topic{Subject: subject}
		return Object{}, nil
	}
	states, err := e.book.States(ctx, subject, s.Now)
	if err != nil {
		return Object{}, fmt.Errorf("read consents: %w", err)
	}
	var whole []byte
	for _, st := range states {
		whole = fmt.Appendf(whole, "%s %t %t;", st.Purpose.Name, st.Given, st.Objected)
	}
	oc.After = Sight{Known: true, Visible: true, Shown: true, Mark: e.mark(whole)}
	if oc.Told = !oc.Quiet && oc.After.Mark != oc.Before.Mark; !oc.Told {
		return Object{}, nil
	}
	return e.answer(op, f, record{"ConsentChange", func(graphql.CollectedField) (any, error) {
		return e.statesOf(ctx, states), nil
	}})
}

// person is whose consents are asked for.
func (e *Engine) person(ctx context.Context, s *Session, raw any) (uuid.UUID, error) {
	if raw == nil && s.Principal.IsSubject() {
		return s.Principal.Subject, nil
	}
	name, _ := raw.(string)
	if name == "" {
		return uuid.Nil, FailField(CodeBadInput, "subject", "name the person by the id of one of their records")
	}
	typ, row, err := DecodeID(name)
	t := e.schema.Type(typ)
	if err != nil || t == nil || !t.Subject {
		return uuid.Nil, errNoPerson
	}
	ops := []ir.Op{ir.Read}
	if !s.Principal.IsSubject() {
		if rows := policy.RowsOf(t, ir.ConsentOp, s.Request); !rows.Allowed {
			return uuid.Nil, Fail(CodeForbidden, rows.Why.Text)
		}
		ops = append(ops, ir.ConsentOp)
	}
	ok, err := e.Exists(ctx, e.db, s, t, row, ops)
	if err != nil {
		return uuid.Nil, err
	}
	if !ok {
		return uuid.Nil, errNoPerson
	}
	sqls := e.sql()
	lv := &level{typ: t, alias: sqls.alias("t")}
	lv.selects = []fragment{text(column(lv.alias, "subject_id"))}
	lv.where = []fragment{text(column(lv.alias, "id")+" = ?", constant{row.String()})}
	found, err := e.look(ctx, e.db, s, lv)
	if err != nil {
		return uuid.Nil, err
	}
	if len(found) == 0 {
		return uuid.Nil, errNoPerson
	}
	return uuidOf(found[0][0].key()), nil
}

// maxAbout bounds how many rows of one type are looked at again one by one.
const maxAbout = 10_000

// About lists the rows of t that are about a person, whoever asks: it serves to look at them again, not to show them. More says
// that there are others.
func (e *Engine) About(ctx context.Context, t *ir.Type, subject uuid.UUID) (ids []uuid.UUID, more bool, err error) {
	return e.rowsThat(ctx, t, func(sqls sqlFor, alias string) (own []fragment) {
		for _, id := range sqls.owned(t, alias, "subject_id") {
			own = append(own, text(id+" = ?", constant{subject.String()}))
		}
		return own
	})
}

// Leading lists the rows of t whose keys lead to a row of another type, as About does.
func (e *Engine) Leading(ctx context.Context, t, to *ir.Type, row uuid.UUID) (ids []uuid.UUID, more bool, err error) {
	return e.rowsThat(ctx, t, func(_ sqlFor, alias string) (keys []fragment) {
		for _, f := range t.Fields {
			if f.Kind == ir.ToOne && f.Edge.Target == to {
				keys = append(keys, text(column(alias, f.Column)+" = ?", constant{row.String()}))
			}
		}
		return keys
	})
}

// rowsThat lists rows of which one of the predicates holds.
func (e *Engine) rowsThat(ctx context.Context, t *ir.Type, any func(sqls sqlFor, alias string) []fragment) (ids []uuid.UUID, more bool, err error) {
	sqls := e.sql()
	lv := &level{typ: t, alias: sqls.alias("t")}
	lv.selects = []fragment{text(column(lv.alias, "id"))}
	which := any(sqls, lv.alias)
	if len(which) == 0 {
		return nil, false, nil
	}
	lv.where = []fragment{or(which...)}
	st, err := e.build(lv, nil, func(sel *entsql.Selector) { sel.Limit(maxAbout + 1) })
	if err != nil {
		return nil, false, err
	}
	r := &run{e: e, ctx: ctx, db: standard{e.db}}
	rows, err := r.query(st, 1)
	if err != nil {
		return nil, false, fmt.Errorf("find what to look at again: %w", err)
	}
	for _, row := range rows[:min(len(rows), maxAbout)] {
		ids = append(ids, uuidOf(row[0].key()))
	}
	return ids, len(rows) > maxAbout, nil
}
