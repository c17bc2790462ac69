package compiler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func compile(t testing.TB, text string) (*ir.Schema, Diagnostics) {
	t.Helper()
	f := read(t, "testdata/rules/CLK001.txtar")
	return Compile([]ir.Source{f.bad[0], {Name: "schema.graphqls", Text: text}})
}

func must(t testing.TB, text string) *ir.Schema {
	t.Helper()
	s, found := compile(t, text)
	for _, d := range found {
		t.Errorf("%s (%s)", d, d.Remedy)
	}
	if s == nil {
		t.FailNow()
	}
	return s
}

func TestDiagnosticsComeAllAtOnceAndSorted(t *testing.T) {
	_, found := Compile([]ir.Source{
		{Name: "b.graphqls", Text: "type Thing @entity {\n  a: Nope\n  b: Nope\n}"},
		{Name: "a.graphqls", Text: "type Other @entity { c: Nope }"},
	})
	var at []string
	for _, d := range found {
		at = append(at, d.Pos.String()+" "+d.Rule)
	}
	want := []string{"a.graphqls:1:25 CLK003", "b.graphqls:1:6 CLK020", "b.graphqls:1:6 CLK020", "b.graphqls:2:6 CLK003", "b.graphqls:3:6 CLK003"}
	if !slices.Equal(at, want) {
		t.Errorf("got  %v\nwant %v", at, want)
	}
}

func TestSyntaxErrorsOfSeveralFiles(t *testing.T) {
	_, found := Compile([]ir.Source{{Name: "b.graphqls", Text: "type {"}, {Name: "a.graphqls", Text: "typ A"}, {Name: "c.graphqls", Text: "type C { a: \xff }"}})
	if len(found) != 3 || found[0].Pos.File != "a.graphqls" || found[1].Pos.File != "b.graphqls" || found[2].Rule != ruleBounds {
		t.Errorf("%v", found)
	}
}

// Windows line ends, a byte order mark and letters of several bytes must not shift positions.
func TestPositionsCountCodePoints(t *testing.T) {
	_, found := compile(t, "\uFEFF\"\"\"\r\nÜber\r\n\"\"\"\r\ntype Thing @entity {\r\n  \"é\" a: Nope\r\n}\r\n")
	if len(found) != 1 || found[0].Pos != (ir.Pos{File: "schema.graphqls", Line: 5, Col: 10}) || found[0].Length != 4 {
		t.Errorf("%v", found)
	}
}

func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"size":         strings.Repeat("#", maxSourceBytes+1),
		"list type":    "type A { a: " + strings.Repeat("[", 100000) + "A" + strings.Repeat("]", 100000) + "}",
		"value":        "type A { a(b: Int = " + strings.Repeat("{a:", 100000) + "}",
		"unterminated": "type A @b(c: " + strings.Repeat("[", 100000),
	} {
		if _, found := compile(t, text); len(found) != 1 || found[0].Rule != ruleBounds {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestClinicIR(t *testing.T) {
	s := clinic(t)
	patient, visit, invoice, staff := s.Type("Patient"), s.Type("Visit"), s.Type("Invoice"), s.Type("Practitioner")
	if patient.Table != "patients" || patient.Singular != "patient" || patient.Plural != "patients" || !patient.Subject {
		t.Errorf("%+v", patient)
	}
	if len(patient.Owners) != 1 || len(patient.Owners[0]) != 0 {
		t.Errorf("a subject owns itself: %v", patient.Owners)
	}
	if len(invoice.Owners) != 1 || len(invoice.Owners[0]) != 2 || invoice.Owners[0][0] != invoice.Field("visit") || invoice.Owners[0][1] != visit.Field("patient") {
		t.Errorf("owners of an invoice: %v", invoice.Owners)
	}
	if s.Type("Room").Personal() || s.Type("Room").Field("name").Public != nil {
		t.Error("a room is nobody's")
	}
	id := visit.Fields[0]
	if id.Name != "id" || id.Kind != ir.ID || id.Column != "id" || id.Scalar != ir.UUID || visit.Field("id") != id {
		t.Errorf("injected id: %+v", id)
	}
	owner := visit.Field("patient")
	if owner.Kind != ir.ToOne || owner.Column != "patient_id" || !owner.Edge.IsOwner || owner.Edge.OnDelete != ir.Cascade || owner.Edge.Target != patient || owner.Edge.Inverse != patient.Field("visits") {
		t.Errorf("%+v %+v", owner, owner.Edge)
	}
	if e := visit.Field("practitioner").Edge; e.OnDelete != ir.SetNull || e.Inverse != staff.Field("visits") {
		t.Errorf("%+v", e)
	}
	if e := staff.Field("patients").Edge; e.Inverse != patient.Field("practitioner") {
		t.Errorf("%+v", e)
	}
	allergies := patient.Field("allergies")
	if p := allergies.Pii; p.Category != "HEALTH" || p.Sensitivity != ir.Special || p.Mask != ir.Redact || !p.Sealed || p.Find != ir.FindNone || p.Source != "STAFF" {
		t.Errorf("%+v", p)
	}
	if c := allergies.Consents; len(c) != 1 || c[0].To != s.Purpose("RESEARCH") || c[0].Otherwise != ir.OtherwiseNull {
		t.Errorf("%+v", c)
	}
	if f := visit.Field("fee"); f.Scalar != ir.Decimal || f.Pii.Mask != ir.MaskNull || f.Pii.Sealed || !f.Purposes.Has(s.Purpose("BILLING")) || f.Purposes.Has(s.Purpose("TREATMENT")) {
		t.Errorf("%+v", f)
	}
	if f := visit.Field("status"); f.Scalar != ir.EnumScalar || f.Enum != s.Enum("VisitStatus") || *f.Default != "PLANNED" || !f.Type.NonNull {
		t.Errorf("%+v", f)
	}
	if f := patient.Field("fullName"); f.Kind != ir.Computed || f.Stored() || f.Computed.Join != " " || f.Computed.From[1] != patient.Field("familyName") {
		t.Errorf("%+v", f)
	}
	if f := patient.Field("fileNumber"); !f.Unique || !f.Immutable || f.Public == nil || f.Column != "file_number" {
		t.Errorf("%+v", f)
	}
	if f := patient.Field("email"); f.Format != "EMAIL" || f.Pii.Find != ir.FindExact || f.Pii.Mask != ir.MaskEmail {
		t.Errorf("%+v", f)
	}
	if f := patient.Field("givenName"); f.MinLen != 1 || f.MaxLen != 100 {
		t.Errorf("%+v", f)
	}
	if r := patient.Retains[0]; r.For != (ir.Period{Years: 10}) || r.After != patient.Field("lastVisitAt") || r.Then != "ERASE" {
		t.Errorf("%+v", r)
	}
	a := patient.Access[1]
	if !a.To.Has(ir.Create) || !a.To.Has(ir.Update) || a.To.Has(ir.Read) || !a.Roles.Has(s.Role("FRONT_DESK")) || a.Roles.Has(s.Role("PHYSICIAN")) || a.When == nil || a.When.Source != "row.clinic == viewer.clinic" {
		t.Errorf("%+v", a)
	}
	if p := s.Purpose("RESEARCH"); p.Index != 2 || p.Bit != 2 || !p.ByConsent() || !slices.Equal(p.OptOut, []string{"GPC"}) || p.Desc == "" {
		t.Errorf("%+v", p)
	}
	if c := s.Role("PHYSICIAN").Clearances[0]; !c.Covers(s.Purpose("TREATMENT"), "HEALTH", ir.Special) || c.Covers(s.Purpose("BILLING"), "HEALTH", ir.Low) {
		t.Errorf("%+v", c)
	}
}

func TestHiddenKeyOfAListAlone(t *testing.T) {
	s := must(t, `type Team @entity { teammates: [Player!] } type Player @entity { name: String }`)
	key := s.Type("Player").Field("teamTeammates")
	list := s.Type("Team").Field("teammates")
	if key == nil || !key.Edge.Hidden || key.Kind != ir.ToOne || key.Column != "team_teammates_id" || key.Edge.Inverse != list || list.Edge.Inverse != key || key.Edge.Target != s.Type("Team") {
		t.Fatalf("%+v", key)
	}
}

func TestCoOwners(t *testing.T) {
	s := must(t, `
type Person @entity @subject { guardian: Person @owner  calls: [Call!]! @edge(inverse: "caller") }
type Call @entity { caller: Person! @owner  callee: Person @owner  notes: [Note!]! }
type Note @entity(table: "remarks") { call: Call! @owner  colleague: Person }`)
	var got []string
	for _, t := range s.Types {
		for _, path := range t.Owners {
			way := t.Name
			for _, f := range path {
				way += "." + f.Name
			}
			got = append(got, way)
		}
	}
	want := []string{"Person", "Person.guardian", "Call.caller", "Call.callee", "Note.call.caller", "Note.call.callee"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if s.Type("Note").Table != "remarks" || s.Type("Call").Field("callee").Edge.Inverse != nil {
		t.Error("the table, or an edge without a list")
	}
}

func TestStorageNamesAgreeWithEnt(t *testing.T) {
	// Left: names as in SDL; right: what entc makes of them.
	for name, want := range map[string]string{"externalId": "external_id", "HTTPCode": "http_code", "fullName": "full_name", "userIDs": "user_ids",
		"line2": "line2", "a": "a", "already_snake": "already_snake", "ABTest": "ab_test", "iOS": "i_os"} {
		if got := snake(name); got != want {
			t.Errorf("snake(%s) = %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string][3]string{
		"Contact": {"contacts", "contact", "contacts"}, "CampaignMember": {"campaign_members", "campaignMember", "campaignMembers"},
		"Activity": {"activities", "activity", "activities"}, "Person": {"persons", "person", "persons"}, "Equipment": {"equipment", "equipment", "equipmentList"},
		"SKU": {"sk_us", "sku", "skUs"}, "Address": {"addresses", "address", "addresses"},
	} {
		if got := [3]string{tableName(name), singular(name), plural(name)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestOperations(t *testing.T) {
	s := must(t, `
scalar JSON
scalar DateTime
scalar Colour
type Query {
  """
  Finds
  people.
  """
  seek(
    "what"
    text: String! = "a \"b\"", first: Int = 10, filter: [Filter!]): [Hit!]! @deprecated(reason: "slow")
}
extend type Query { paint: Colour  found: ThingConnection! }
extend type Mutation { mend(id: ID!, where: ThingWhere): Hit }
input Filter @oneOf { name: String  size: Int = 3 @deprecated }
"Something found."
interface Found { title: String @public(because: "a title") }
type Hit implements Found { title: String @public(because: "a title") thing: Thing at: DateTime data: JSON }
type Thing implements Node @entity { id: ID! size: Int }
union Either = Hit | Thing`)
	if len(s.Queries) != 3 {
		t.Fatalf("%d queries", len(s.Queries))
	}
	if got, want := s.Queries[0].SDL, `"Finds\npeople."`+"\n"+`seek("what" text: String! = "a \"b\"", first: Int = 10, filter: [Filter!]): [Hit!]! @deprecated(reason: "slow")`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(s.Queries[0].Args) != 3 || s.Queries[0].Args[2].Type.String() != "[Filter!]" || s.Queries[0].Type.String() != "[Hit!]!" {
		t.Errorf("%+v", s.Queries[0])
	}
	if s.Mutations[0].Name != "mend" || !slices.Equal(s.Scalars, []string{"Colour"}) || !slices.Equal(s.Unions[0].Members, []string{"Hit", "Thing"}) {
		t.Errorf("%v %v", s.Mutations[0], s.Scalars)
	}
	if got := s.Interfaces[0].SDL; got != "\"\"\"Something found.\"\"\"\ninterface Found {\n  title: String\n}\n" {
		t.Error(got)
	}
	if got := s.Inputs[0].SDL; got != "input Filter @oneOf {\n  name: String\n  size: Int = 3 @deprecated\n}\n" {
		t.Error(got)
	}
	if len(s.Type("Thing").Implements) != 0 || s.Types[0].Name != "Thing" || s.Type("Hit").Field("title").Kind != ir.Plain {
		t.Error("entities come first, Node is implied")
	}
}

func TestHashIsOfNamesAndTexts(t *testing.T) {
	a := []ir.Source{{Name: "x/a.graphqls", Text: "1"}, {Name: "x/b.graphqls", Text: "2"}}
	same := []ir.Source{{Name: "/y/b.graphqls", Text: "2"}, {Name: "a.graphqls", Text: "1"}}
	if hash(a) != hash(same) || len(hash(a)) != 64 {
		t.Error("the directory or the order changes the hash")
	}
	for _, other := range [][]ir.Source{{{Name: "a.graphqls", Text: "1"}, {Name: "b.graphqls", Text: "3"}}, {{Name: "a.graphqls", Text: "12"}}, a[:1]} {
		if hash(a) == hash(other) {
			t.Errorf("%v has the same hash", other)
		}
	}
}

func TestLoad(t *testing.T) {
	sources, err := LoadFS(fstest.MapFS{"b.graphqls": {Data: []byte("b")}, "a.graphqls": {Data: []byte("a")}, "demo.yaml": {}, "sub/c.graphqls": {}})
	if err != nil || len(sources) != 2 || sources[0] != (ir.Source{Name: "a.graphqls", Text: "a"}) {
		t.Errorf("%v %v", sources, err)
	}
	if _, err := LoadDir(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	sources, err = LoadDir(filepath.Join("testdata", "clinic"))
	if err != nil || sources[0].Name != "testdata/clinic/clinic.graphqls" {
		t.Errorf("%v %v", sources, err)
	}
}

func TestExplain(t *testing.T) {
	for _, id := range []string{"CLK030", "clk030", "30"} {
		text, ok := Explain(id)
		if !ok || !strings.Contains(text, "Art. 25") || !strings.Contains(text, "This does not compile:") {
			t.Errorf("%s: %s", id, text)
		}
	}
	for _, id := range []string{"", "CLK", "CLK999", "30x"} {
		if _, ok := Explain(id); ok {
			t.Errorf("%s is no rule", id)
		}
	}
}

func TestFormats(t *testing.T) {
	sources := []ir.Source{{Name: "dir/a,b.graphqls", Text: "type Thing @entity {\n\ta: \"%\n}"}}
	_, found := Compile(sources)
	if len(found) != 1 {
		t.Fatal(found)
	}
	render := func(format string, color bool) string {
		var b bytes.Buffer
		if err := Write(&b, format, found, sources, color); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := render("text", false); !strings.HasPrefix(got, "dir/a,b.graphqls:2:") || !strings.Contains(got, "      | \t") || strings.Contains(got, "\x1b") {
		t.Error(got)
	}
	if !strings.Contains(render("text", true), "\x1b[31mCLK001") {
		t.Error("no colour")
	}
	if got := render("github", false); !strings.HasPrefix(got, "::error file=dir/a%2Cb.graphqls,line=2,col=") || strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(render("json", false)), &list); err != nil || list[0]["rule"] != "CLK001" || list[0]["line"] != 2.0 || list[0]["file"] != "dir/a,b.graphqls" || list[0]["remedy"] == "" {
		t.Errorf("%v %v", list, err)
	}
	var sarif struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct{ Region struct{ StartLine int } }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(render("sarif", false)), &sarif); err != nil {
		t.Fatal(err)
	}
	run := sarif.Runs[0]
	if sarif.Version != "2.1.0" || run.Results[0].RuleID != "CLK001" || run.Tool.Driver.Rules[run.Results[0].RuleIndex].ID != "CLK001" || run.Results[0].Locations[0].PhysicalLocation.Region.StartLine != 2 {
		t.Errorf("%+v", sarif)
	}
	found = nil
	if render("text", false) != "" || strings.TrimSpace(render("json", false)) != "[]" || !strings.Contains(render("sarif", false), `"results": []`) {
		t.Error("no findings are still a valid answer")
	}
	if err := Write(&bytes.Buffer{}, "xml", nil, nil, false); err == nil {
		t.Error("xml is no format")
	}
}

// Each of these was seen not to compile as an Ent model.
func TestNamesThatStorageWouldConfuse(t *testing.T) {
	const beside = "check: Int  name: String @default(value: \"a\")  parent: Thing  kids: [Thing!]! @edge(inverse: \"parent\")  stage: Stage"
	for _, name := range []string{"checkIn", "checkContains", "fieldName", "byName", "defaultName", "hasParent", "hasParentWith", "edgeParent", "parentTable",
		"parentColumn", "byParentField", "byKids", "byKidsCount", "stageValidator", "queryParent", "stageWon", "idIn", "byId", "parentId", "Name"} {
		_, found := compile(t, "enum Stage { WON }\ntype Thing @entity { "+beside+"  "+name+": String }")
		if len(found) != 1 || found[0].Rule != ruleClash {
			t.Errorf("%s: %v", name, found)
		}
	}
	// And these were seen to compile.
	for _, name := range []string{"value", "label", "table", "type", "op", "config", "policy", "hooks", "client", "where", "fields", "query", "mutation", "ids", "checked", "defaultCheck"} {
		must(t, "enum Stage { WON }\ntype Thing @entity { "+beside+"  "+name+": String }")
	}
}

func TestTooManyFields(t *testing.T) {
	var b strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&b, "f%d: Int ", i)
	}
	if _, found := compile(t, "type Thing @entity { "+b.String()+"}"); len(found) != 1 || found[0].Rule != ruleBounds {
		t.Errorf("%v", found)
	}
}
