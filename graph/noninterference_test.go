package graph_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

var (
	seeds     = flag.Int("noninterference.seeds", 1, "populations to try")
	seed      = flag.Uint64("noninterference.seed", 1, "the first population")
	askers    = flag.Int("noninterference.viewers", 3, "viewers per population")
	questions = flag.Int("noninterference.questions", 25, "operations per viewer")
)

// TestNonInterference asks random questions of random content. Two things must hold for every viewer:
//
//   - Both databases answer the same, whatever was asked of their gateways before.
//   - Where every single cell of every row reads the same, everything reads the same: values the viewer cannot read are
//     exchanged for others, and no filter, order, count or page may tell.
func TestNonInterference(t *testing.T) {
	for name, edits := range map[string][]string{"crm": nil, "harsher": harsher} {
		for n := range *seeds {
			n := *seed + uint64(n)
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) { interfere(t, n, edits) })
		}
	}
}

// harsher puts rules where the CRM has none: on keys, lists and the parts of a computed field, by condition and by consent.
var harsher = []string{
	contactFirstName, contactFirstName + `
    @access(roles: [SALES_REP, SALES_MANAGER, SUPPORT_AGENT, MARKETER], when: "row.account.region == viewer.region || row.country == 'GB'")`,
	contactAccount, contactAccount + ` @consent(to: PROFILING, otherwise: WITHHOLD)`,
	`  contacts: [Contact!]!
  deals: [Deal!]!`, `  contacts: [Contact!]! @access(roles: [SALES_MANAGER, SUPPORT_AGENT, CUSTOMER], when: "row.industry != null")
  deals: [Deal!]! @purpose(only: [SALES, SELF_SERVICE])`,
	`type Ticket
  @entity`, `type Ticket
  @entity
  @consent(to: PROFILING)`,
	`  deal: Deal @owner @edge(onDelete: CASCADE)`, `  deal: Deal @owner @edge(onDelete: CASCADE) @access(roles: [SALES_REP, SALES_MANAGER, PRIVACY_OFFICER], when: "!row.privileged")`,
}

func interfere(t *testing.T, n uint64, edits []string) {
	var p *population
	var worlds []*world
	for _, d := range databases(t) {
		w := d.rewritten(t, edits...)
		if p == nil {
			p = populate(w.Schema(), rand.New(rand.NewPCG(n, 1)), 7)
		}
		p.store(t, w)
		worlds = append(worlds, w)
	}
	all := viewers(p)
	p.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, v := range all[:min(*askers, len(all))] {
		v.wonder(t, p, worlds)
	}
}

// wonder asks as one viewer.
func (v viewer) wonder(t *testing.T, p *population, worlds []*world) {
	name := fmt.Sprintf("%s in %v for %s, person %t", v.Role, v.Attrs["region"], v.req.Purpose.Name, v.IsSubject())
	a := newAsker(p, p.rnd, v.req)
	var asked, answers []string
	answered := 0
	ask := func(q string) (errs bool) {
		got := canonical(t, worlds[0].ask(t, v.Principal, q))
		for _, w := range worlds[1:] {
			if other := canonical(t, w.ask(t, v.Principal, q)); got != other {
				t.Errorf("%s\n%s\n%s %s\n%s %s", name, q, worlds[0].store.Dialect, got, w.store.Dialect, other)
			}
		}
		if strings.Contains(got, read.CodeInternal) {
			t.Errorf("%s\n%s\n%s", name, q, got)
		}
		asked, answers = append(asked, q), append(answers, got)
		return strings.Contains(got, `"errors":[{`)
	}
	for range *questions {
		if !ask(a.question()) {
			answered++
		}
	}
	for _, q := range a.probes() {
		ask(q)
	}
	if answered*3 < *questions {
		t.Errorf("%s: of %d questions only %d were answered: the gate checks little", name, *questions, answered)
	}
	w := worlds[p.rnd.IntN(len(worlds))]
	n, undo := p.exchange(t, w, v.Principal, v.req)
	t.Logf("%s: %d of %d questions answered, %d values exchanged", name, answered, *questions, n)
	for i, q := range asked {
		if got := canonical(t, w.ask(t, v.Principal, q)); got != answers[i] {
			t.Errorf("%s: hidden values show on %s\n%s\nbefore %s\nafter  %s", name, w.store.Dialect, q, answers[i], got)
		}
	}
	undo()
}

// viewer is somebody with a purpose.
type viewer struct {
	policy.Principal
	req policy.Request
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
					out = append(out, viewer{who, req})
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

// exchanged is a cell with another value in it.
type exchanged struct {
	r      *stored
	column string
	value  any
}

// exchange gives other values to cells and keys of which the viewer cannot tell when reading every cell by itself. It
// returns how many, and how to undo it.
func (p *population) exchange(t testing.TB, w *world, viewer policy.Principal, req policy.Request) (n int, undo func()) {
	t.Helper()
	before := p.readAll(t, w, viewer, req)
	exists := map[string]bool{}
	for _, node := range before.at("nodes").([]any) {
		if node != nil {
			exists[node.(map[string]any)["id"].(string)] = true
		}
	}
	var all []exchanged
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
			c := exchanged{r: r, column: f.Column}
			switch {
			case !f.Type.NonNull && p.rnd.IntN(4) == 0:
			case f.Kind == ir.ToOne:
				c.value = p.some(f.Edge.Target).id
			default:
				c.value = p.value(f)
			}
			all = append(all, c)
		}
	}
	p.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	want := canonical(t, before)
	kept := p.unseen(t, w, all, func() bool { return canonical(t, p.readAll(t, w, viewer, req)) == want })
	return len(kept), func() {
		for _, c := range kept {
			p.set(t, w, c.r, c.column, c.r.values[c.column])
		}
	}
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

// unseen makes the exchanges that keep hidden, halving what shows until it is found.
func (p *population) unseen(t testing.TB, w *world, all []exchanged, hidden func() bool) []exchanged {
	t.Helper()
	for _, c := range all {
		p.set(t, w, c.r, c.column, c.value)
	}
	if len(all) == 0 || hidden() {
		return all
	}
	for _, c := range all {
		p.set(t, w, c.r, c.column, c.r.values[c.column])
	}
	if len(all) == 1 {
		return nil
	}
	half := len(all) / 2
	first := p.unseen(t, w, all[:half], hidden)
	return append(first[:len(first):len(first)], p.unseen(t, w, all[half:], hidden)...)
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
