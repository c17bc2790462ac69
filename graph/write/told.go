package write

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/event"
)

// maxNamed is how many rows of a type one transaction names. An import of a hundred thousand rows is one event and not as many.
const maxNamed = 100

// changes collects what a transaction writes. It sits on the transaction's client, so no write through Ent passes it by,
// whoever makes it.
type changes struct {
	reach *Reach

	mu    sync.Mutex // Ent's bulk creation may call hooks side by side
	rows  map[string]map[uuid.UUID]event.Kind
	order []row
	many  []string // types
	who   []uuid.UUID
}

type row struct {
	typ string
	id  uuid.UUID
}

// hook notes what was written once it is written. A row that is rolled back to a savepoint stays noted: whoever reads it again
// finds nothing new.
func (c *changes) hook(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		op, typ := m.Op(), m.Type()
		fields := append(m.Fields(), m.ClearedFields()...)
		v, err := next.Mutate(ctx, m)
		if err != nil || c.reach.types[typ] == nil { // a ledger is no type of the API
			return v, err
		}
		kind := event.Updated
		switch {
		case op.Is(ent.OpCreate):
			kind = event.Created
		case op.Is(ent.OpDelete | ent.OpDeleteOne):
			kind = event.Deleted
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if one, ok := m.(interface{ ID() (uuid.UUID, bool) }); ok {
			if id, known := one.ID(); known {
				c.row(typ, id, kind)
			} else {
				c.all(typ)
			}
		} else {
			c.all(typ)
		}
		switch kind {
		case event.Deleted:
			for _, other := range c.reach.deleting[typ] {
				c.all(other)
			}
		case event.Updated:
			for _, f := range fields {
				for _, other := range c.reach.changing[column{typ, f}] {
					c.all(other)
				}
			}
		}
		return v, nil
	})
}

func (c *changes) row(typ string, id uuid.UUID, kind event.Kind) {
	if slices.Contains(c.many, typ) {
		return
	}
	rows := c.rows[typ]
	if rows == nil {
		rows = map[uuid.UUID]event.Kind{}
		if c.rows == nil {
			c.rows = map[string]map[uuid.UUID]event.Kind{}
		}
		c.rows[typ] = rows
	}
	was, noted := rows[id]
	switch {
	case noted && was == event.Created && kind == event.Updated: // it is new all the same
	case !noted && len(rows) == maxNamed:
		c.all(typ)
	default:
		rows[id] = kind
		if !noted {
			c.order = append(c.order, row{typ, id})
		}
	}
}

func (c *changes) all(typ string) {
	if !slices.Contains(c.many, typ) {
		c.many = append(c.many, typ)
	}
	delete(c.rows, typ)
}

// events lists what happened, in the order of first mention.
func (c *changes) events(at time.Time) []event.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []event.Event
	for _, r := range c.order {
		if kind, ok := c.rows[r.typ][r.id]; ok {
			out = append(out, event.Event{Kind: kind, Type: r.typ, ID: r.id, At: at})
		}
	}
	for _, typ := range c.many {
		out = append(out, event.Event{Kind: event.Many, Type: typ, At: at})
	}
	for _, id := range c.who {
		out = append(out, event.Event{Kind: event.Standing, ID: id, At: at})
	}
	return out
}

// Standing notes that what a person allows has changed: the privacy state of their rows is written around Ent.
func (w Writing) Standing(subject uuid.UUID) {
	w.MustBeSeen(nil)
	if w.changes == nil {
		return
	}
	w.changes.mu.Lock()
	defer w.changes.mu.Unlock()
	if !slices.Contains(w.changes.who, subject) {
		w.changes.who = append(w.changes.who, subject)
	}
}

// Reach says which other rows a write changes for whoever sees them: rows that the database deletes or detaches along with it,
// and rows whose conditions or owners lead through it.
type Reach struct {
	types    map[string]*ir.Type
	deleting map[string][]string
	changing map[column][]string
}

type column struct{ typ, name string }

// NewReach derives it from the schema.
func NewReach(s *ir.Schema) *Reach {
	r := &Reach{types: map[string]*ir.Type{}, deleting: map[string][]string{}, changing: map[column][]string{}}
	for _, t := range s.Entities() {
		r.types[t.Name] = t
	}
	for _, t := range s.Entities() {
		r.cascade(s, t, t, map[*ir.Type]bool{})
		for _, path := range t.Owners {
			r.along(t, path)
		}
		rules := t.Access
		for _, f := range t.Fields {
			rules = append(rules[:len(rules):len(rules)], f.Access...)
		}
		for _, a := range rules {
			if a.When != nil {
				r.paths(t, a.When.Expr)
			}
		}
	}
	return r
}

// cascade notes the types whose rows go, or lose a key, when a row of t is deleted.
func (r *Reach) cascade(s *ir.Schema, from, t *ir.Type, visited map[*ir.Type]bool) {
	if visited[t] {
		return
	}
	visited[t] = true
	for _, other := range s.Entities() {
		for _, f := range other.Fields {
			if f.Kind != ir.ToOne || f.Edge.Target != t || f.Edge.OnDelete == ir.Restrict {
				continue
			}
			if !slices.Contains(r.deleting[from.Name], other.Name) {
				r.deleting[from.Name] = append(r.deleting[from.Name], other.Name)
			}
			if f.Edge.OnDelete == ir.Cascade {
				r.cascade(s, from, other, visited)
			}
		}
	}
}

func (r *Reach) paths(t *ir.Type, e *ir.Expr) {
	r.along(t, e.Path)
	for _, a := range e.Args {
		r.paths(t, a)
	}
}

// along notes that rows of t depend on every column of a path that is not their own.
func (r *Reach) along(t *ir.Type, path []*ir.Field) {
	for i, f := range path {
		at := column{f.Owner.Name, f.Column}
		if i > 0 && !slices.Contains(r.changing[at], t.Name) {
			r.changing[at] = append(r.changing[at], t.Name)
		}
	}
}
