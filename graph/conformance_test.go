package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
)

var update = flag.Bool("update", false, "rewrite the wanted answers")

// TestConformance asks every question of testdata/conformance on both databases. A case is a txtar file: its comment
// names who asks (one `as:` line per answer), `query.graphql` is the question, and `N.json` the N-th answer.
func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/conformance/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, db := range databases(t) {
		t.Run(db.name, func(t *testing.T) {
			g := db.demo(t)
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { conform(t, g.Gateway, file, db.first) })
			}
		})
	}
}

func conform(t *testing.T, g *graph.Gateway, file string, mayUpdate bool) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := map[string][]byte{}
	for _, f := range ar.Files {
		part[f.Name] = f.Data
	}
	var answers []txtar.File
	for _, line := range strings.Split(string(ar.Comment), "\n") {
		who, ok := strings.CutPrefix(line, "as: ")
		if !ok {
			continue
		}
		name := "answer-" + strings.ReplaceAll(who, " ", "-") + ".json"
		got := answer(t, g, principal(t, g, who), string(part["query.graphql"]))
		answers = append(answers, txtar.File{Name: name, Data: got})
		if !*update && !bytes.Equal(got, part[name]) {
			t.Errorf("%s as %s\ngot  %s\nwant %s", file, who, got, part[name])
		}
	}
	if len(answers) == 0 {
		t.Fatal("nobody asks: add an `as:` line")
	}
	if *update && mayUpdate {
		out := &txtar.Archive{Comment: ar.Comment, Files: append([]txtar.File{{Name: "query.graphql", Data: part["query.graphql"]}}, answers...)}
		if err := os.WriteFile(file, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// principal reads `ROLE k=v …`; `subject=Type/key` makes it a person of the demo data.
func principal(t *testing.T, g *graph.Gateway, who string) policy.Principal {
	words := strings.Fields(who)
	p := policy.Principal{ID: who, Role: words[0], Attrs: map[string]any{}}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		if k == "subject" {
			p.Subject = demoID(v)
			continue
		}
		p.Attrs[k] = v
	}
	return p
}

var cursors = regexp.MustCompile(`"(cursor|endCursor|startCursor)": "[^"]+"`)

// answer is the response as indented JSON, with what is random taken out.
func answer(t *testing.T, g *graph.Gateway, p policy.Principal, query string) []byte {
	resp := g.Do(policy.WithPrincipal(context.Background(), p), query, nil)
	raw, err := json.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return cursors.ReplaceAll(out.Bytes(), []byte(`"$1": "…"`))
}
