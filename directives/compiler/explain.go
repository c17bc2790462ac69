package compiler

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/tools/txtar"
)

// Rule is something a schema must not do.
type Rule struct {
	ID    string // "CLK030"
	Title string // what is wrong, as a phrase
	Why   string // the reason, with the article of the GDPR or the standard it follows from
	Fix   string // what to do
	Bad   string // SDL that breaks the rule
	Good  string // the same SDL, mended
}

// The examples are the compiler's own test fixtures: each is compiled on every test run, so none can go stale.
//
//go:embed testdata/rules/*.txtar
var fixtures embed.FS

var explained = sync.OnceValue(func() []Rule {
	out := slices.Clone(rules)
	for i := range out {
		data, err := fixtures.ReadFile("testdata/rules/" + out[i].ID + ".txtar")
		if err != nil {
			continue // a test holds that every rule has one
		}
		for _, f := range txtar.Parse(data).Files {
			switch {
			case strings.HasPrefix(f.Name, "bad/"):
				out[i].Bad += string(f.Data)
			case strings.HasPrefix(f.Name, "good/"):
				out[i].Good += string(f.Data)
			}
		}
	}
	return out
})

// Rules returns every rule in order of its number.
func Rules() []Rule { return slices.Clone(explained()) }

// Explain tells about a rule, with an example that breaks it and one that does not; false when there is no such rule.
// The number alone will do: "CLK030", "clk030" and "30" are the same.
func Explain(id string) (string, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(id), "CLK"))
	if err != nil {
		return "", false
	}
	id = fmt.Sprintf("CLK%03d", n)
	for _, r := range explained() {
		if r.ID != id {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %s\n\n%s\n\nTo fix it: %s\n", r.ID, r.Title, r.Why, r.Fix)
		if r.Bad != "" {
			fmt.Fprintf(&b, "\nThis does not compile:\n\n%s", indent(r.Bad))
		}
		if r.Good != "" {
			fmt.Fprintf(&b, "\nThis does:\n\n%s", indent(r.Good))
		}
		return b.String(), true
	}
	return "", false
}

func indent(text string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	return b.String()
}
