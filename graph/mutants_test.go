package graph_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutant is a mistake that somebody could make: in a copy of the file, old (which occurs once) becomes new.
type mutant struct{ name, file, old, new string }

// rare are mutants that it takes thousands of operations to catch; they are left to `make mutants`.
var rare = []string{"order gate", "nested list", "conditional write", "consent", "unique"}

// mutants skip one check each, or show one thing too many.
var mutants = []mutant{
	{"filter", "graph/read/where.go", `if !cell.Queryable() {`, `if !cell.Queryable() && !mutant("filter") {`},
	{"filter gate", "graph/read/where.go", `*gates = append(*gates, p.sql.shown(&cell, alias))`,
		`if !mutant("filter gate") { *gates = append(*gates, p.sql.shown(&cell, alias)) }`},
	{"order", "graph/read/order.go", `if !cell.Queryable() {`, `if !cell.Queryable() && !mutant("order") {`},
	{"order gate", "graph/read/order.go", `lv.where = append(lv.where, p.sql.shown(&cell, lv.alias))`,
		`if !mutant("order gate") { lv.where = append(lv.where, p.sql.shown(&cell, lv.alias)) }`},
	{"cursor", "graph/read/encode.go", `s, err := e.r.e.cursors.seal(`,
		`if mutant("cursor") { for _, c := range row { k.Values = append(k.Values, c.s) } }; s, err := e.r.e.cursors.seal(`},
	{"count", "graph/read/statement.go", `bare.selects = []fragment{text("COUNT(*)")}`,
		`bare.selects = []fragment{text("COUNT(*)")}; if mutant("count") { bare.where = lv.where[1:] }`},
	{"aggregate", "graph/read/aggregate.go", `if !c.Queryable() {`, `if !c.Queryable() && !mutant("aggregate") {`},
	{"aggregate gate", "graph/read/aggregate.go", `cond := s.shown(c, alias)
	if cond.empty() {`, `cond := s.shown(c, alias)
	if cond.empty() || mutant("aggregate gate") {`},
	{"search", "graph/read/search.go", `if !cell.Queryable() {`, `if !cell.Queryable() && !mutant("search") {`},
	{"nested edge", "graph/read/plan.go", `p.sql.exist(rows, alias),`, `map[bool]fragment{false: p.sql.exist(rows, alias)}[mutant("nested edge")],`},
	{"nested list", "graph/read/plan.go", `child.where = append(child.where, shown)`, `if !mutant("nested list") { child.where = append(child.where, shown) }`},
	{"node", "graph/read/engine.go", `lv := p.newLevel(t)`, `lv := p.newLevel(t); if mutant("node") { lv.where = nil }`},
	{"projection", "graph/read/rows.go", `cond := and(s.said(c.Field.Owner, alias, need), s.allowed(c, alias))`,
		`cond := and(s.said(c.Field.Owner, alias, need), s.allowed(c, alias)); if mutant("projection") { cond = fragment{} }`},
	{"consent", "graph/read/encode.go", `func (e *encoder) cell(o *object, it *item, row []cell, state policy.State) {
	outcome := e.outcome(it, state)`, `func (e *encoder) cell(o *object, it *item, row []cell, state policy.State) {
	outcome := e.outcome(it, state)
	if mutant("consent") { outcome = it.cell.Outcome }`},
	{"deny", "directives/policy/cell.go", `c.NeedsToAsk |= bit`, `if !mutant("deny") { c.NeedsToAsk |= bit }`},
	{"null", "directives/policy/cell.go", `c.NeedsToShow |= bit`, `if mutant("null") { c.NeedsToReveal |= bit } else { c.NeedsToShow |= bit }`},
	{"hidden row", "directives/policy/rows.go", `	if r.SelfService() {
		return nil`, `	if r.SelfService() || mutant("hidden row") {
		return nil`},
	{"purpose's otherwise", "directives/policy/cell.go", `Explanation{without(r.Purpose.Otherwise),`,
		`Explanation{map[bool]Outcome{false: without(r.Purpose.Otherwise), true: Mask}[mutant("purpose's otherwise")],`},
	{"audience", "graph/read/plan.go", `child.where = append(child.where, p.sql.audience(field, child.alias))`,
		`if !mutant("audience") { child.where = append(child.where, p.sql.audience(field, child.alias)) }`},
	{"audience consent", "graph/read/audience.go", `s.consented(person, alias, c.Needed)`, `map[bool]fragment{false: s.consented(person, alias, c.Needed)}[mutant("audience consent")]`},
	{"audience restriction", "graph/read/audience.go", `s.clear(person, alias, c.Forbidden)`, `map[bool]fragment{false: s.clear(person, alias, c.Forbidden)}[mutant("audience restriction")]`},
	{"audience address", "graph/read/audience.go", `s.known(c.Address, alias))`, `map[bool]fragment{false: s.known(c.Address, alias)}[mutant("audience address")])`},
	{"audience owners", "graph/read/audience.go", `all = append(all, or(not(there), may))`, `all = append(all, or(not(there), may)); if mutant("audience owners") { all = []fragment{or(append(all, may)...)} }`},
	{"audience period", "graph/read/audience.go", `s.alive(c.Retains, alias)`, `map[bool]fragment{false: s.alive(c.Retains, alias)}[mutant("audience period")]`},
	{"mask width", "graph/read/encode.go", `e.value(f, cellOf(e.r.e.masker.Mask(`,
		`if s, ok := v.(string); ok && mutant("mask width") { e.buf = appendString(e.buf, strings.Repeat("•", len(s))); return }
	e.value(f, cellOf(e.r.e.masker.Mask(`},
	{"unique", "graph/read/exists.go", `return found[0][0].n > 0, found[0][1].n > 0, nil`,
		`return found[0][0].n > 0, found[0][1].n > 0 || mutant("unique") && found[0][0].n > 0, nil`},
	{"conditional write", "graph/write/mutate.go", `ok, err := e.Reads.Exists(ctx, w.Tx, s, t, id, ops)`,
		`ok, err := e.Reads.Exists(ctx, w.Tx, s, t, id, ops); ok = ok || id != uuid.Nil && mutant("conditional write")`},
	{"told anyway", "graph/read/change.go", `was.Mark != is.Mark:`, `(was.Mark != is.Mark || mutant("told anyway")):`},
	{"told unstamped", "graph/read/change.go", `&& stamped(t, s.Request):`, `&& (stamped(t, s.Request) || mutant("told unstamped")):`},
	{"told by memory", "graph/stream.go", `case !kept && !oc.Told:`, `case !kept && !oc.Told && !mutant("told by memory"):`},
	{"told from afar", "graph/read/encode.go", `case e.near == 0:`, `case e.near == 0 && !mutant("told from afar"):`},
}

// gateOf is the test that must catch a mutant.
func gateOf(name string) string {
	switch {
	case name == "told from afar": // chance finds it too seldom
		return "^TestWhatChangesFarAwayIsNotTold$"
	case strings.HasPrefix(name, "audience"):
		return "^TestAudience$"
	case strings.HasPrefix(name, "told "):
		return "^TestSubscriptionsDoNotInterfere$"
	}
	return "^TestNonInterference$"
}

const mutantHelper = `package %s

import "os"

func mutant(name string) bool { return os.Getenv("CLOAKROOM_PLANTED") == name }
`

// plant switches the mistake on that TestMutants asks for, if any, and returns how to switch it off: what rows show by id
// is found out without it.
func plant() func() {
	name, ok := os.LookupEnv("CLOAKROOM_MUTANT")
	if !ok {
		return func() {}
	}
	if err := os.Setenv("CLOAKROOM_PLANTED", name); err != nil {
		panic(err)
	}
	return func() {
		if err := os.Unsetenv("CLOAKROOM_PLANTED"); err != nil {
			panic(err)
		}
	}
}

var mutantFlag = flag.String("mutants", "", `the mutants to plant, separated by commas, or "all"; empty: those caught soon`)

// TestMutants plants mistakes in a copy of the code, one at a time, and watches the gate of TestNonInterference catch each.
// The product has no switch for them: the go command builds from the copy (its -overlay flag).
func TestMutants(t *testing.T) {
	if _, planted := os.LookupEnv("CLOAKROOM_MUTANT"); planted {
		t.Skip("a mutant plants no mutants")
	}
	if testing.Short() {
		t.Skip("builds the package once more")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "gate.test")
	build := exec.Command("go", "test", "-c", "-overlay", overlay(t, dir), "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, m := range mutants {
		switch *mutantFlag {
		case "all":
		case "":
			if slices.Contains(rare, m.name) {
				continue
			}
		default:
			if !slices.Contains(strings.Split(*mutantFlag, ","), m.name) {
				continue
			}
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(binary, "-test.run", gateOf(m.name), "-test.failfast", "-test.timeout", "10m", "-noninterference.sqlite",
				"-noninterference.operations", fmt.Sprint(max(10_000, 2**operations)), "-noninterference.seed", fmt.Sprint(*seed))
			c.Env = append(os.Environ(), "CLOAKROOM_MUTANT="+m.name)
			out, err := c.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("the gate is green with %s broken:\n%s", m.name, out)
			case !strings.Contains(string(out), "hidden values show"):
				t.Errorf("the gate fails for another reason: %v\n%s", err, out)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		c := exec.Command(binary, "-test.run", gateOf("audience")+"|"+gateOf("told from afar"))
		c.Env = append(os.Environ(), "CLOAKROOM_MUTANT=none")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("the gate is red with nothing broken: %v\n%s", err, out)
		}
	})
}

// overlay writes the mutated files and returns the description of which files they stand for.
func overlay(t *testing.T, dir string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, m := range mutants {
		if _, ok := texts[m.file]; !ok {
			b, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			texts[m.file] = string(b)
			pkg := filepath.Dir(m.file)
			texts[pkg+"/mutant.go"] = fmt.Sprintf(mutantHelper, filepath.Base(pkg))
		}
		if n := strings.Count(texts[m.file], m.old); n != 1 {
			t.Fatalf("mutant %s: its code occurs %d times in %s", m.name, n, m.file)
		}
		texts[m.file] = strings.Replace(texts[m.file], m.old, m.new, 1)
	}
	replace := map[string]string{}
	for file, text := range texts {
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = path
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
