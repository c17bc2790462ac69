package codegen

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// derive runs every pure function of the package.
func derive(t *testing.T, s *ir.Schema) []File {
	t.Helper()
	files, err := EntSchemas(s)
	if err != nil {
		t.Fatal(err)
	}
	models, err := Models(s)
	if err != nil {
		t.Fatal(err)
	}
	return append(files, API(s), models)
}

func TestGolden(t *testing.T) {
	const golden = "testdata/sample.txtar"
	var got txtar.Archive
	for _, f := range derive(t, sample()) {
		got.Files = append(got.Files, txtar.File{Name: f.Path, Data: f.Data})
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Files) != len(got.Files) {
		t.Fatalf("%d files, want %d; go test -update rewrites them", len(got.Files), len(want.Files))
	}
	for i, f := range got.Files {
		if f.Name != want.Files[i].Name || !bytes.Equal(f.Data, want.Files[i].Data) {
			t.Errorf("%s differs from %s; go test -update rewrites it", f.Name, golden)
		}
	}
}

func TestSameSchemaSameBytes(t *testing.T) {
	first := derive(t, sample())
	for range 5 {
		for i, f := range derive(t, sample()) {
			if f.Path != first[i].Path || !bytes.Equal(f.Data, first[i].Data) {
				t.Fatalf("%s differs between two runs", f.Path)
			}
		}
	}
}

// The derived SDL is what the server validates requests against, so a GraphQL library must accept it.
func TestAPIIsValidGraphQL(t *testing.T) {
	schema := parseAPI(t, sample())
	for _, tc := range []struct{ name, typ, field, want string }{
		{"a to-one edge is nullable, its row may be hidden", "Contact", "account", "Account"},
		{"a column keeps its nullability", "Contact", "firstName", "String!"},
		{"a to-many edge is a connection", "Account", "contacts", "ContactConnection!"},
		{"get", "Query", "contact", "Contact"},
		{"list", "Query", "contacts", "ContactConnection!"},
		{"the user's own field is verbatim", "Query", "pipeline", "[Total!]!"},
		{"a required key is an input", "CreateContactInput", "accountId", "ID!"},
		{"a default makes an input optional", "CreateContactInput", "stage", "Stage"},
		{"updates require nothing", "UpdateContactInput", "firstName", "String"},
		{"an ordered personal field may be compared", "ContactWhere", "firstName", "StringOrderedFilter"},
		{"a sealed field may be looked up exactly", "ContactWhere", "email", "StringExactFilter"},
		{"the viewer's own records", "Me", "contacts", "ContactConnection!"},
	} {
		f := schema.Types[tc.typ].Fields.ForName(tc.field)
		if f == nil {
			t.Errorf("%s: %s.%s is missing", tc.name, tc.typ, tc.field)
		} else if got := f.Type.String(); got != tc.want {
			t.Errorf("%s: %s.%s is %s, want %s", tc.name, tc.typ, tc.field, got, tc.want)
		}
	}
}

func TestAPIOffersNothingMore(t *testing.T) {
	schema := parseAPI(t, sample())
	for _, tc := range []struct{ name, typ, field string }{
		{"a sealed field without find cannot be asked about", "ContactWhere", "notes"},
		{"JSON cannot be asked about", "AccountWhere", "extra"},
		{"a hidden key is not part of the API", "Contact", "accountVips"},
		{"a hidden key is no input", "CreateContactInput", "accountVipsId"},
		{"a computed field is no input", "CreateContactInput", "fullName"},
		{"an immutable field is not updated", "UpdateAccountInput", "since"},
		{"the id is the server's to give", "CreateContactInput", "id"},
	} {
		if schema.Types[tc.typ].Fields.ForName(tc.field) != nil {
			t.Errorf("%s: %s has %s", tc.name, tc.typ, tc.field)
		}
	}
	for _, v := range schema.Types["ContactOrderField"].EnumValues {
		if v.Name == "LAST_NAME" || v.Name == "EMAIL" || v.Name == "NOTES" {
			t.Errorf("lists can be sorted by %s, which leaks its order", v.Name)
		}
	}
	for name := range schema.Directives {
		switch name {
		case "for", "include", "skip", "deprecated", "specifiedBy", "defer", "oneOf":
		default:
			t.Errorf("the API shows @%s: the policy is not the client's business", name)
		}
	}
}

func parseAPI(t *testing.T, s *ir.Schema) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: apiPath, Input: string(API(s).Data)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// A description is the schema developer's text; whatever is in it must not end the block string it stands in.
func TestDescriptionsCannotBreakOut(t *testing.T) {
	for _, text := range []string{`"""`, `a """ b`, `ends with "`, `\`, "two\nlines", "# not a comment"} {
		s := sample()
		s.Type("Account").Desc = text
		s.Type("Account").Fields[1].Desc = text
		if got := parseAPI(t, s).Types["Account"].Description; got != text {
			t.Errorf("description %q came back as %q", text, got)
		}
		if _, err := EntSchemas(s); err != nil {
			t.Errorf("description %q: %v", text, err)
		}
	}
}

func TestDecimalDefaultsAreExact(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "12.5": 125_000, "-0.0001": -1, "900000000000000.9999": 9_000_000_000_000_009_999} {
		if got, err := tenThousandths(text); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0.00001", "x", "9223372036854775807"} {
		if got, err := tenThousandths(text); err == nil {
			t.Errorf("%s became %d", text, got)
		}
	}
}

// Personal values must not be printed with a row, and must stay correctable (Art. 16) even where the API sets them once.
func TestPersonalColumns(t *testing.T) {
	s := sample()
	s.Type("Contact").Field("email").Immutable = true
	col, err := entColumn(s.Type("Contact").Field("email"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(col, "Immutable") || !strings.Contains(col, `json:"-"`) {
		t.Error(col)
	}
}

// An interface may ask for an edge, which the API shows nullable or as a connection.
func TestInterfacesFollowTheirEdges(t *testing.T) {
	s := sample()
	s.Interfaces = []*ir.Interface{{Name: "Placed", SDL: "\"Somewhere.\"\ninterface Placed { account: Account! stage: Stage! }", Fields: []string{"account", "stage"}}}
	s.Type("Contact").Implements = []string{"Placed"}
	placed := parseAPI(t, s).Types["Placed"]
	if got := placed.Fields.ForName("account").Type.String(); got != "Account" {
		t.Errorf("Placed.account is %s, want Account", got)
	}
	if got := placed.Fields.ForName("stage").Type.String(); got != "Stage!" || placed.Description != "Somewhere." {
		t.Errorf("Placed.stage is %s, described as %q", got, placed.Description)
	}
}
