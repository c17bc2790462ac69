package read

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

const guests = `
enum Purpose {
  STAY @lawful(basis: CONTRACT, bit: 0, notice: "We keep your room for you.")
  NEWS @lawful(basis: CONSENT, bit: 1, notice: "We write to you about offers.")
  SELF_SERVICE @lawful(basis: LEGAL_OBLIGATION, bit: 2, notice: "You see what we hold about you.")
}
enum Role {
  DESK @clearance(categories: [IDENTITY, CONTACT], purposes: [STAY, NEWS])
  GUEST @clearance(categories: [], purposes: [SELF_SERVICE])
}
type Guest @entity @subject
  @access(roles: [DESK, GUEST])
  @purpose(only: [STAY, NEWS, SELF_SERVICE])
  @retain(for: "P3Y", after: "leftAt", because: "Bills may be disputed for three years.") {
  room: String @public(because: "A number on a door.")
  name: String @pii(category: IDENTITY, mask: NAME)
  email: String @pii(category: CONTACT, mask: EMAIL)
  nights: Int @public(because: "A count.")
  leftAt: DateTime @public(because: "Known at the desk.")
}`

const guestAPI = `
type Query { guests(first: Int): GuestConnection! }
type GuestConnection { nodes: [Guest!]! }
type Guest { id: ID! room: String name: String email: String nights: Int leftAt: String }`

// stub is a source without a policy of its own.
type stub struct{}

func (stub) PlanSQL(_ context.Context, _ string, mod func(*entsql.Selector)) (string, []any, error) {
	s := entsql.Dialect("postgres").Select().From(entsql.Table("guests"))
	mod(s)
	query, args := s.Query()
	return query, args, s.Err()
}

// desk is an engine, and a plan for a page of guests as the desk asks for it.
type desk struct {
	engine  *Engine
	session *Session
	op      *graphql.OperationContext
	field   graphql.CollectedField
	typ     *ir.Type
	mem     memory
}

func openDesk(t testing.TB, purpose string) *desk {
	t.Helper()
	schema, found := compiler.Compile([]ir.Source{{Name: "guests.graphqls", Text: guests}})
	if schema == nil || len(found) > 0 {
		t.Fatal(found)
	}
	cursors, err := NewCursors(make([]byte, CursorKeySize), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Schema: schema, Source: stub{}, Dialect: predicate.Postgres, Cursors: cursors, Masker: policy.NewMasker(make([]byte, 32))})
	if err != nil {
		t.Fatal(err)
	}
	api, err := gqlparser.LoadSchema(&ast.Source{Input: guestAPI})
	if err != nil {
		t.Fatal(err)
	}
	doc, errs := gqlparser.LoadQueryWithRules(api, `{ guests(first: 100) { nodes { id room name email nights leftAt } } }`, nil)
	if errs != nil {
		t.Fatal(errs)
	}
	who := policy.Principal{ID: "d", Role: "DESK"}
	r, err := policy.NewRequest(schema, who, purpose)
	if err != nil {
		t.Fatal(err)
	}
	op := &graphql.OperationContext{Doc: doc, Operation: doc.Operations[0]}
	return &desk{engine: e, session: &Session{Principal: who, Request: r, Now: time.Unix(1e9, 0)}, op: op, typ: schema.Type("Guest"),
		field: graphql.CollectFields(op, doc.Operations[0].SelectionSet, []string{"Query"})[0]}
}

func (d *desk) plan(t testing.TB) *plan {
	t.Helper()
	p := &planner{e: d.engine, op: d.op, req: d.session.Request, sql: d.engine.sql(), plan: &plan{}}
	p.plan.conn = p.connection(d.typ, d.field, "guests", func(*level) {})
	if err := p.prepare(p.plan.conn); err != nil {
		t.Fatal(err)
	}
	p.plan.explainOnce()
	return p.plan
}

// sealed is a cell that echo opens.
func sealed(t testing.TB, v any) cell {
	t.Helper()
	plain, err := format.AppendPlain(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return cell{kind: cellText, s: string(plain)}
}

// rows are n guests as PostgreSQL would send them; every second one agreed to news.
func (d *desk) rows(t testing.TB, pl *plan, n int) *results {
	t.Helper()
	byColumn := map[string]cell{}
	for name, c := range map[string]cell{
		"id": {kind: cellUUID, s: string(make([]byte, 16))}, "room": {kind: cellText, s: "314"}, "name_sealed": sealed(t, "Ada Lovelace"),
		"email_sealed": sealed(t, "ada@example.com"), "subject_id": {kind: cellUUID, s: string(make([]byte, 16))}, "consent_ends": {}, "nights": {kind: cellInt, n: 12}, "left_at": {kind: cellTime, n: 1e15},
	} {
		byColumn[column(pl.conn.level.alias, name)] = c
	}
	p := &page{}
	for i := range n {
		row := make([]cell, len(pl.conn.level.selects))
		for j, f := range pl.conn.level.selects {
			state := strings.Contains(f.sql, column(pl.conn.level.alias, "privacy_state"))
			c, ok := byColumn[f.sql]
			if !ok && !state {
				t.Fatalf("no value for %s", f.sql)
			}
			if state {
				c = cell{kind: cellInt}
			}
			if state && i%2 == 0 {
				c.n = 2
			}
			row[j] = c
		}
		p.rows = append(p.rows, row)
	}
	return &results{pages: map[string]*page{"": p}}
}

func (d *desk) encode(t testing.TB, pl *plan, res *results) []byte {
	r := &run{e: d.engine, session: d.session, plan: pl, saw: make([]seen, len(pl.notes)), keys: echo{}, mem: &d.mem}
	defer d.mem.texts.reset(keepTexts)
	enc := r.encoder()
	enc.connection(pl.conn, "", res)
	if enc.err != nil {
		t.Fatal(enc.err)
	}
	pl.size.Store(int64(len(enc.buf)))
	return enc.buf
}

// A page of twice as many rows is one answer as well: what is shown as it is stored costs no memory of its own.
func TestOnlyMasksAllocate(t *testing.T) {
	d := openDesk(t, "STAY")
	pl := d.plan(t)
	allocations := func(n int) float64 {
		res := d.rows(t, pl, n)
		d.encode(t, pl, res) // tells the plan how long the answer is
		return testing.AllocsPerRun(20, func() { d.encode(t, pl, res) })
	}
	few, many := allocations(100), allocations(200)
	if few != many {
		t.Errorf("100 rows take %.0f allocations, 200 rows %.0f", few, many)
	}

	d = openDesk(t, "NEWS") // every second guest is masked, in two cells
	pl = d.plan(t)
	few, many = allocations(100), allocations(200)
	if perCell := (many - few) / 100; perCell < 1 || perCell > 4 {
		t.Errorf("a masked cell takes %.1f allocations; the rest should take none", perCell)
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, purpose := range []string{"STAY", "NEWS"} {
		d := openDesk(b, purpose)
		pl := d.plan(b)
		res := d.rows(b, pl, 100)
		b.Run(fmt.Sprintf("100 rows × 6 cells for %s", purpose), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.encode(b, pl, res)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) {
	d := openDesk(b, "NEWS")
	b.Run("anew", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.plan(b)
		}
	})
	b.Run("cached", func(b *testing.B) {
		compile := func(p *planner) error {
			p.plan.conn = p.connection(d.typ, d.field, "guests", func(*level) {})
			return p.prepare(p.plan.conn)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.engine.planned(b.Context(), d.session, d.op, d.field, d.typ, "guests", compile); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendID(b *testing.B) {
	id := uuid.New()
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendID(buf[:0], "Contact", id)
	}
}
