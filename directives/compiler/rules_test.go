package compiler

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var update = flag.Bool("update", false, "rewrite the diagnostics the fixtures want")

// fixture is a schema that breaks one rule, the diagnostics it gets, and a small variation that compiles.
type fixture struct {
	archive   *txtar.Archive
	bad, good []ir.Source
}

func (f *fixture) want() *txtar.File {
	i := slices.IndexFunc(f.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	return &f.archive.Files[i]
}

// read splits a fixture. Unless its comment says "no base", the purposes and roles of testdata/base.graphqls join it.
func read(t testing.TB, path string) *fixture {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{archive: archive}
	if !strings.Contains(string(archive.Comment), "no base") {
		base, err := os.ReadFile("testdata/base.graphqls")
		if err != nil {
			t.Fatal(err)
		}
		f.bad = []ir.Source{{Name: "base.graphqls", Text: string(base)}}
		f.good = slices.Clone(f.bad)
	}
	for _, file := range archive.Files {
		if name, ok := strings.CutPrefix(file.Name, "bad/"); ok {
			f.bad = append(f.bad, ir.Source{Name: name, Text: string(file.Data)})
		}
		if name, ok := strings.CutPrefix(file.Name, "good/"); ok {
			f.good = append(f.good, ir.Source{Name: name, Text: string(file.Data)})
		}
	}
	return f
}

func TestEveryRuleHasItsFixture(t *testing.T) {
	paths, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, p := range paths {
		have = append(have, strings.TrimSuffix(filepath.Base(p), ".txtar"))
	}
	for _, r := range Rules() {
		want = append(want, r.ID)
		if r.Title == "" || r.Why == "" || r.Fix == "" || r.Bad == "" || r.Good == "" {
			t.Errorf("%s lacks a title, a reason, a remedy or an example", r.ID)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("fixtures %v\nrules    %v", have, want)
	}
}

func TestRules(t *testing.T) {
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			path := "testdata/rules/" + r.ID + ".txtar"
			f := read(t, path)
			schema, found := Compile(f.bad)
			if schema != nil {
				t.Error("a schema in spite of errors")
			}
			if !found.Has(r.ID) {
				t.Errorf("the bad schema does not break %s", r.ID)
			}
			var got bytes.Buffer
			if err := Write(&got, "text", found, f.bad, false); err != nil {
				t.Fatal(err)
			}
			if *update {
				f.want().Data = got.Bytes()
				if err := os.WriteFile(path, txtar.Format(f.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(f.want().Data); got.String() != want {
				t.Errorf("got\n%s\nwant\n%s", got.String(), want)
			}
			schema, found = Compile(f.good)
			for _, d := range found {
				t.Errorf("the good schema: %s (%s)", d, d.Remedy)
			}
			if len(found) == 0 && schema == nil {
				t.Error("neither a schema nor an error")
			}
		})
	}
}

// Each fixture is about its own rule: others may follow from the same mistake, but not crowd it out.
func TestFixturesAreAboutTheirRule(t *testing.T) {
	for _, r := range Rules() {
		f := read(t, "testdata/rules/"+r.ID+".txtar")
		_, found := Compile(f.bad)
		own := 0
		for _, d := range found {
			if d.Rule == r.ID {
				own++
			}
		}
		if own*2 < len(found) {
			t.Errorf("%s: %d of %d diagnostics are its own", r.ID, own, len(found))
		}
	}
}
