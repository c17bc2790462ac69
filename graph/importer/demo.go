package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Consent is what a person of the demo data agreed to.
type Consent struct {
	Type     *ir.Type
	ID       uuid.UUID
	Purposes []string
}

// demoSpace is the namespace of demo ids (RFC 9562 §5.5): fixed, so that an id written into a query stays right.
var demoSpace = uuid.MustParse("3b0c6c2e-53b1-5d0a-9c0e-8f6f3d1e7a52")

// DemoID is the id of the demo record of type typ with that _key. It is the same in every database.
func DemoID(typ, key string) uuid.UUID { return uuid.NewSHA1(demoSpace, []byte(typ+"/"+key)) }

// LoadDemo writes demo data and returns the consents that belong to it. The YAML has a list of records under each type's
// name; values are those of the API's inputs, and besides
//
//	_key: ada              names the record
//	account: {ref: acme}   is an edge to the record of that _key
//	seenAt: {ago: P10D}    is that long before now, {in: P10D} after
//	_consents: [MARKETING] are purposes the person agreed to
//
// Records that are there already are left as they are, so loading twice changes nothing and undoes no edit. All problems
// of the file are reported at once, before anything is written; they name no value.
func LoadDemo(ctx context.Context, s *ir.Schema, name string, text []byte, now time.Time, store Store) ([]Consent, error) {
	d := demo{schema: s, name: name, now: now.UTC(), rows: map[uuid.UUID]*demoRow{}}
	d.read(text)
	for _, id := range d.order {
		d.values(d.rows[id])
	}
	if len(d.problems) > 0 {
		return nil, errors.Join(d.problems...)
	}
	waves, err := d.waves()
	if err != nil {
		return nil, err
	}
	for _, wave := range waves {
		if err := d.write(ctx, store, wave); err != nil {
			return nil, err
		}
	}
	return d.consents, nil
}

type demo struct {
	schema   *ir.Schema
	name     string
	now      time.Time
	rows     map[uuid.UUID]*demoRow
	order    []uuid.UUID // as in the file
	consents []Consent
	problems []error
}

type demoRow struct {
	typ    *ir.Type
	key    string
	line   int
	node   *yaml.Node
	row    Row
	refs   []uuid.UUID
	placed int // the wave it is written in, from 1; 0: not settled
}

func (d *demo) fail(line int, text string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d: %s", d.name, line, fmt.Sprintf(text, args...)))
}

// read finds the records and their ids, so that references may go in any direction.
func (d *demo) read(text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		d.problems = append(d.problems, fmt.Errorf("%s: %w", d.name, err))
		return
	}
	if len(doc.Content) == 0 {
		return
	}
	for typeName, list := range pairs(doc.Content[0]) {
		t := d.schema.Type(typeName.Value)
		if t == nil || !t.Entity {
			d.fail(typeName.Line, "the schema has no entity %s", typeName.Value)
			continue
		}
		for _, n := range list.Content {
			r := &demoRow{typ: t, line: n.Line, node: n, row: Row{Create: true, Values: map[string]any{}}}
			for k, v := range pairs(n) {
				if k.Value == "_key" {
					r.key = v.Value
				}
			}
			if r.key == "" {
				d.fail(n.Line, "a %s without _key", t.Name)
				continue
			}
			r.row.ID = DemoID(t.Name, r.key)
			if first := d.rows[r.row.ID]; first != nil {
				d.fail(n.Line, "%s %s stands in line %d already", t.Name, r.key, first.line)
				continue
			}
			d.rows[r.row.ID] = r
			d.order = append(d.order, r.row.ID)
		}
	}
}

// pairs yields keys and values of a mapping.
func pairs(n *yaml.Node) func(func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

func (d *demo) values(r *demoRow) {
	for k, v := range pairs(r.node) {
		switch k.Value {
		case "_key":
			continue
		case "_consents":
			c := Consent{Type: r.typ, ID: r.row.ID}
			if err := v.Decode(&c.Purposes); err != nil {
				d.fail(v.Line, "_consents is a list of purposes")
			}
			for _, p := range c.Purposes {
				if d.schema.Purpose(p) == nil {
					d.fail(v.Line, "the schema has no purpose %s", p)
				}
			}
			d.consents = append(d.consents, c)
			continue
		}
		f := r.typ.Field(k.Value)
		if f == nil || f.Kind != ir.Column && f.Kind != ir.ToOne {
			d.fail(k.Line, "%s has no stored field %q", r.typ.Name, k.Value)
			continue
		}
		value, err := d.value(f, v)
		if err != nil {
			d.fail(v.Line, "%s: %v", f.Coordinate(), err)
			continue
		}
		if value != nil {
			r.row.Values[f.Name] = value
		}
		if f.Kind == ir.ToOne && value != nil {
			r.refs = append(r.refs, value.(uuid.UUID))
		}
	}
}

func (d *demo) value(f *ir.Field, n *yaml.Node) (any, error) {
	verb, arg := "", ""
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		verb, arg = n.Content[0].Value, n.Content[1].Value
	}
	switch {
	case f.Kind == ir.ToOne:
		if verb != "ref" {
			return nil, errors.New("an edge is written {ref: KEY}")
		}
		id := DemoID(f.Edge.Target.Name, arg)
		if d.rows[id] == nil {
			return nil, fmt.Errorf("there is no %s with the _key %q", f.Edge.Target.Name, arg)
		}
		return id, nil
	case (verb == "ago" || verb == "in") && (f.Scalar == ir.DateTime || f.Scalar == ir.Date):
		p, err := ir.ParsePeriod(arg)
		if err != nil {
			return nil, err
		}
		sign := 1
		if verb == "ago" {
			sign = -1
		}
		return format.Parse(f, d.now.AddDate(sign*p.Years, sign*p.Months, sign*(7*p.Weeks+p.Days)))
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, errors.New("not a value")
	}
	return format.Parse(f, v)
}

// waves orders the records so that each comes after those it refers to: the first wave refers to nothing.
func (d *demo) waves() ([][]*demoRow, error) {
	var waves [][]*demoRow
	for placed := 0; placed < len(d.order); {
		n := len(waves) + 1
		var wave []*demoRow
		for _, id := range d.order {
			r := d.rows[id]
			if r.placed == 0 && !slices.ContainsFunc(r.refs, func(ref uuid.UUID) bool { return d.rows[ref].placed == 0 }) {
				wave = append(wave, r)
			}
		}
		if wave == nil {
			for _, id := range d.order {
				if r := d.rows[id]; r.placed == 0 {
					return nil, fmt.Errorf("%s:%d: %s %s refers to itself, perhaps through others", d.name, r.line, r.typ.Name, r.key)
				}
			}
		}
		for _, r := range wave {
			r.placed = n
		}
		placed += len(wave)
		waves = append(waves, wave)
	}
	return waves, nil
}

// write writes what of a wave is not there yet, type by type.
func (d *demo) write(ctx context.Context, store Store, wave []*demoRow) error {
	for _, t := range d.schema.Entities() {
		var ids []any
		for _, r := range wave {
			if r.typ == t {
				ids = append(ids, r.row.ID)
			}
		}
		if ids == nil {
			continue
		}
		at := slices.IndexFunc(t.Fields, func(f *ir.Field) bool { return f.Kind == ir.ID })
		if at < 0 {
			return fmt.Errorf("%s: %s has no id", d.name, t.Name)
		}
		have, err := store.Find(ctx, t, t.Fields[at], ids)
		if err != nil {
			return fmt.Errorf("%s: look up %s: %w", d.name, t.Plural, err)
		}
		var rows []Row
		var from []*demoRow
		for _, r := range wave {
			if _, there := have[r.row.ID]; r.typ == t && !there {
				rows, from = append(rows, r.row), append(from, r)
			}
		}
		if rows == nil {
			continue
		}
		res, err := store.Upsert(ctx, t, rows)
		if err != nil {
			return fmt.Errorf("%s: write %s: %w", d.name, t.Plural, err)
		}
		for _, e := range res.RowErrors {
			d.fail(from[e.Index].line, "%s %s: %s: %s", t.Name, from[e.Index].key, e.Field, e.Reason)
		}
		if len(d.problems) > 0 {
			return errors.Join(d.problems...)
		}
	}
	return nil
}
