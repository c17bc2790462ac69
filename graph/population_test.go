package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

// population is random content for every entity of a schema, the same on every database it is stored in.
type population struct {
	schema *ir.Schema
	rnd    *rand.Rand
	rows   []*stored
	byType map[*ir.Type][]*stored
	serial int
}

// stored is one row: storage values by column name, keys included; nil is NULL.
type stored struct {
	typ    *ir.Type
	id     uuid.UUID
	values map[string]any
}

func populate(s *ir.Schema, rnd *rand.Rand, perType int) *population {
	p := &population{schema: s, rnd: rnd, byType: map[*ir.Type][]*stored{}}
	for _, t := range s.Entities() {
		for range perType {
			r := &stored{typ: t, values: map[string]any{}}
			for i := range r.id {
				r.id[i] = byte(rnd.Uint32())
			}
			r.id[6], r.id[8] = r.id[6]&0x0f|0x40, r.id[8]&0x3f|0x80 // a UUID of version 4
			p.rows, p.byType[t] = append(p.rows, r), append(p.byType[t], r)
		}
	}
	for _, r := range p.rows {
		for _, f := range r.typ.Fields {
			switch {
			case f.Kind == ir.Column && (f.Type.NonNull || rnd.IntN(4) > 0):
				r.values[f.Column] = p.value(f)
			case f.Kind == ir.ToOne && (f.Type.NonNull || rnd.IntN(3) > 0):
				r.values[f.Column] = p.some(f.Edge.Target).id
			case f.Stored() && f.Kind != ir.ID:
				r.values[f.Column] = nil
			}
		}
		if r.typ.Subject {
			r.values["subject_id"], r.values["privacy_state"] = r.id, int64(p.state())
		}
	}
	// Some people stand in several rows.
	for _, t := range s.Entities() {
		for i, r := range p.byType[t] {
			if other := p.byType[p.firstSubject()][i]; t.Subject && other != r && rnd.IntN(3) == 0 {
				r.values["subject_id"], r.values["privacy_state"] = other.values["subject_id"], other.values["privacy_state"]
			}
		}
	}
	return p
}

func (p *population) firstSubject() *ir.Type {
	for _, t := range p.schema.Entities() {
		if t.Subject {
			return t
		}
	}
	return nil
}

func (p *population) some(t *ir.Type) *stored { return p.byType[t][p.rnd.IntN(len(p.byType[t]))] }

func (p *population) state() policy.State {
	var s policy.State
	for _, purpose := range p.schema.Purposes {
		if purpose.ByConsent() && p.rnd.IntN(2) == 0 || purpose.Objectable() && p.rnd.IntN(6) == 0 {
			s |= policy.PurposeBit(purpose)
		}
	}
	for _, bit := range []policy.State{policy.Restricted, policy.Erasing, policy.Held} {
		if p.rnd.IntN(8) == 0 {
			s |= bit
		}
	}
	return s
}

var words = []string{"Ada", "ada", "Zoë", "EMEA", "APAC", "Ärzte", "a b", "%_", "O'Neil", "Ω", "x y z"}

// value is a storage value of a column: few different ones, so that comparisons find something and orders have ties.
func (p *population) value(f *ir.Field) any {
	n := p.rnd.IntN(9)
	if f.Unique {
		p.serial++
		return fmt.Sprintf("%s-%d", f.Name, p.serial)
	}
	switch f.Scalar {
	case ir.Int:
		return int64(n*7 - 9)
	case ir.Float:
		return float64(n) / 4
	case ir.Boolean:
		return n%2 == 0
	case ir.Decimal:
		return int64(n*12345 - 9999)
	case ir.DateTime, ir.Date:
		if p.decides(f) && p.rnd.IntN(3) > 0 {
			n /= 3 // a period that began lately: most rows are there
		}
		if f.Scalar == ir.Date {
			return today.Truncate(24*time.Hour).AddDate(0, -n*n, -n)
		}
		return today.AddDate(0, -n*n, -n).Add(time.Duration(n) * 1500 * time.Millisecond)
	case ir.EnumScalar:
		return f.Enum.Values[n%len(f.Enum.Values)].Name
	}
	switch {
	case f.Name == "region":
		return []string{"EMEA", "APAC", "AMER"}[n%3]
	case f.Format == "EMAIL":
		return fmt.Sprintf("%s%d@%s.example", []string{"ada", "eve"}[n%2], n, []string{"one", "two"}[n%2])
	case f.Format == "PHONE":
		return []string{"+4930", "+442", "+3581"}[n%3] + fmt.Sprint(100000+n)
	case f.Format == "COUNTRY":
		return []string{"GB", "DE", "FR"}[n%3]
	case f.Format == "LANGUAGE":
		return []string{"en", "de", "fr"}[n%3]
	case f.Format == "CURRENCY":
		return []string{"EUR", "USD"}[n%2]
	case f.Format == "URL":
		return fmt.Sprintf("https://%d.example/", n)
	case f.Pattern != "":
		return fmt.Sprintf("d%d.example", n)
	}
	return words[p.rnd.IntN(len(words))]
}

// store writes the population into an empty world. Keys follow once every row is there.
func (p *population) store(t testing.TB, w *world) {
	t.Helper()
	done := map[*ir.Type]bool{}
	for len(done) < len(p.byType) {
		for _, typ := range p.schema.Entities() {
			if !done[typ] && !slices.ContainsFunc(typ.Fields, func(f *ir.Field) bool {
				return f.Kind == ir.ToOne && f.Type.NonNull && !done[f.Edge.Target]
			}) {
				done[typ] = true
				p.storeType(t, w, typ)
			}
		}
	}
	var keys []keyringtest.Change
	for _, r := range p.rows {
		for column := range r.values {
			if _, ok := r.values[column].(uuid.UUID); ok || column == "privacy_state" {
				keys = append(keys, r.to(column, r.values[column]))
			}
		}
	}
	p.set(t, w, keys...)
}

func (p *population) storeType(t testing.TB, w *world, typ *ir.Type) {
	var rows []importer.Row
	for _, r := range p.byType[typ] {
		row := importer.Row{ID: r.id, Create: true, Values: map[string]any{}}
		for _, f := range typ.Fields {
			if v := r.values[f.Column]; v != nil && (f.Kind == ir.Column || f.Kind == ir.ToOne && f.Type.NonNull) {
				row.Values[f.Name] = v
			}
		}
		rows = append(rows, row)
	}
	if res, err := w.Bulk().Upsert(context.Background(), typ, rows); err != nil || res.Created != len(rows) {
		t.Fatalf("store %s: %+v %v", typ.Name, res, err)
	}
	// Where the store filled in a default the population has none.
	var filled []keyringtest.Change
	for _, r := range p.byType[typ] {
		for _, f := range typ.Fields {
			if f.Kind == ir.Column && r.values[f.Column] == nil {
				filled = append(filled, r.to(f.Column, nil))
			}
		}
	}
	p.set(t, w, filled...)
}

// set overwrites cells behind the gateway's back.
func (p *population) set(t testing.TB, w *world, changes ...keyringtest.Change) {
	t.Helper()
	keyringtest.Put(t, w.keys, w.store, changes...)
}

// to is a change of a cell.
func (r *stored) to(column string, v any) keyringtest.Change {
	return keyringtest.Change{Type: r.typ, Row: r.id, Column: column, Value: v}
}
