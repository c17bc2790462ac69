package importer

import (
	"context"
	"errors"
	"maps"
	"reflect"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// memory is a Store for tests. Like a database it holds unique columns and edges to what they say.
type memory struct {
	rows    map[*ir.Type]map[uuid.UUID]map[string]any
	upserts int
	refuse  func(t *ir.Type, r Row) *RowError // a row error to report
	failAt  int                               // the n-th Upsert fails as a whole
}

func newMemory() *memory { return &memory{rows: map[*ir.Type]map[uuid.UUID]map[string]any{}} }

func (m *memory) Find(_ context.Context, t *ir.Type, f *ir.Field, values []any) (map[any]uuid.UUID, error) {
	out := map[any]uuid.UUID{}
	for _, v := range values {
		if id, ok := v.(uuid.UUID); ok && f.Kind == ir.ID {
			if _, have := m.rows[t][id]; have {
				out[v] = id
			}
		}
	}
	for id, row := range m.rows[t] {
		for _, v := range values {
			if f.Kind != ir.ID && row[f.Name] == v {
				out[v] = id
			}
		}
	}
	return out, nil
}

func (m *memory) Upsert(_ context.Context, t *ir.Type, rows []Row) (Result, error) {
	var res Result
	if m.upserts++; m.upserts == m.failAt {
		return res, errors.New("connection lost")
	}
	if m.rows[t] == nil {
		m.rows[t] = map[uuid.UUID]map[string]any{}
	}
	for i, r := range rows {
		have, exists := m.rows[t][r.ID]
		bad := func() *RowError {
			if exists == r.Create {
				return &RowError{Reason: "create does not say whether the row exists"}
			}
			for name, v := range r.Values {
				f := t.Field(name)
				if v == nil || f == nil {
					return &RowError{Field: name, Reason: "a value or field is nil"}
				}
				if f.Kind == ir.ToOne {
					if _, ok := m.rows[f.Edge.Target][v.(uuid.UUID)]; !ok {
						return &RowError{Field: name, Reason: "the key leads nowhere"}
					}
				}
				for id, other := range m.rows[t] {
					if f.Unique && id != r.ID && other[name] == v {
						return &RowError{Field: name, Reason: "is taken"}
					}
				}
			}
			if m.refuse != nil {
				return m.refuse(t, r)
			}
			return nil
		}()
		if bad != nil {
			bad.Index = i
			res.RowErrors = append(res.RowErrors, *bad)
			continue
		}
		if !exists {
			m.rows[t][r.ID] = maps.Clone(r.Values)
			res.Created++
			continue
		}
		before := maps.Clone(have)
		maps.Copy(have, r.Values)
		if reflect.DeepEqual(before, have) {
			res.Unchanged++
		} else {
			res.Updated++
		}
	}
	return res, nil
}

// one returns the only row of t whose field has the value.
func (m *memory) one(t *ir.Type, field string, v any) map[string]any {
	for _, row := range m.rows[t] {
		if row[field] == v {
			return row
		}
	}
	return nil
}

// crm is a small schema, built by hand: a company, a person, a colleague.
func crm() *ir.Schema {
	id := func() *ir.Field { return &ir.Field{Name: "id", Kind: ir.ID, Scalar: ir.UUID} }
	text := func(name, format string) *ir.Field { return &ir.Field{Name: name, Scalar: ir.String, Format: format} }
	key := func() *ir.Field {
		f := text("externalId", "")
		f.Unique = true
		return f
	}
	need := func(f *ir.Field) *ir.Field { f.Type.NonNull = true; return f }
	stage := &ir.Enum{Name: "Stage", Values: []ir.EnumValue{{Name: "LEAD"}, {Name: "CUSTOMER"}}}
	company := &ir.Type{Name: "Company", Plural: "companies", Entity: true}
	person := &ir.Type{Name: "Person", Plural: "people", Entity: true}
	agent := &ir.Type{Name: "Agent", Plural: "agents", Entity: true}
	edge := func(name string, to *ir.Type) *ir.Field {
		return &ir.Field{Name: name, Kind: ir.ToOne, Scalar: ir.UUID, Edge: &ir.Edge{Target: to}}
	}
	company.Fields = []*ir.Field{id(), key(), need(text("name", "")), text("country", "COUNTRY"), text("region", ""),
		{Name: "revenue", Scalar: ir.Decimal}, {Name: "employees", Scalar: ir.Int}}
	person.Fields = []*ir.Field{id(), key(), need(text("lastName", "")), text("firstName", ""), text("email", "EMAIL"), text("phone", "PHONE"),
		text("city", ""), text("country", "COUNTRY"), {Name: "birthday", Scalar: ir.Date}, {Name: "notes", Scalar: ir.String, MaxLen: 100},
		{Name: "stage", Scalar: ir.EnumScalar, Enum: stage}, {Name: "seenAt", Scalar: ir.DateTime}, edge("company", company), edge("agent", agent)}
	agent.Fields = []*ir.Field{id(), key(), need(text("name", "")), edge("boss", agent)}
	s := &ir.Schema{Types: []*ir.Type{company, person, agent}, Enums: []*ir.Enum{stage}}
	for _, t := range s.Types {
		for _, f := range t.Fields {
			f.Owner = t
		}
	}
	s.Index()
	return s
}
