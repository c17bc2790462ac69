package read

import (
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Every query a person types would otherwise be a plan of its own, and drive the others out of the cache.
func TestWordsShapeNoPlan(t *testing.T) {
	doc, err := parser.ParseQuery(&ast.Source{Input: `query($q: String!, $after: String, $n: Int, $in: [SearchType!]) {
		search(query: $q, after: $after, first: $n, types: $in) { nodes { __typename } } }`})
	if err != nil {
		t.Fatal(err)
	}
	if got := shaping(doc.Operations[0], doc); !slices.Equal(got, []string{"in", "n"}) {
		t.Errorf("plans differ by %q", got)
	}
}
