package read

import (
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestDocumentsThatAreKept(t *testing.T) {
	e := &Engine{sealedNames: map[string]bool{"email": true, "visits": true}}
	for query, kept := range map[string]bool{
		`{ contacts(where: {country: {eq: "DE"}}) { nodes { email } } }`:                                                                  true,
		`query($e: String) { contacts(where: {email: {eq: $e}}) { nodes { id } } }`:                                                       true,
		`{ contacts(where: {email: {isNull: true}}) { nodes { id } } }`:                                                                   true,
		`{ contacts(where: {email: {eq: "ada@example.com"}}) { nodes { id } } }`:                                                          false,
		`{ contacts(where: {visits: {in: [7]}}) { nodes { id } } }`:                                                                       false,
		`{ contacts(where: {or: [{country: {eq: "DE"}}, {not: {email: {in: ["a@b.c"]}}}]}) { nodes { id } } }`:                            false,
		`{ accounts { nodes { contacts(where: {email: {eq: "a"}}) { nodes { id } } } } }`:                                                 false,
		`{ accounts { nodes { ... on Account { ...f } } } } fragment f on Account { contacts(where: {email: {eq: "a"}}) { totalCount } }`: false,
		`query($e: String = "ada@example.com") { contacts(where: {email: {eq: $e}}) { nodes { id } } }`:                                   false,
		`{ search(query: "ada") { nodes { id } } }`:                                                                                       false,
		`query($q: String!) { search(query: $q) { nodes { id } } }`:                                                                       true,
		`mutation { createContact(input: {firstName: "Ada"}) { contact { id } } }`:                                                        false,
		`mutation($i: CreateContactInput!) { createContact(input: $i) { contact { id } } }`:                                               true,
		`mutation { giveConsent(input: {purpose: MARKETING}) { entryId } }`:                                                               true,
		`mutation { ... { createContact(input: {firstName: """Ada"""}) { contact { id } } } }`:                                            false,
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil {
			t.Fatal(err)
		}
		if e.Keepable(doc) != kept {
			t.Errorf("kept %t: %s", !kept, query)
		}
	}
}
