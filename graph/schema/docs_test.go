package schema_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives"
	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func vocabularyPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/vocabulary.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

var blocks = regexp.MustCompile("(?s)```graphql\n(.*?)```")

// The examples of the vocabulary's page are one schema, and it compiles.
func TestExamplesOfTheVocabularyCompile(t *testing.T) {
	page := vocabularyPage(t)
	var sdl strings.Builder
	at := 0
	for _, m := range blocks.FindAllStringSubmatchIndex(page, -1) {
		block := page[m[2]:m[3]]
		// Lines keep their numbers, so that a finding points into the page.
		sdl.WriteString(strings.Repeat("\n", strings.Count(page[at:m[2]], "\n")))
		at = m[2]
		if !strings.HasPrefix(block, "query") {
			sdl.WriteString(block)
			at = m[3]
		}
	}
	sources := []ir.Source{{Name: "docs/vocabulary.md", Text: sdl.String()}}
	s, findings := compiler.Compile(sources)
	if len(findings) > 0 {
		var out bytes.Buffer
		_ = compiler.Write(&out, "text", findings, sources, false)
		t.Fatal(out.String())
	}
	if s.Type("Member") == nil {
		t.Fatal("the page has no examples")
	}
}

// Every directive has a section with a row for each argument, its type and its default, and every word is explained.
func TestVocabularyPageIsComplete(t *testing.T) {
	page := vocabularyPage(t)
	doc, err := parser.ParseSchema(&ast.Source{Name: directives.VocabularyFile, Input: directives.Vocabulary})
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^#{2,3} `).Split(page, -1) {
		title, text, _ := strings.Cut(part, "\n")
		sections[strings.Trim(title, "`")] = text
	}
	for _, d := range doc.Directives {
		text, ok := sections["@"+d.Name]
		if !ok {
			t.Errorf("@%s has no section", d.Name)
			continue
		}
		rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `([^`]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(text, -1)
		if len(rows) != len(d.Arguments) {
			t.Errorf("@%s has %d arguments, the page %d", d.Name, len(d.Arguments), len(rows))
			continue
		}
		for i, a := range d.Arguments {
			want := [2]string{a.Name, a.Type.String()}
			if got := [2]string{rows[i][1], rows[i][2]}; got != want {
				t.Errorf("@%s: the page says %v, the vocabulary %v", d.Name, got, want)
			}
			given := rows[i][3]
			switch {
			case a.DefaultValue != nil && given != "`"+a.DefaultValue.String()+"`":
				t.Errorf("@%s(%s:): the page gives the default %s, the vocabulary %s", d.Name, a.Name, given, a.DefaultValue)
			case (a.DefaultValue == nil && a.Type.NonNull) != (given == "required"):
				t.Errorf("@%s(%s:): the page says %q", d.Name, a.Name, given)
			}
		}
	}
	for _, e := range doc.Definitions {
		text, ok := sections[e.Name]
		if e.Kind == ast.Scalar {
			text, ok = sections["Scalars"], strings.Contains(sections["Scalars"], "`"+e.Name+"`")
		}
		if !ok {
			t.Errorf("%s is not explained", e.Name)
		}
		for _, v := range e.EnumValues {
			if !strings.Contains(text, "`"+v.Name+"`") && !strings.Contains(text, v.Name+" ") {
				t.Errorf("%s.%s is not explained", e.Name, v.Name)
			}
		}
	}
}
