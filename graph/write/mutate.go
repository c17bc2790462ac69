package write

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// change is a checked input: storage values by column, and what must hold of the row once they are written.
type change struct {
	policy.Withheld

	columns    []string
	values     []any
	unique     []unique
	edges      []reference
	conditions [][]*ir.Condition
	gated      []gated
	stepUp     ir.StepUp // with which conditions of fields would not be asked
}

// gated is an input that needs a person's consent before it is kept.
type gated struct {
	input string
	to    *ir.Purpose
}

// reference is an edge the input sets: the row at its end must exist for the viewer.
type reference struct {
	input  string
	target *ir.Type
	id     uuid.UUID
}

// changeOf checks an input. Every fault of it names the input field, none its value.
func changeOf(t *ir.Type, op ir.Op, s *read.Session, in map[string]any) (change, error) {
	var c change
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		field := t.Field(name)
		if field == nil {
			field = t.Field(strings.TrimSuffix(name, "Id"))
			if field != nil && field.Kind != ir.ToOne {
				field = nil
			}
		}
		if field == nil || !field.Stored() || field.Kind == ir.ID || op == ir.Update && field.Immutable {
			return change{}, read.FailField(read.CodeBadInput, name, "this field is not an input")
		}
		conditions, why, need, ok := policy.MayWrite(field, op, s.Request)
		if !ok && !need.IsZero() {
			err := read.FailStepUp(need)
			err.Field = name
			return change{}, err
		}
		if !ok {
			return change{}, read.FailField(read.CodeFieldNotWritable, name, why.Text+" "+why.Remedy)
		}
		if len(conditions) > 0 {
			c.conditions = append(c.conditions, conditions)
			c.stepUp = need
		}
		v, err := c.value(field, name, in[name])
		if err != nil {
			return change{}, err
		}
		if at, ok := v.(time.Time); ok && startsPeriod(field) && at.After(latest(field, s.Now)) {
			return change{}, read.FailField(read.CodeBadInput, name, "this starts a retention period, so it cannot lie in the future")
		}
		if v != nil || op != ir.Create { // a new row has its defaults where nothing is said, and where null is
			c.columns = append(c.columns, field.Column)
			c.values = append(c.values, v)
		}
		if v != nil {
			for _, g := range field.Consents {
				c.gated = append(c.gated, gated{name, g.To})
			}
		}
		if field.Unique {
			c.unique = append(c.unique, unique{field, v})
		}
	}
	return c, nil
}

// startsPeriod reports whether a retention period is counted from the field.
func startsPeriod(f *ir.Field) bool {
	counts := func(r *ir.Retain) bool { return r.After == f }
	return slices.ContainsFunc(f.Owner.Retains, counts) ||
		slices.ContainsFunc(f.Owner.Fields, func(o *ir.Field) bool { return slices.ContainsFunc(o.Retains, counts) })
}

// latest is the last time a period may be said to begin: else whoever writes records could keep them for good. A moment has
// passed, up to the clocks of whoever wrote it down; a date, such as the end of somebody's employment, may be known ahead.
func latest(f *ir.Field, now time.Time) time.Time {
	if f.Scalar == ir.Date {
		return now.AddDate(1, 0, 0)
	}
	return now.AddDate(0, 0, 1)
}

func (c *change) value(f *ir.Field, name string, v any) (any, error) {
	if v == nil {
		if f.Type.NonNull {
			return nil, read.FailField(read.CodeBadInput, name, "this field cannot be null")
		}
		return nil, nil
	}
	if f.Kind == ir.ToOne {
		text, _ := v.(string)
		typ, id, err := read.DecodeID(text)
		if err != nil || typ != f.Edge.Target.Name {
			id = uuid.Nil // like an id that is not there
		}
		c.edges = append(c.edges, reference{name, f.Edge.Target, id})
		return id, nil
	}
	parsed, err := format.Parse(f, v)
	if err != nil {
		return nil, read.FailField(read.CodeBadInput, name, err.Error())
	}
	return parsed, nil
}

// assign puts the change into an Ent mutation.
func (c *change) assign(m ent.Mutation) error {
	for i, col := range c.columns {
		if err := ent.Assign(m, col, c.values[i]); err != nil {
			return fmt.Errorf("assign %s: %w", col, err)
		}
	}
	return nil
}

// began writes the fields whose default is the time of writing, by the request's clock: that of every other decision about
// the row. What the input sets comes after.
func began(m ent.Mutation, t *ir.Type, now time.Time) error {
	return stamp(m, t, now, func(f *ir.Field) bool { return f.Default != nil && *f.Default == "now" })
}

// touch writes the fields that hold the time of the last change.
func touch(m ent.Mutation, t *ir.Type, now time.Time) error {
	return stamp(m, t, now, func(f *ir.Field) bool { return f.OnUpdate })
}

func stamp(m ent.Mutation, t *ir.Type, now time.Time, which func(*ir.Field) bool) error {
	for _, f := range t.Fields {
		if f.Scalar != ir.DateTime && f.Scalar != ir.Date || !which(f) {
			continue
		}
		at := now.UTC()
		if f.Scalar == ir.Date {
			at = at.Truncate(24 * time.Hour)
		}
		if err := ent.Assign(m, f.Column, at); err != nil {
			return fmt.Errorf("assign %s: %w", f.Coordinate(), err)
		}
	}
	return nil
}

// references checks that every row the input points to exists for the viewer.
func (e *Engine) references(ctx context.Context, tx *sql.Tx, s *read.Session, c change) error {
	for _, r := range c.edges {
		ok, err := e.Reads.Exists(ctx, tx, s, r.target, r.id, []ir.Op{ir.Read})
		if err != nil {
			return err
		}
		if !ok {
			return read.FailField(read.CodeNotFound, r.input, "no such record")
		}
	}
	return nil
}

func (e *Engine) create(ctx context.Context, s *read.Session, t *ir.Type, in map[string]any) (read.Object, error) {
	c, err := changeOf(t, ir.Create, s, in)
	if err != nil {
		return read.Object{}, err
	}
	id, err := e.NewID()
	if err != nil {
		return read.Object{}, err
	}
	err = e.within(ctx, func(w Writing) error {
		was, done, err := e.claim(ctx, w, s, id)
		if err != nil {
			return err
		}
		if done {
			id = was
			return nil
		}
		if err := e.references(ctx, w.Tx, s, c); err != nil {
			return err
		}
		m, save, err := w.Client.NewCreate(t.Name, id)
		if err != nil {
			return err
		}
		if t.Subject {
			if err := newSubject(m, id); err != nil {
				return err
			}
		}
		if err := began(m, t, s.Now); err != nil {
			return err
		}
		if err := c.assign(m); err != nil {
			return err
		}
		if err := e.instances(ctx, w.Tx, s, m, c, id); err != nil {
			return err
		}
		if err := save(w); err != nil {
			return failed(err)
		}
		if err := e.consented(ctx, w.Tx, s, t, id, c); err != nil {
			return err
		}
		// Nobody creates what would lie outside their own reach.
		ok, err := e.Reads.Exists(ctx, w.Tx, s, t, id, []ir.Op{ir.Create}, c.conditions...)
		if err != nil {
			return err
		}
		if need := cmp.Or(policy.RowsOf(t, ir.Create, s.Request).StepUp, c.stepUp); !ok && !need.IsZero() {
			return read.FailStepUp(need)
		}
		if !ok {
			return read.Fail(read.CodeForbidden, "role "+s.Request.Role.Name+" may not create this "+t.Name+": its conditions do not hold for it, or its retention period is over already")
		}
		return nil
	})
	if err != nil {
		return read.Object{}, err
	}
	return e.Reads.Payload(ctx, payloadOf(ir.Create, t), map[string]read.Part{t.Singular: {Type: t, ID: read.EncodeID(t.Name, id)}})
}

// newSubject makes a row a person of its own. Merging is a later, deliberate act.
func newSubject(m ent.Mutation, id uuid.UUID) error {
	if err := ent.Assign(m, "subject_id", id); err != nil {
		return fmt.Errorf("assign subject: %w", err)
	}
	return nil
}

func (e *Engine) update(ctx context.Context, s *read.Session, t *ir.Type, rawID any, in map[string]any) (read.Object, error) {
	c, err := changeOf(t, ir.Update, s, in)
	if err != nil {
		return read.Object{}, err
	}
	id := e.rowID(t, rawID)
	err = e.within(ctx, func(w Writing) error {
		if _, done, err := e.claim(ctx, w, s, id); err != nil || done {
			return err
		}
		ops := []ir.Op{ir.Read, ir.Update}
		ok, err := e.Reads.Exists(ctx, w.Tx, s, t, id, ops)
		if err != nil {
			return err
		}
		if !ok {
			return missing(t, s.Request, ops...)
		}
		if len(c.conditions) > 0 { // a change must not be what makes itself allowed
			if err := e.mayChange(ctx, w.Tx, s, t, id, c); err != nil {
				return err
			}
		}
		if err := e.references(ctx, w.Tx, s, c); err != nil {
			return err
		}
		m, save, err := w.Client.NewUpdate(t.Name, id)
		if err != nil {
			return err
		}
		if err := c.assign(m); err != nil {
			return err
		}
		if err := e.instances(ctx, w.Tx, s, m, c, id); err != nil {
			return err
		}
		if err := touch(m, t, s.Now); err != nil {
			return err
		}
		if err := save(w); err != nil {
			return failed(err)
		}
		if err := e.consented(ctx, w.Tx, s, t, id, c); err != nil {
			return err
		}
		// Nor changes it into something outside of it.
		return e.mayChange(ctx, w.Tx, s, t, id, c)
	})
	if err != nil {
		return read.Object{}, err
	}
	return e.Reads.Payload(ctx, payloadOf(ir.Update, t), map[string]read.Part{t.Singular: {Type: t, ID: read.EncodeID(t.Name, id)}})
}

// consented checks the consents of the fields the change sets, for the row as it stands now. What is gated by consent when it
// is read is not collected without it either (GDPR Art. 9(2)(a) for special categories: processing includes storage).
func (e *Engine) consented(ctx context.Context, tx *sql.Tx, s *read.Session, t *ir.Type, id uuid.UUID, c change) error {
	for _, g := range c.gated {
		ok, err := e.Reads.Consented(ctx, tx, s, t, id, policy.PurposeBit(g.to))
		if err != nil {
			return err
		}
		if !ok {
			return read.FailField(read.CodeConsentRequired, g.input, "this is kept only of people who consented to "+g.to.Name+": record the consent first")
		}
	}
	return nil
}

// mayChange checks the conditions of the type and of every field the change sets, on the row as it stands.
func (e *Engine) mayChange(ctx context.Context, tx *sql.Tx, s *read.Session, t *ir.Type, id uuid.UUID, c change) error {
	ok, err := e.Reads.Exists(ctx, tx, s, t, id, []ir.Op{ir.Update}, c.conditions...)
	if need := cmp.Or(policy.RowsOf(t, ir.Update, s.Request).StepUp, c.stepUp); err == nil && !ok && !need.IsZero() {
		return read.FailStepUp(need)
	}
	if err == nil && !ok {
		err = read.Fail(read.CodeForbidden, "role "+s.Request.Role.Name+" may not change this "+t.Name+" so: its conditions do not hold for it, or would no longer")
	}
	return err
}

func (e *Engine) delete(ctx context.Context, s *read.Session, t *ir.Type, rawID any) (read.Object, error) {
	id := e.rowID(t, rawID)
	err := e.Within(ctx, func(w Writing) error {
		w.MustBeSeen(e.gone(t, id))
		if _, done, err := e.claim(ctx, w, s, id); err != nil || done {
			return err
		}
		ok, err := e.Reads.Exists(ctx, w.Tx, s, t, id, []ir.Op{ir.Read, ir.Delete})
		if err != nil {
			return err
		}
		if !ok {
			return missing(t, s.Request, ir.Read, ir.Delete)
		}
		person := uuid.Nil
		if t.Subject {
			if person, err = SubjectOf(ctx, w.Tx, e.Dialect, t, id); err != nil {
				return fmt.Errorf("find the person of a record: %w", err)
			}
		}
		if err := w.Client.DeleteByID(w, t.Name, id); err != nil {
			return failed(err)
		}
		if t.Subject && e.Asking != nil {
			return e.Asking.Forget(w, w.Tx, person)
		}
		return nil
	})
	if err != nil {
		return read.Object{}, err
	}
	return e.Reads.Payload(ctx, payloadOf(ir.Delete, t), map[string]read.Part{"deletedId": {Value: read.EncodeID(t.Name, id)}})
}

// gone looks whether a row is not there any more.
func (e *Engine) gone(t *ir.Type, id uuid.UUID) Done {
	return func(ctx context.Context, db *sql.DB) (bool, error) {
		query, args := entsql.Dialect(e.Dialect).Select(entsql.Count("*")).From(entsql.Table(t.Table)).Where(entsql.EQ("id", id.String())).Query()
		var n int
		err := db.QueryRowContext(ctx, query, args...).Scan(&n)
		return err == nil && n == 0, err
	}
}

// rowID is the row an id of t names; one that names none is like a row that is not there.
func (e *Engine) rowID(t *ir.Type, raw any) uuid.UUID {
	text, _ := raw.(string)
	typ, id, err := read.DecodeID(text)
	if err != nil || typ != t.Name {
		return uuid.Nil
	}
	return id
}
