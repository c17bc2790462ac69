package graph_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

var (
	operations = flag.Int("noninterference.operations", 3000, "operations to ask of each pair of databases, over all viewers")
	liteOnly   = flag.Bool("noninterference.sqlite", false, "leave PostgreSQL out")
	seed       = flag.Uint64("noninterference.seed", 1, "what the content and the operations are drawn from")
)

// TestNonInterference is the gate of "nothing hidden can be asked about". For every role, purpose and kind of viewer there
// are two databases that differ in nothing the viewer can read, cell by cell, and in as much as possible of the rest.
// Operations over every position of the API, drawn from its schema, must be answered by both with the same bytes: status,
// headers and body. And SQLite and PostgreSQL must answer the same.
//
// What a viewer can read is found out by a gateway that reads rows one by one, by id: whatever else depends on a value (a
// filter, an order, a page, a count, a group, a search, a write, an error) is what the gate is about.
func TestNonInterference(t *testing.T) {
	t.Run("harsher", func(t *testing.T) { interfere(t, *seed, harsher, *operations/2) })
	t.Run("crm", func(t *testing.T) { interfere(t, *seed, nil, *operations/2) })
}

// harsher puts rules where the CRM has none: on keys, lists and the parts of a computed field, by condition and by consent.
var harsher = []string{
	contactFirstName, contactFirstName + `
    @access(roles: [SALES_REP, SALES_MANAGER, SUPPORT_AGENT, MARKETER], when: "row.account.region == viewer.region || row.country == 'GB'")`,
	contactAccount, contactAccount + ` @consent(to: PROFILING, otherwise: DENY)`,
	contactEmail, contactEmail + `
    @consent(to: PROFILING, otherwise: DENY)`,
	contactCity, contactCity + `
    @consent(to: MARKETING, otherwise: DENY)`,
	contactLastName, contactLastName + `
    @consent(to: PROFILING, otherwise: NULL)`,
	`      bit: 3`, `      bit: 3
      otherwise: NULL`,
	`      bit: 4`, `      bit: 4
      otherwise: HIDE_ROW`,
	accountCity, accountCity + ` @access(roles: [SALES_REP, SALES_MANAGER, ANALYST])`,
	`  contacts: [Contact!]!
  deals: [Deal!]!`, `  contacts: [Contact!]! @access(roles: [SALES_MANAGER, SUPPORT_AGENT, CUSTOMER], when: "row.industry != null")
  deals: [Deal!]! @purpose(only: [SALES, SELF_SERVICE])`,
	`type Ticket
  @entity`, `type Ticket
  @entity
  @consent(to: PROFILING)`,
	`  deal: Deal @owner @edge(onDelete: CASCADE)`, `  deal: Deal @owner @edge(onDelete: CASCADE) @access(roles: [SALES_REP, SALES_MANAGER, PRIVACY_OFFICER], when: "!row.privileged")`,
}

// twins are two databases of one kind. Values are exchanged in the second.
type twins struct {
	one, other *world
	oracle     *world // a gateway on the other's store that is asked nothing but what rows show by id
}

func (d database) twins(t *testing.T, s *ir.Schema, p *population) twins {
	w := twins{one: d.serve(t, s, 2), other: d.serve(t, s, 2)}
	p.store(t, w.one)
	p.store(t, w.other)
	w.oracle = &world{store: w.other.store, keys: w.other.keys, now: today, log: w.other.log, limits: roomy}
	w.oracle.Gateway = w.oracle.gateway(t, s)
	return w
}

const (
	contactEmail = `  email: String
    @format(as: EMAIL)
    @length(max: 254)
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`
	contactCity = `  city: String
    @length(max: 120)
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`
	contactLastName = `  lastName: String
    @length(max: 80)
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`
)

const accountCity = `  city: String @length(max: 120) @public(because: "Where the company has its main office.")`

func interfere(t *testing.T, n uint64, edits []string, operations int) {
	s := rewritten(t, edits...)
	p := populate(s, rand.New(rand.NewPCG(n, 1)), 9)
	dbs := databases(t)
	lite := dbs[0].twins(t, s, p)
	var pg *twins
	if !*liteOnly {
		w := dbs[1].twins(t, s, p)
		pg = &w
	}
	undo := []*undoer{newUndoer(t, lite.one), newUndoer(t, lite.other)}
	all := viewers(p)
	p.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	total, exchanged, asked, answered := 0, 0, 0, 0
	for i, v := range all {
		share := operations/len(all) + 1
		g := &gate{t: t, viewer: v, population: p, lite: lite, pg: pg, undo: undo, asker: newAsker(p, p.rnd, v.req)}
		g.ID = fmt.Sprint("viewer ", i)
		exchanged += g.run(share)
		total, asked, answered = total+share, asked+g.asked, answered+g.answered
		if t.Failed() {
			break
		}
	}
	t.Logf("%d operations by %d viewers, %d values exchanged; of %d plain questions %d were answered", total, len(all), exchanged, asked, answered)
	if answered*2 < asked {
		t.Error("too few questions are answered: the gate checks little")
	}
	if exchanged < 10*len(all) {
		t.Errorf("only %d values are exchanged: the gate checks little", exchanged)
	}
}

// gate is the questions of one viewer.
type gate struct {
	viewer
	t          *testing.T
	population *population
	lite       twins
	pg         *twins
	undo       []*undoer
	asker      *asker

	asked, answered int
}

// run asks n operations, and returns how many values differed.
func (g *gate) run(n int) int {
	g.name = fmt.Sprintf("%s in %v for %s, person %t", g.Role, g.Attrs["region"], g.req.Purpose.Name, g.IsSubject())
	kept, restore := g.population.exchange(g.t, g.lite.oracle, g.Principal, g.req)
	defer restore()
	if g.pg != nil {
		g.population.set(g.t, g.pg.other, kept...)
		defer g.population.set(g.t, g.pg.other, g.population.was(kept)...)
	}
	defer plant()()
	probes := g.asker.probes()
	g.population.rnd.Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
	for i := range n {
		switch i % 12 {
		case 0, 1:
			if len(probes) > 0 {
				g.ask(probes[0], false)
				probes = probes[1:]
			}
		case 2, 3:
			g.change(g.asker.mutation())
		case 4, 5:
			g.ask(g.asker.aggregate(), false)
		case 6:
			g.walk()
		case 7, 8:
			g.ask(g.asker.lists(), false)
		case 9:
			if q := g.asker.broken(); strings.Contains(q, "mutation") {
				g.change(q)
			} else {
				g.ask(q, false)
			}
		default:
			g.ask(g.asker.question(), true)
		}
		if g.t.Failed() {
			return len(kept)
		}
	}
	return len(kept)
}

// ask compares the answers to one operation. counts tells whether it is one that ought to be answered mostly.
func (g *gate) ask(q string, counts bool) string {
	got := g.compare(g.lite, q)
	if g.pg == nil {
		// One database is enough to catch what a check forgot.
	} else if other := g.compare(*g.pg, q); got != other {
		g.t.Errorf("%s: the databases differ\n%s\nSQLite     %s\nPostgreSQL %s", g.name, q, got, other)
	}
	if strings.Contains(got, read.CodeInternal) {
		g.t.Errorf("%s: a mistake of ours\n%s\n%s", g.name, q, got)
	}
	if counts {
		g.asked++
		if !strings.Contains(got, `{"errors":[`) {
			g.answered++
		}
	}
	return got
}

func (g *gate) compare(w twins, q string) string {
	one, other := w.one.wire(g.Principal, q), w.other.wire(g.Principal, q)
	if one != other {
		g.t.Errorf("%s: hidden values show on %s\n%s\none   %s\nother %s", g.name, w.one.store.Dialect, q, one, other)
	}
	return one
}

// change compares a mutation's answers, and what a question right after it is told; then it is undone.
func (g *gate) change(q string) {
	for i, w := range []*world{g.lite.one, g.lite.other} {
		w.ids.Store(0)
		g.undo[i].begin(g.t)
	}
	got := g.compare(g.lite, q)
	if strings.Contains(got, read.CodeInternal) {
		g.t.Errorf("%s: a mistake of ours\n%s\n%s", g.name, q, got)
	}
	for _, u := range g.undo {
		u.rollback(g.t)
	}
}

// walk goes through a list by its cursors, forward or backward.
func (g *gate) walk() {
	size, place, cursor := "first", "after", "endCursor"
	if g.population.rnd.IntN(2) == 0 {
		size, place, cursor = "last", "before", "startCursor"
	}
	t := g.asker.ir.Entities()[g.population.rnd.IntN(len(g.asker.ir.Entities()))]
	where, order := g.asker.where(t, 1), ""
	if o := g.asker.order(t); o != "" {
		order = ", orderBy: " + o
	}
	at := "null"
	for range 3 {
		got := g.ask(fmt.Sprintf("query @for(purpose: %s) { %s(%s: 2, %s: %s, where: %s%s) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }",
			g.req.Purpose.Name, t.Plural, size, place, at, where, order), false)
		_, rest, ok := strings.Cut(got, `"`+cursor+`":"`)
		if !ok {
			return
		}
		end, _, _ := strings.Cut(rest, `"`)
		at = `"` + end + `"`
	}
}

// wire is everything a client can see of an answer. A question that begins with a brace of JSON is sent as it is.
func (w *world) wire(p policy.Principal, q string) string {
	body := request(q)
	if strings.HasPrefix(q, `{"`) {
		body = q
	}
	req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req.WithContext(policy.WithPrincipal(req.Context(), p)))
	var b strings.Builder
	fmt.Fprintln(&b, rec.Code)
	if err := rec.Header().Write(&b); err != nil {
		return err.Error()
	}
	b.Write(rec.Body.Bytes())
	return b.String()
}

// viewer is somebody with a purpose.
type viewer struct {
	policy.Principal
	req  policy.Request
	name string
}

// viewers are every role in a region, without one, and as a person, for each of its purposes.
func viewers(p *population) []viewer {
	person := p.some(p.firstSubject()).values["subject_id"].(uuid.UUID)
	var out []viewer
	for _, role := range p.schema.Roles {
		for _, who := range []policy.Principal{as(role.Name, "region", "EMEA"), as(role.Name),
			{ID: "p", Role: role.Name, Subject: person, Attrs: map[string]any{"region": "EMEA"}}} {
			for _, purpose := range p.schema.Purposes {
				if req, err := policy.NewRequest(p.schema, who, purpose.Name); err == nil {
					req = req.Assured(who, today)
					out = append(out, viewer{Principal: who, req: req})
				}
			}
		}
	}
	return out
}

// canonical is an answer without what may differ: the order of errors of root fields that ran side by side.
func canonical(t testing.TB, r reply) string {
	t.Helper()
	sort.Slice(r.Errs, func(i, j int) bool { return fmt.Sprint(r.Errs[i]) < fmt.Sprint(r.Errs[j]) })
	b, err := json.Marshal(map[string]any{"data": r.Data, "errors": r.Errs, "privacy": r.Extensions.Privacy})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exchange gives other values to cells and keys of which the viewer cannot tell when reading every cell by itself. It
// returns which, and how to undo it.
func (p *population) exchange(t testing.TB, w *world, viewer policy.Principal, req policy.Request) (kept []keyringtest.Change, undo func()) {
	t.Helper()
	before := p.readAll(t, w, viewer, req)
	exists := map[string]bool{}
	for _, node := range before.at("nodes").([]any) {
		if node != nil {
			exists[node.(map[string]any)["id"].(string)] = true
		}
	}
	var all []keyringtest.Change
	for _, r := range p.rows {
		if req.LimitedToSubject() && !r.typ.Personal() {
			continue // reached over edges alone, so not by the reading that decides what stays
		}
		for _, f := range r.typ.Fields {
			cell := policy.CellOf(f, req)
			if f.Kind != ir.Column && f.Kind != ir.ToOne || exists[read.EncodeID(r.typ.Name, r.id)] && f.Kind == ir.Column && cell.Outcome == policy.Reveal && !cell.ByRow() {
				continue // shows for certain, so it would only be put back
			}
			if p.rnd.IntN(map[bool]int{true: 20, false: 1}[p.decides(f)]+1) > 0 {
				continue
			}
			c := r.to(f.Column, nil)
			switch {
			case !f.Type.NonNull && p.rnd.IntN(4) == 0:
			case f.Kind == ir.ToOne:
				c.Value = p.some(f.Edge.Target).id
			default:
				c.Value = p.lookalike(f, req, r.values[f.Column])
			}
			all = append(all, c)
		}
	}
	p.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	kept = p.unseen(t, w, all, func() (func(keyringtest.Change) bool, bool) {
		now := p.readAll(t, w, viewer, req)
		return p.shows(before, now), canonical(t, now) == canonical(t, before)
	})
	return kept, func() { p.set(t, w, p.was(kept)...) }
}

// was is how cells were before they were changed.
func (p *population) was(changes []keyringtest.Change) []keyringtest.Change {
	out := slices.Clone(changes)
	for i, c := range out {
		for _, r := range p.byType[c.Type] {
			if r.id == c.Row {
				out[i].Value = r.values[c.Column]
			}
		}
	}
	return out
}

// lookalike is another value of a column, one that its mask shows alike if there is one.
func (p *population) lookalike(f *ir.Field, req policy.Request, v any) any {
	var other any
	masker := policy.NewMasker([]byte("any"))
	for range 20 {
		other = p.value(f)
		if f.Pii == nil || other != v && masker.Mask(f.Pii.Mask, f, req.Purpose, v) == masker.Mask(f.Pii.Mask, f, req.Purpose, other) {
			break
		}
	}
	return other
}

// decides reports whether a column says which rows exist: exchanging it mostly shows.
func (p *population) decides(f *ir.Field) bool {
	if f.Kind == ir.ToOne {
		return f.Edge.IsOwner
	}
	for _, r := range f.Owner.Retains {
		if r.After == f {
			return true
		}
	}
	return f.Name == "region"
}

// shows tells which cells read otherwise than before. Of a row that is there no more, or was not, it is every cell.
func (p *population) shows(before, now reply) func(keyringtest.Change) bool {
	was, is := before.at("nodes").([]any), now.at("nodes").([]any)
	at := make(map[uuid.UUID]int, len(p.rows))
	for i, r := range p.rows {
		at[r.id] = i
	}
	return func(c keyringtest.Change) bool {
		i := at[c.Row]
		one, _ := was[i].(map[string]any)
		other, _ := is[i].(map[string]any)
		if one == nil || other == nil {
			return one != nil || other != nil
		}
		for _, f := range c.Type.Fields {
			if f.Column == c.Column {
				name := c.Type.Name + "_" + f.Name
				return !reflect.DeepEqual(one[name], other[name])
			}
		}
		return false
	}
}

// unseen makes the exchanges that keep hidden. look tells which cells show, and whether all is as before. Those that do not show
// are made first, so that the others need not be looked for one by one.
func (p *population) unseen(t testing.TB, w *world, all []keyringtest.Change, look func() (shows func(keyringtest.Change) bool, hidden bool)) []keyringtest.Change {
	t.Helper()
	if len(all) == 0 {
		return nil
	}
	p.set(t, w, all...)
	shows, hidden := look()
	if hidden {
		return all
	}
	p.set(t, w, p.was(all)...)
	if len(all) == 1 {
		return nil
	}
	var first, last []keyringtest.Change
	for _, c := range all {
		if shows(c) {
			last = append(last, c)
		} else {
			first = append(first, c)
		}
	}
	if first == nil || last == nil {
		half := len(all) / 2
		first, last = all[:half], all[half:]
	}
	kept := p.unseen(t, w, first, look)
	return append(kept[:len(kept):len(kept)], p.unseen(t, w, last, look)...)
}

// readAll reads every row and every field by id.
func (p *population) readAll(t testing.TB, w *world, viewer policy.Principal, req policy.Request) reply {
	t.Helper()
	var q strings.Builder
	fmt.Fprintf(&q, "query($ids: [ID!]!) @for(purpose: %s) { nodes(ids: $ids) { id", req.Purpose.Name)
	for _, typ := range p.schema.Entities() {
		fmt.Fprintf(&q, " ... on %s {", typ.Name)
		for _, f := range typ.Fields {
			switch f.Kind {
			case ir.Column, ir.Computed:
				fmt.Fprintf(&q, " %s_%s: %s", typ.Name, f.Name, f.Name)
			case ir.ToOne:
				fmt.Fprintf(&q, " %s_%s: %s { id }", typ.Name, f.Name, f.Name)
			case ir.ToMany:
				if f.Edge.Audience != nil { // that somebody may be contacted is what it tells
					fmt.Fprintf(&q, " %s_%s: %s(first: 100) { nodes { id } }", typ.Name, f.Name, f.Name)
				}
			}
		}
		q.WriteString(" }")
	}
	q.WriteString(" } }")
	var ids []any
	for _, r := range p.rows {
		ids = append(ids, read.EncodeID(r.typ.Name, r.id))
	}
	r := w.ask(t, viewer, q.String(), "ids", ids)
	if r.Data == nil {
		t.Fatal(r.raw)
	}
	return r
}
