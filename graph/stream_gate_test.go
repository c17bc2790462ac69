package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// follower is what one viewer is told on one of two databases.
type follower struct {
	w     *world
	feeds []*feed
	told  strings.Builder
}

const lastChanged = `@public(because: "When this record was last changed.")`

// TestSubscriptionsDoNotInterfere is the gate for what is told. For every viewer there are two databases that differ in what the
// viewer cannot read; in both the viewer writes the same, and others write different things where the viewer does not look.
// What subscriptions tell, and when, must be the same.
func TestSubscriptionsDoNotInterfere(t *testing.T) {
	unstamped := rewrite(t, harsher...)
	for i := range unstamped {
		unstamped[i].Text = strings.ReplaceAll(unstamped[i].Text, lastChanged, lastChanged+" @access(roles: [PRIVACY_OFFICER, CUSTOMER])")
	}
	for name, s := range map[string]*ir.Schema{"crm": rewritten(t), "unstamped": compile(t, unstamped)} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(*seed, 7))
			p := populate(s, rnd, 5)
			lite := databases(t)[0].twins(t, s, p)
			undo := []*undoer{newUndoer(t, lite.one), newUndoer(t, lite.other)}
			told, hidden, all := 0, 0, viewers(p)
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:12]
			if testing.Short() {
				all = all[:4]
			}
			for i, v := range all {
				v.ID = fmt.Sprint("viewer ", i)
				g := &gate{t: t, viewer: v, population: p, lite: lite, undo: undo, asker: newAsker(p, rnd, v.req)}
				g.name = fmt.Sprintf("%s in %v for %s, person %t", v.Role, v.Attrs["region"], v.req.Purpose.Name, v.IsSubject())
				_, restore := p.exchange(t, lite.oracle, v.Principal, v.req)
				n, writes := g.follow()
				restore()
				told, hidden = told+n, hidden+writes
				if t.Failed() {
					return
				}
			}
			t.Logf("%d viewers were told %d times, while %d writes were out of their sight", len(all), told, hidden)
			if told < len(all) || hidden < 3*len(all) {
				t.Error("too little happens: the gate checks little")
			}
		})
	}
}

// follow has both worlds change under the viewer's eyes. It returns how often they were told something, and how many writes
// they could not see.
func (g *gate) follow() (told, hidden int) {
	defer plant()()
	both := []*follower{{w: g.lite.one}, {w: g.lite.other}}
	for i := range both {
		both[i].w.ids.Store(0)
		g.undo[i].begin(g.t)
	}
	defer func() {
		for i, f := range both {
			f.w.now = today
			for _, s := range f.feeds {
				s.Close()
			}
			g.undo[i].rollback(g.t)
		}
	}()
	var types []*ir.Type
	for _, t := range g.asker.ir.Entities() {
		if policy.RowsOf(t, ir.Read, g.req).Allowed {
			types = append(types, t)
		}
	}
	if types == nil {
		return 0, 0
	}
	seen := g.visible(types)
	var followed []*ir.Type
	for len(followed) < 6 {
		t := types[g.population.rnd.IntN(len(types))]
		args := ""
		if g.population.rnd.IntN(2) == 0 {
			args = fmt.Sprintf("(ids: [%q, %q, %q])", g.asker.one(g.asker.byType[t.Name]), g.asker.one(g.asker.byType[t.Name]), g.asker.one(g.asker.ids))
		}
		q := "subscription @for(purpose: " + g.req.Purpose.Name + ") { " + api.ChangedField(t) + args + " { kind id " +
			g.asker.selection(g.asker.api.Types[t.Name], "node", 1+g.population.rnd.IntN(2)) + " } }"
		if strings.Contains(q, "ursor") {
			continue
		}
		followed = append(followed, t)
		for _, f := range both {
			f.feeds = append(f.feeds, f.w.subscribe(g.t, g.Principal, q))
		}
	}
	var unseen []*stored // rows that changed out of sight
	for step := range 48 {
		now := today.Add(time.Duration(step+1) * time.Second)
		for _, f := range both {
			f.w.now = now
		}
		switch step % 4 {
		case 0:
			g.compare(g.lite, g.asker.mutation())
		case 1:
			for _, r := range slices.Concat(unseen, g.some(followed, 10)) {
				g.write(r, seen, true)
			}
			unseen = nil
		default:
			for _, r := range g.some(followed, 10) {
				if g.write(r, seen, false) {
					unseen, hidden = append(unseen, r), hidden+1
				}
			}
		}
		if step%4 < 2 {
			seen = g.visible(types)
		}
		for _, f := range both {
			told += f.collect(g.t)
		}
		if one, other := both[0].told.String(), both[1].told.String(); one != other {
			g.t.Errorf("%s: step %d: hidden values show\n%s", g.name, step, firstDifference(one, other))
			break
		}
	}
	return told, hidden
}

// visible are the rows the viewer sees.
func (g *gate) visible(types []*ir.Type) map[string]bool {
	seen := map[string]bool{}
	for _, t := range types {
		ids := g.asker.byType[t.Name]
		r := g.lite.one.ask(g.t, g.Principal, "query($ids: [ID!]!) @for(purpose: "+g.req.Purpose.Name+") { nodes(ids: $ids) { id } }", "ids", ids)
		for i := range ids {
			if nodes, ok := r.Data["nodes"].([]any); ok && nodes[i] != nil {
				seen[ids[i]] = true
			}
		}
	}
	return seen
}

// some are n rows of some types.
func (g *gate) some(types []*ir.Type, n int) (rows []*stored) {
	for range n {
		rows = append(rows, g.population.some(types[g.population.rnd.IntN(len(types))]))
	}
	return rows
}

// write changes one field of a row, if it has one to change. Openly it is a field the viewer sees, and the same in both databases.
// Otherwise it is out of their sight: a hidden field of a row they see gets a different value in each; a row they do not see, or of
// which they do not see when it was written, changes in one of them only.
func (g *gate) write(r *stored, seen map[string]bool, openly bool) bool {
	t := r.typ
	visible := seen[read.EncodeID(t.Name, r.id)]
	switch {
	case openly && !visible:
		return false
	case g.req.LimitedToSubject() && !t.Personal(): // reached over edges alone, so it may be in sight
		return false
	}
	var fields []*ir.Field
	for _, f := range t.Fields {
		cell := policy.CellOf(f, g.req)
		if f.Kind != ir.Column || f.Unique || f.Immutable || f.OnUpdate || g.population.decides(f) || f.Scalar != ir.String {
			continue
		}
		if openly != (visible && cell.Outcome == policy.Reveal) || !openly && visible && cell.NeedsMasked() {
			continue
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return false
	}
	f := fields[g.population.rnd.IntN(len(fields))]
	stamped := slices.ContainsFunc(t.Fields, func(f *ir.Field) bool {
		return f.OnUpdate && policy.CellOf(f, g.req).Outcome == policy.Reveal
	})
	switch one, other := []*world{g.lite.one}, []*world{g.lite.other}; {
	case openly:
		return g.put(slices.Concat(one, other), r, f)
	case stamped && visible:
		return g.put(one, r, f) && g.put(other, r, f)
	default:
		return g.put(one, r, f)
	}
}

// put writes one value of a row to worlds, so that each of them is changed: a value may be what one of them holds already. It
// reports whether there is such a row; the viewer may have deleted it.
func (g *gate) put(worlds []*world, r *stored, f *ir.Field) bool {
	changed := make([]bool, len(worlds))
	for tries := 0; tries < 50 && slices.Contains(changed, false); tries++ {
		v := g.population.value(f)
		for i, w := range worlds {
			res, err := w.Bulk().Upsert(context.Background(), r.typ, []importer.Row{{ID: r.id, Values: map[string]any{f.Name: v}}})
			switch {
			case ent.IsNotFound(err):
				return false
			case err != nil:
				g.t.Fatal(err)
			}
			changed[i] = changed[i] || res.Unchanged == 0
		}
	}
	for i, w := range worlds {
		for _, f := range r.typ.Fields { // the clock of imports is the real one
			if f.OnUpdate && changed[i] {
				g.population.set(g.t, w, r.to(f.Column, w.now))
			}
		}
	}
	return true
}

// collect notes what is told now.
func (f *follower) collect(t *testing.T) (told int) {
	if err := f.w.Settle(); err != nil {
		t.Fatal(err)
	}
	for i, s := range f.feeds {
		for {
			resp, err := s.Poll(s.ctx)
			if resp == nil {
				if err != nil {
					fmt.Fprintln(&f.told, i, err)
				}
				break
			}
			b, err := graph.Encode(resp)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&f.told, "%d %s\n", i, b)
			told++
		}
	}
	return told
}

// firstDifference is the first line in which two texts differ.
func firstDifference(one, other string) string {
	a, b := strings.Split(one, "\n"), strings.Split(other, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "one   " + a[i] + "\nother " + b[i]
		}
	}
	return fmt.Sprintf("one of them tells %d times more", len(a)-len(b))
}
