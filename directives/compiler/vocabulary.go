package compiler

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives"
)

// vocabulary is what directives.Vocabulary declares, beside GraphQL's own directives.
type vocabulary struct {
	directives map[string]*ast.DirectiveDefinition
	enums      map[string]*ast.Definition
	scalars    map[string]bool
}

// graphqlDirectives are those of the GraphQL specification (October 2021, section 3.13; @oneOf of the draft).
const graphqlDirectives = `
directive @deprecated(reason: String = "No longer supported") on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @specifiedBy(url: String!) on SCALAR
directive @oneOf on INPUT_OBJECT
`

var words = sync.OnceValue(func() *vocabulary {
	v := &vocabulary{directives: map[string]*ast.DirectiveDefinition{}, enums: map[string]*ast.Definition{}, scalars: map[string]bool{}}
	for name, text := range map[string]string{directives.VocabularyFile: directives.Vocabulary, "graphql": graphqlDirectives} {
		doc, err := parser.ParseSchema(&ast.Source{Name: name, Input: text})
		if err != nil {
			panic(fmt.Sprintf("the vocabulary does not parse: %v", err)) // embedded at build time, covered by every test
		}
		for _, d := range doc.Directives {
			v.directives[d.Name] = d
		}
		for _, d := range doc.Definitions {
			if d.Kind == ast.Enum {
				v.enums[d.Name] = d
			} else {
				v.scalars[d.Name] = true
			}
		}
	}
	return v
})

// ordinal is the index of a value in an enum of the vocabulary; the IR numbers its constants in the same order.
func ordinal(enum, value string) int {
	return slices.IndexFunc(words().enums[enum].EnumValues, func(v *ast.EnumValueDefinition) bool { return v.Name == value })
}

func enumValues(d *ast.Definition) []string {
	out := make([]string, 0, len(d.EnumValues))
	for _, v := range d.EnumValues {
		out = append(out, v.Name)
	}
	return out
}

// suggest names the candidate closest to a misspelt name: `did you mean "mask"?`, or lists the candidates when none is
// close and they are few.
func suggest(name string, candidates []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(candidates) == 0:
		return "remove it"
	case len(candidates) <= 12:
		sorted := slices.Clone(candidates)
		slices.Sort(sorted)
		return "use one of " + strings.Join(sorted, ", ")
	}
	return "check the spelling"
}

// distance is the Levenshtein distance, bounded by the callers' short names.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
