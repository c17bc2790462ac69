package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Plan is a Map that was checked against a schema. It is immutable and safe for concurrent use.
type Plan struct {
	schema *ir.Schema
	m      *Map
	types  []*recordPlan // the row's own record last
	needed []column      // the columns to read, each once
}

// column is a column the map reads.
type column struct {
	name     string
	optional bool
}

// recordPlan is how one record is made.
type recordPlan struct {
	name  string
	typ   *ir.Type
	key   *ir.Field
	keep  bool
	cells []cellPlan
	edges []edgePlan
	must  []*ir.Field     // fields a new record cannot be without
	once  map[string]bool // fields only a new record gets
}

// cellPlan is a column of the type and where its value comes from.
type cellPlan struct {
	field *ir.Field
	value valuePlan
}

// edgePlan is a to-one edge: to a record of the row, or to one found by a unique field.
type edgePlan struct {
	field  *ir.Field
	record int       // of Plan.types; -1: find
	find   *ir.Field // of the target
	value  valuePlan // of find
	empty  bool      // what is not found leaves the edge empty
}

// forward reports whether the edge may lead to a row of the same file that comes later.
func (e edgePlan) forward(own *recordPlan) bool {
	return e.find != nil && e.find == own.key
}

// Type is the type of the row's own record.
func (p *Plan) Type() *ir.Type { return p.own().typ }

// OfferedAs is the type whose plural names the file on the command line: `import contacts`.
func (p *Plan) OfferedAs() *ir.Type {
	if p.m.Offer != "" {
		return p.schema.Type(p.m.Offer)
	}
	return p.Type()
}

func (p *Plan) own() *recordPlan { return p.types[len(p.types)-1] }

// Compile checks m against s. The error has every problem, one a line.
func Compile(s *ir.Schema, m *Map) (*Plan, error) {
	c := mapCompiler{plan: &Plan{schema: s, m: m}}
	if m.Offer != "" && (s.Type(m.Offer) == nil || !s.Type(m.Offer).Entity) {
		c.fail("offer: the schema has no entity %s", m.Offer)
	}
	if m.Phones != nil {
		switch {
		case m.Phones.Country != "" && m.Phones.Column == "":
			if code, err := format.Country(m.Phones.Country); err != nil || code != m.Phones.Country {
				c.fail("phones: name a country by its ISO 3166-1 code, for example US")
			}
		case m.Phones.Column != "" && m.Phones.Country == "":
			c.column(m.Phones.Column, true)
		default:
			c.fail("phones: give a country or a column")
		}
	}
	for i, r := range m.With {
		at := fmt.Sprintf("with[%d]", i)
		if r.Name == "" {
			c.fail("%s: give the record a name that the others can refer to", at)
		} else {
			at = r.Name
		}
		c.record(at, r)
	}
	if m.Record.Name != "" {
		c.fail("name: the row's own record has none")
	}
	c.record("the row", m.Record)
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	return c.plan, nil
}

type mapCompiler struct {
	plan     *Plan
	problems []error
}

func (c *mapCompiler) fail(text string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(c.plan.m.Name+": "+text, args...))
}

func (c *mapCompiler) column(name string, optional bool) {
	key := headerKey(name)
	for i, have := range c.plan.needed {
		if headerKey(have.name) == key {
			c.plan.needed[i].optional = have.optional && optional
			return
		}
	}
	c.plan.needed = append(c.plan.needed, column{name, optional})
}

func (c *mapCompiler) record(at string, r Record) {
	t := c.plan.schema.Type(r.Entity)
	if t == nil || !t.Entity {
		c.fail("%s: the schema has no entity %q", at, r.Entity)
		return
	}
	rp := &recordPlan{name: r.Name, typ: t, keep: r.Existing == "keep", once: map[string]bool{}}
	if r.Existing != "" && r.Existing != "keep" && r.Existing != "update" {
		c.fail("%s: existing is update or keep", at)
	}
	if slices.ContainsFunc(c.plan.types, func(o *recordPlan) bool { return o.name == r.Name && r.Name != "" }) {
		c.fail("%s: two records have this name", at)
	}
	rp.key = t.Field(r.Key)
	switch {
	case rp.key == nil || rp.key.Kind != ir.Column:
		c.fail("%s: key: %s has no stored field %q", at, t.Name, r.Key)
		return
	case rp.key.Scalar == ir.JSON:
		c.fail("%s: key: %s is JSON, which cannot be compared", at, rp.key.Coordinate())
		return
	case !rp.key.Unique:
		c.fail("%s: key: %s is not @unique, so it cannot tell rows apart", at, rp.key.Coordinate())
	}
	if _, ok := r.Fields[r.Key]; !ok {
		c.fail("%s: the key %s needs a source among the fields", at, rp.key.Coordinate())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		rp.once[name] = r.Fields[name].Once
		c.field(at, rp, name, r.Fields[name])
	}
	for _, f := range t.Fields {
		if !f.Type.NonNull || f.Default != nil || f.Kind != ir.Column && f.Kind != ir.ToOne {
			continue
		}
		if f.Edge != nil && f.Edge.Hidden {
			continue
		}
		if _, ok := r.Fields[f.Name]; !ok {
			c.fail("%s: %s is required and the map has no source for it", at, f.Coordinate())
		}
		rp.must = append(rp.must, f)
	}
	c.plan.types = append(c.plan.types, rp)
}

func (c *mapCompiler) field(at string, rp *recordPlan, name string, src Source) {
	f := rp.typ.Field(name)
	if f == nil {
		c.fail("%s: %s has no field %q", at, rp.typ.Name, name)
		return
	}
	at += ": " + f.Coordinate()
	switch f.Kind {
	case ir.Column:
		if src.Record != "" || src.Find != "" {
			c.fail("%s is no edge: it has a column or a value, not a record", at)
			return
		}
		if v, ok := c.value(at, f, src); ok {
			rp.cells = append(rp.cells, cellPlan{f, v})
		}
	case ir.ToOne:
		c.edge(at, rp, f, src)
	default:
		c.fail("%s is not stored in %s, so it cannot be imported", at, rp.typ.Name)
	}
}

func (c *mapCompiler) edge(at string, rp *recordPlan, f *ir.Field, src Source) {
	e := edgePlan{field: f, record: -1, empty: src.Missing == "empty"}
	switch {
	case src.Record != "" && src.Find == "" && src.Column == "" && src.Columns == nil && src.Value == nil:
		e.record = slices.IndexFunc(c.plan.types, func(o *recordPlan) bool { return o.name == src.Record })
		if e.record < 0 {
			c.fail("%s: no record %q stands before this one under `with`", at, src.Record)
			return
		}
		if target := c.plan.types[e.record].typ; target != f.Edge.Target {
			c.fail("%s leads to %s, but %q is of type %s", at, f.Edge.Target.Name, src.Record, target.Name)
			return
		}
	case src.Find != "" && src.Record == "":
		e.find = f.Edge.Target.Field(src.Find)
		if e.find == nil || e.find.Kind != ir.Column || !e.find.Unique {
			c.fail("%s: find: %s has no @unique field %q", at, f.Edge.Target.Name, src.Find)
			return
		}
		if src.Missing != "" && src.Missing != "empty" && src.Missing != "reject" {
			c.fail("%s: missing is reject or empty", at)
		}
		var ok bool
		if e.value, ok = c.value(at, e.find, src); !ok {
			return
		}
	default:
		c.fail("%s is an edge: give it {record: NAME} or {find: UNIQUE FIELD, column: …}", at)
		return
	}
	rp.edges = append(rp.edges, e)
}

// value checks a source and prepares it.
func (c *mapCompiler) value(at string, f *ir.Field, src Source) (valuePlan, bool) {
	before := len(c.problems)
	v := valuePlan{src: src, field: f, nulls: map[string]bool{"": true}}
	for _, n := range append(c.plan.m.Nulls[:len(c.plan.m.Nulls):len(c.plan.m.Nulls)], src.Nulls...) {
		v.nulls[n] = true
	}
	switch {
	case src.Value != nil && src.Column == "" && src.Columns == nil:
		if _, err := (format.Parser{Loose: true}).Parse(f, *src.Value); err != nil {
			c.fail("%s: value: %v", at, err)
		}
	case src.Column != "" && src.Columns == nil && src.Value == nil:
		v.columns = []string{src.Column}
	case src.Columns != nil && src.Column == "" && src.Value == nil:
		v.columns = src.Columns
	default:
		c.fail("%s: give a column, columns or a value, and only one of them", at)
	}
	for _, name := range v.columns {
		c.column(name, src.Optional)
	}
	for _, name := range src.Transform {
		t, ok := transforms[name]
		if !ok {
			c.fail("%s: there is no transform %q; known are %s", at, name, strings.Join(slices.Sorted(maps.Keys(transforms)), ", "))
		}
		v.transforms = append(v.transforms, t)
	}
	if src.Values != nil {
		v.values = make(map[string]string, len(src.Values))
		for from, to := range src.Values {
			v.values[valueKey(from)] = to
		}
	}
	if f.Scalar == ir.EnumScalar {
		for _, to := range slices.Concat(slices.Sorted(maps.Values(src.Values)), given(src.Otherwise), given(src.Default)) {
			if to != "" && !f.Enum.Has(to) {
				c.fail("%s: %s is not a value of %s", at, to, f.Enum.Name)
			}
		}
	}
	if src.Date != "" {
		layout, err := dateLayout(src.Date)
		if err != nil {
			c.fail("%s: date: %v", at, err)
		}
		v.layout = layout
	}
	if src.Decimal != "" && src.Decimal != "," && src.Decimal != "." {
		c.fail(`%s: decimal is "," or "."`, at)
	}
	if src.Invalid != "" && src.Invalid != "reject" && src.Invalid != "empty" {
		c.fail("%s: invalid is reject or empty", at)
	}
	if src.Expect != "" && src.Expect != "any" {
		c.fail("%s: expect is any, or left out", at)
	}
	v.join = src.Join
	if v.join == "" {
		v.join = " "
	}
	return v, len(c.problems) == before
}

func given(s *string) []string {
	if s == nil {
		return nil
	}
	return []string{*s}
}
