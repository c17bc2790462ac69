package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cloakroom-crm/cloakroom/"

// room is a part of the house, by the first letters of its packages' paths. The longest match counts.
type room struct {
	path string
	may  []string // rooms it may import besides itself
	why  string   // the reason, for whoever is told that an import is not allowed
}

// rooms is the plan of the house: directives ← ent ← privacy ← graph ← server ← cmd. A package of no room fails the test,
// so that a new room comes with its reason.
var rooms = []room{
	{"directives/ir", nil,
		"the compiled schema is plain data that everybody reads; it can depend on nothing that changes"},
	{"directives/policy", []string{"directives/ir"},
		"decisions must be checkable without a database or a network, so they see nothing but the schema"},
	{"directives/predicate", []string{"directives/ir", "directives/policy"},
		"renders conditions to SQL text; it executes nothing"},
	{"directives/format", []string{"directives/ir"},
		"checks values by what the schema says of a field, for the API and for imports alike"},
	{"directives/search", []string{"directives/ir"},
		"what a word is: the generator indexes by it and the read path asks by it, and neither may know the other"},
	{"directives/compiler", []string{"directives", "directives/ir"},
		"the way out of a broken build: it must compile when generated code does not"},
	{"directives/codegen", []string{"directives", "directives/ir", "directives/search", "directives/compiler"},
		"the way out of a broken build: it must compile when generated code does not"},
	{"directives", nil,
		"the vocabulary is a text"},
	{"ent", []string{"ent/detach", "directives/ir", "directives/policy", "directives/predicate"},
		"storage asks the policy package for the capability a context carries; it knows no API and no service"},
	{"ent/detach", nil,
		"a context without a request in it; whoever talks to a database needs it, generated code or not"},
	{"privacy", []string{"directives/ir", "directives/policy", "directives/predicate", "directives/format", "ent", "privacy/notice"},
		"the services keep promises about stored data; the API calls them, they do not call the API"},
	{"privacy/notice", []string{"directives/ir"},
		"a notice says what the schema says, the same every time: no database, no clock"},
	{"privacy/consent/receipt", []string{"directives/ir", "directives/policy"},
		"whoever was given a receipt verifies it without a house: no database, no network"},
	{"graph/schema", nil,
		"files a schema developer edits, embedded"},
	{"graph/importer", []string{"directives/ir", "directives/format", "directives/policy", "privacy"},
		"reads files into records and decisions through ports; it must work on any schema and any store"},
	{"graph/model", []string{"graph/read"},
		"every answer is an Object of the read path; bound types must compile before the executor is generated"},
	{"graph/event", nil,
		"what is told of a write; it goes over a bus, so it knows no values and nothing that could reach them"},
	{"graph", []string{"directives", "directives/ir", "directives/policy", "directives/predicate", "directives/format", "directives/codegen",
		"ent", "privacy", "privacy/consent/receipt", "privacy/notice", "graph/schema", "graph/importer", "graph/event", "graph/model", "graph/read", "graph/write"},
		"the API stands on storage and services, and knows nothing of HTTP routes and identities"},
	{"graph/read", []string{"ent/detach", "directives/ir", "directives/policy", "directives/predicate", "directives/format", "directives/search", "directives/codegen"},
		"the enforcement point: it reaches storage through ports, and generated models bind to it, so it must not need generated code"},
	{"graph/write", []string{"directives/ir", "directives/policy", "directives/predicate", "directives/format", "directives/codegen",
		"ent", "privacy", "privacy/consent/receipt", "privacy/notice", "graph/event", "graph/read", "graph/importer"},
		"writes go through Ent and are read back through the read path"},
	{"web", nil,
		"pages that npm builds, embedded"},
	{"server", []string{"web", "directives", "directives/ir", "directives/policy", "directives/compiler", "ent", "privacy", "privacy/consent/receipt", "privacy/notice", "graph", "graph/schema", "graph/read", "graph/importer"},
		"the edge assembles what lies below it; nothing below may know that there is HTTP"},
	{"cmd", []string{"directives", "directives/ir", "directives/policy", "directives/compiler", "directives/codegen", "ent", "privacy/consent/receipt", "privacy/notice",
		"graph/schema", "graph/read", "graph/importer", "server"},
		"a command is thin: it reads flags, calls one package, prints"},
	{"deploy", nil,
		"files for those who run it"},
	{"e2e", []string{"deploy", "directives", "directives/ir", "directives/policy", "directives/compiler", "graph", "graph/schema", "graph/read", "server", "ent", "privacy"},
		"tests from outside may look at everything; nothing but tests may look at them"},
	{"bench", []string{"directives", "directives/ir", "directives/policy", "directives/compiler", "ent", "privacy", "graph", "graph/schema", "graph/read", "server", "e2e"},
		"measures the house; nothing needs it"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

// TestImportsRunOneWay holds the plan of the house over what the go command says is imported.
func TestImportsRunOneWay(t *testing.T) {
	for _, p := range list(t) {
		for _, complaint := range complaints(p) {
			t.Error(complaint)
		}
	}
}

// TestTheRuleNotices shows that each kind of offence would be seen.
func TestTheRuleNotices(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		bad      bool
	}{
		"policy may read the schema":        {"directives/policy", "directives/ir", false},
		"policy may not reach storage":      {"directives/policy", "ent", true},
		"the schema depends on nothing":     {"directives/ir", "directives/policy", true},
		"generators need no generated code": {"directives/codegen/api", "graph/read", true},
		"storage does not call services":    {"ent/store", "privacy/consent", true},
		"services do not call the API":      {"privacy/consent", "graph/read", true},
		"the API does not know the edge":    {"graph/read", "server", true},
		"nobody imports commands":           {"server/house", "cmd/cloakroom", true},
		"commands call the edge":            {"cmd/cloakroom", "server/house", false},
		"a package of one's own room":       {"server", "server/identity", false},
		"a package without a room":          {"util", "directives/ir", true},
	} {
		got := complaints(pkg{module + c.from, []string{"fmt", module + c.to}})
		if (len(got) > 0) != c.bad {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func complaints(p pkg) []string {
	path := strings.TrimPrefix(p.ImportPath, module)
	from := roomOf(path)
	if from == nil {
		return []string{path + " is in no room: give it one in rooms, with the reason"}
	}
	var out []string
	for _, i := range p.Imports {
		to, ours := strings.CutPrefix(i, module)
		if !ours {
			continue
		}
		if r := roomOf(to); r == nil || r != from && !slices.Contains(from.may, r.path) {
			out = append(out, path+" imports "+to+": not allowed, because "+from.why)
		}
	}
	return out
}

func roomOf(path string) *room {
	var best *room
	for i, r := range rooms {
		if (path == r.path || strings.HasPrefix(path, r.path+"/")) && (best == nil || len(r.path) > len(best.path)) {
			best = &rooms[i]
		}
	}
	return best
}

// list asks the go command, which knows build tags and generated files. Packages that do not build are listed too.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	d := json.NewDecoder(bufio.NewReader(bytes.NewReader(out)))
	var all []pkg
	for {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages: the test looks at the wrong module", len(all))
	}
	slices.SortFunc(all, func(a, b pkg) int { return cmp.Compare(a.ImportPath, b.ImportPath) })
	return all
}
