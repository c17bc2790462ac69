package compiler

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Any text compiles, or is refused with positions inside it; never both, never neither, never a panic.
func FuzzCompile(f *testing.F) {
	paths, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		x := read(f, p)
		for _, sources := range [][]ir.Source{x.bad, x.good} {
			f.Add(sources[len(sources)-1].Text)
		}
	}
	clinic, err := LoadDir("testdata/clinic")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range clinic {
		f.Add(s.Text)
	}
	f.Add(`type A @entity @access(roles: REP, when: """row.a == "x\""" """) { a: String }`)
	base, err := os.ReadFile("testdata/base.graphqls")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sources := []ir.Source{{Name: "base.graphqls", Text: string(base)}, {Name: "fuzz.graphqls", Text: text}}
		schema, found := Compile(sources)
		if (schema == nil) != (len(found) > 0) {
			t.Fatalf("schema %v with %d findings", schema != nil, len(found))
		}
		files := map[string]*file{"base.graphqls": newFile(sources[0]), "fuzz.graphqls": newFile(sources[1])}
		for _, d := range found {
			in := files[d.Pos.File]
			if in == nil || d.Pos.Line < 1 || d.Pos.Line > len(in.lines) || d.Pos.Col < 1 || d.Pos.Col > len(in.line(d.Pos.Line))+1 || d.Length < 1 {
				t.Fatalf("%s: no such place (length %d)", d, d.Length)
			}
			if d.Message == "" || d.Remedy == "" {
				t.Fatalf("%s: nothing said", d)
			}
		}
	})
}
