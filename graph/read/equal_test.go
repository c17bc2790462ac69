package read

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	_ "modernc.org/sqlite" // the driver

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// fuzzSchema has a field of every scalar, and of every kind of rule that a filter meets.
const fuzzSchema = `
enum Purpose { SALES @lawful(basis: CONTRACT, bit: 0, notice: "Why.") MARKETING @lawful(basis: CONSENT, bit: 1, notice: "Why.") }
enum Role { REP @clearance(categories: [CONTACT], upTo: HIGH, purposes: [SALES, MARKETING]) }
enum Stage { NEW WON }
type Person @entity @subject @access(roles: [REP], when: "row.region == viewer.region") @purpose(only: [SALES, MARKETING])
  @retain(for: "P1Y", after: "since", because: "It is over.") {
  region: String @public(because: "Known.")
  name: String @pii(category: IDENTITY, store: PLAIN, find: ORDER)
  email: String @format(as: EMAIL) @pii(category: CONTACT, mask: EMAIL, find: EXACT) @consent(to: MARKETING)
  badge: Int @pii(category: CONTACT, find: EXACT)
  salary: Decimal @pii(category: CONTACT, find: EXACT)
  joined: Date @pii(category: CONTACT, find: EXACT)
  secret: String @pii(category: CONTACT)
  phone: String @format(as: PHONE) @pii(category: CONTACT, store: PLAIN, find: PREFIX) @access(roles: [REP], when: "row.count > 1")
  since: DateTime @public(because: "Known.")
  born: Date @pii(category: CONTACT, store: PLAIN, find: ORDER) @retain(for: "P1M", after: "since", because: "It is over.")
  count: Int @public(because: "Known.")
  score: Float @public(because: "Known.")
  worth: Decimal @public(because: "Known.")
  happy: Boolean @public(because: "Known.")
  stage: Stage @public(because: "Known.")
  more: JSON @public(because: "Known.")
  both: String @computed(from: ["region", "name"])
  boss: Person @owner
  staff: [Person!]! @edge(inverse: "boss")
}`

// fuzzSource begins a query without asking anybody.
type fuzzSource struct{ schema *ir.Schema }

func (s fuzzSource) PlanSQL(_ context.Context, typ string, mod func(*entsql.Selector)) (string, []any, error) {
	sel := entsql.Dialect(dialect.SQLite).Select().From(entsql.Table(s.schema.Type(typ).Table))
	mod(sel)
	query, args := sel.Query()
	return query, args, sel.Err()
}

// fuzzOpener seals with the key of its owner, which is written before the value, and whose index is one bit.
type fuzzOpener struct {
	closed
	t      testing.TB
	moving *ir.Field
	lent   *int
}

func (o fuzzOpener) Keys(context.Context, []uuid.UUID) (Keys, error) {
	*o.lent++
	return o, nil
}

func (o fuzzOpener) Close() { *o.lent-- }

func (o fuzzOpener) Moving(f *ir.Field) bool { return f == o.moving }

func (o fuzzOpener) Open(dst []byte, subject, _ uuid.UUID, _ *ir.Field, cell []byte) ([]byte, bool) {
	plain, ok := bytes.CutPrefix(cell, subject[:])
	return append(dst, plain...), ok
}

func (o fuzzOpener) seal(subject uuid.UUID, v any) []byte {
	cell, err := format.AppendPlain(slices.Clone(subject[:]), v)
	if err != nil {
		o.t.Fatal(err)
	}
	return cell
}

func (o fuzzOpener) Blind(_ context.Context, f *ir.Field, v any) ([]int64, error) {
	normal, err := format.AppendNormal(nil, f, v)
	return []int64{int64(len(normal)/16) & 1}, err
}

// people is a table of four persons, with an engine to find them. Their addresses are about to be sealed: that of the last is not
// yet.
type people struct {
	testing.TB
	e      *Engine
	db     *sql.DB
	person *ir.Type
	s      *Session
	lent   int // keys that were not given back
}

func newPeople(t testing.TB) *people {
	t.Helper()
	schema, findings := compiler.Compile([]ir.Source{{Name: "fuzz.graphqls", Text: fuzzSchema}})
	if schema == nil {
		t.Fatal(findings)
	}
	db, err := sql.Open("sqlite", ":memory:?_time_format=sqlite")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // every connection to :memory: is a database of its own
	t.Cleanup(func() { _ = db.Close() })
	p := &people{TB: t, db: db, person: schema.Type("Person")}
	p.exec(`CREATE TABLE persons (id uuid, subject_id uuid, privacy_state integer, consent_until integer DEFAULT 9223372036854775807, consent_ends text, region text, name text, email text, phone text,
		email_sealed blob, email_index integer, badge_sealed blob, badge_index integer, salary_sealed blob, salary_index integer,
		joined_sealed blob, joined_index integer, secret_sealed blob, since datetime, born datetime, count integer, score real,
		worth integer, happy bool, stage text, more json, boss_id uuid)`)
	opener := fuzzOpener{t: t, moving: p.person.Field("email"), lent: &p.lent}
	if p.e, err = New(Config{Schema: schema, Source: fuzzSource{schema}, DB: db, Dialect: predicate.SQLite, Cursors: fuzzCursors(t), Opener: opener}); err != nil {
		t.Fatal(err)
	}
	for i, email := range []string{"ada@example.com", "Ada@example.com", "bob@example.com"} {
		p.add(i, map[string]any{"email": email, "badge": int64(7), "salary": int64(i), "joined": fuzzTime.Truncate(24 * time.Hour)})
	}
	p.add(3, map[string]any{"badge": int64(7), "salary": int64(3), "joined": fuzzTime.Truncate(24 * time.Hour)})
	p.exec("UPDATE persons SET email = 'Eve@example.com' WHERE count = 3")
	who := policy.Principal{ID: "rep", Role: "REP", Attrs: map[string]any{"region": "EMEA"}}
	req, err := policy.NewRequest(schema, who, "SALES")
	if err != nil {
		t.Fatal(err)
	}
	p.s = &Session{Principal: who, Request: req, Now: fuzzTime}
	return p
}

func (p *people) exec(query string, args ...any) {
	p.Helper()
	if _, err := p.db.Exec(query, args...); err != nil {
		p.Fatal(err)
	}
}

// add adds a person who consents, with sealed cells.
func (p *people) add(i int, cells map[string]any) {
	id, opener := uuid.UUID{byte(i + 1)}, p.e.opener.(fuzzOpener)
	p.exec("INSERT INTO persons (id, subject_id, privacy_state, region, count) VALUES (?, ?, 2, 'EMEA', ?)", id.String(), id.String(), i)
	for name, v := range cells {
		f := p.person.Field(name)
		index, err := opener.Blind(context.Background(), f, v)
		if err != nil {
			p.Fatal(err)
		}
		p.exec("UPDATE persons SET "+f.Column+" = ?, "+f.IndexColumn()+" = ? WHERE id = ?", opener.seal(id, v), index[0], id.String())
	}
}

// compile compiles a list of persons.
func (p *people) compile(where, orderBy any) (*plan, *statement, error) {
	pl := &planner{e: p.e, req: p.s.Request, sql: p.e.sql(), plan: &plan{}}
	lv := pl.newLevel(p.person)
	lv.where = append(lv.where, pl.filter(p.person, lv.alias, pl.asMap("where", where)))
	lv.order = pl.order(lv, orderBy)
	if pl.err != nil {
		return nil, nil, pl.err
	}
	lv.col(text(column(lv.alias, "id")))
	st, err := p.e.statementOf(&connection{typ: p.person, level: lv, first: 10}, nil)
	return pl.plan, st, err
}

// find runs it as the engine would, and returns the ids.
func (p *people) find(where, orderBy any) (found []string, query string, err error) {
	pl, st, err := p.compile(where, orderBy)
	if err != nil {
		return nil, "", err
	}
	r := &run{e: p.e, ctx: context.Background(), db: standard{p.db}, session: p.s, plan: pl}
	if err := r.compare(); err != nil {
		return nil, st.sql, err
	}
	if p.lent != 0 {
		return nil, st.sql, fmt.Errorf("keys were not given back %d times", p.lent)
	}
	rows, err := r.query(st, 1)
	for _, row := range rows {
		found = append(found, uuidOf(row[0].key()).String())
	}
	return found, st.sql, err
}

// Sealed values are compared as if they were not, by an index of one bit, and while some have not moved yet.
func TestEqualUnderSeal(t *testing.T) {
	p := newPeople(t)
	p.add(4, nil)
	p.exec("UPDATE persons SET badge_sealed = 'of somebody else', badge_index = (SELECT badge_index FROM persons WHERE count = 0) WHERE count = 4")
	for _, c := range []struct {
		where string
		want  string // counts of the rows
	}{
		{`{}`, "01234"},
		{`{"email": {"eq": "ADA@example.com"}}`, "01"},
		{`{"email": {"in": ["ada@example.com", "bob@example.com"]}}`, "012"},
		{`{"email": {"eq": "EVE@example.com"}}`, "3"},
		{`{"not": {"email": {"eq": "ada@example.com"}}}`, "23"},
		{`{"not": {"email": {"eq": "eve@example.com"}}}`, "012"},
		{`{"email": {"isNull": true}}`, "4"},
		{`{"email": {"isNull": false}}`, "0123"},
		{`{"not": {"email": {"eq": null}}}`, "0123"},
		{`{"email": {"in": []}}`, ""},
		{`{"badge": {"eq": 7}}`, "0123"},
		{`{"not": {"badge": {"eq": 7}}}`, "4"}, // what does not open differs from everything
		{`{"joined": {"eq": "2026-11-24"}, "salary": {"in": ["0.0001", "0.0002"]}}`, "12"},
	} {
		where, _ := decoded(c.where)
		found, query, err := p.find(where, nil)
		got := ""
		for _, id := range found {
			got += string('0' + uuid.MustParse(id)[0] - 1)
		}
		if err != nil || got != c.want {
			t.Errorf("%s finds %q, want %q: %v\n%s", c.where, got, c.want, err, query)
		}
	}
}

// A row that has not moved takes its value all the same.
func TestTakenOnTheWay(t *testing.T) {
	p := newPeople(t)
	for value, want := range map[string]bool{"EVE@example.com": true, "bob@example.com": true, "joe@example.com": false} {
		_, seen, err := p.e.Taken(context.Background(), p.db, p.s, p.person.Field("email"), value, uuid.Nil)
		if err != nil || seen != want {
			t.Errorf("%s: seen %t, want %t: %v", value, seen, want, err)
		}
	}
}

// Until everything has moved back to where SQL can read it, what cannot be read is a reason to hide a row: to a condition it
// would be null, and a period would never have begun.
func TestRulesOnTheWayBack(t *testing.T) {
	for _, name := range []string{"since", "region"} {
		p := newPeople(t)
		p.exec("ALTER TABLE persons ADD COLUMN " + name + "_sealed blob")
		opener := p.e.opener.(fuzzOpener)
		opener.moving = p.person.Field(name)
		p.e.opener = opener
		before, _, err := p.find(nil, nil)
		if err != nil || len(before) != 4 {
			t.Fatal(before, err)
		}
		p.exec("UPDATE persons SET " + name + "_sealed = 'x' WHERE count = 1")
		if after, query, err := p.find(nil, nil); err != nil || len(after) != 3 {
			t.Errorf("%s: %v, %v\n%s", name, after, err, query)
		}
	}
}

// Each comparison is a statement of its own, so there are not many in one question.
func TestComparisonsAreBounded(t *testing.T) {
	p := newPeople(t)
	one := map[string]any{"badge": map[string]any{"eq": 7}}
	if _, _, err := p.compile(map[string]any{"or": slices.Repeat([]any{one}, maxEqualities)}, nil); err != nil {
		t.Error(err)
	}
	_, _, err := p.compile(map[string]any{"or": slices.Repeat([]any{one}, maxEqualities+1)}, nil)
	if CodeOf(err) != CodeCostExceeded {
		t.Errorf("%v", err)
	}
}

// What one field of an operation looks for under a seal is not kept with the plan of another.
func TestPlansKeepNoValues(t *testing.T) {
	p := newPeople(t)
	variable := &ast.Value{Kind: ast.Variable, Raw: "who"}
	op := &graphql.OperationContext{Doc: &ast.QueryDocument{}, Variables: map[string]any{"who": "ada@example.com"}, Operation: &ast.OperationDefinition{
		SelectionSet: ast.SelectionSet{&ast.Field{Name: "persons", Arguments: ast.ArgumentList{{Name: "where", Value: variable}}}}}}
	shape := p.e.shape(op)
	if shape == "" || strings.Contains(shape, "ada") {
		t.Errorf("%q", shape)
	}
	op.Variables = map[string]any{"who": "bob@example.com"}
	if p.e.shape(op) == shape {
		t.Error("two filters share a plan")
	}
}
