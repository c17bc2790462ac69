package importer

import (
	"strings"
	"testing"
)

const small = "entity: Person\nkey: externalId\nfields:\n  externalId: Id\n  lastName: Name\n"

func TestParseMapRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "the map is empty"},
		"a misspelt key":        {strings.Replace(small, "key:", "keys:", 1), "keys"},
		"a misspelt source key": {small + "  email: {column: Mail, invaild: empty}\n", `line 6: there is no "invaild" here`},
		"a misspelt phones key": {small + "phones: {colum: Country}\n", `"colum"`},
		"two documents":         {small + "---\n" + small, "one YAML document"},
		"not YAML":              {"a: [", "map.yaml"},
	} {
		if _, err := ParseMap("map.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	with := func(field string) string { return small + "  " + field + "\n" }
	company := "with:\n  - {name: c, entity: Company, key: externalId, fields: {externalId: C, name: C}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"no such entity":      {strings.Replace(small, "Person", "Ghost", 1), `the schema has no entity "Ghost"`},
		"no such offer":       {small + "offer: Ghost\n", "offer: the schema has no entity Ghost"},
		"no such key":         {strings.Replace(small, "key: externalId", "key: number", 1), `no stored field "number"`},
		"a key not unique":    {strings.Replace(small, "key: externalId", "key: lastName", 1), "is not @unique"},
		"a key without":       {strings.Replace(small, "  externalId: Id\n", "", 1), "needs a source"},
		"a required field":    {strings.Replace(small, "  lastName: Name\n", "", 1), "Person.lastName is required"},
		"no such field":       {with("email2: Mail"), `Person has no field "email2"`},
		"the id":              {with("id: Id"), "is not stored"},
		"an edge as a column": {with("company: Company"), "is an edge"},
		"a column as an edge": {company + with("email: {record: c}"), "is no edge"},
		"no such record":      {with("company: {record: c}"), `no record "c"`},
		"of another type":     {company + with("agent: {record: c}"), "is of type Company"},
		"find, not unique":    {with("agent: {find: name, column: A}"), `no @unique field "name"`},
		"no source":           {with("email:"), "give a column, columns or a value"},
		"two sources":         {with("email: {column: A, value: b}"), "only one of them"},
		"a bad constant":      {with("email: {value: secret}"), "not an e-mail address"},
		"a bad enum constant": {with("stage: {column: S, values: {won: WON}}"), "WON is not a value of Stage"},
		"a bad enum default":  {with("stage: {column: S, default: WON}"), "WON is not a value of Stage"},
		"no such transform":   {with("email: {column: A, transform: upcase}"), `no transform "upcase"; known are`},
		"a bad date":          {with("birthday: {column: A, date: DD.MM}"), "a date's form"},
		"a bad decimal":       {with(`city: {column: A, decimal: "'"}`), "decimal is"},
		"invalid":             {with("city: {column: A, invalid: skip}"), "invalid is reject or empty"},
		"missing":             {with("agent: {find: externalId, column: A, missing: create}"), "missing is reject or empty"},
		"expect":              {with("city: {column: A, expect: none}"), "expect is any"},
		"existing":            {small + "existing: replace\n", "existing is update or keep"},
		"phones":              {small + "phones: Germany\n", "ISO 3166-1"},
		"phones, both":        {small + "phones: {country: DE, column: A}\n", "a country or a column"},
		"a name":              {small + "name: x\n", "the row's own record has none"},
		"no name":             {strings.Replace(company, "name: c, ", "", 1) + small, "give the record a name"},
		"a name twice":        {company + "  - {name: c, entity: Company, key: externalId, fields: {externalId: D, name: C}}\n" + small, "two records have this name"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseMap("map.yaml", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Compile(crm(), m); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	m, _ := ParseMap("map.yaml", []byte(with("email2: A\n  email3: B")))
	if _, err := Compile(crm(), m); err == nil || !strings.Contains(err.Error(), "email2") || !strings.Contains(err.Error(), "email3") {
		t.Errorf("not all problems at once: %v", err)
	}
}

func TestSplitName(t *testing.T) {
	for in, want := range map[string][2]string{
		"Maria Anders":           {"Maria", "Anders"},
		"Miguel Angel Paolino":   {"Miguel Angel", "Paolino"},
		"Isabel de Castro":       {"Isabel", "de Castro"},
		"Ana de la Torre":        {"Ana", "de la Torre"},
		"Castro, Isabel de":      {"Isabel de", "Castro"},
		"Cher":                   {"", "Cher"},
		"de Castro":              {"de", "Castro"},
		"  Jan  van der  Berg  ": {"Jan", "van der Berg"},
		"":                       {"", ""},
	} {
		if first, last := splitName(in); first != want[0] || last != want[1] {
			t.Errorf("%q: %q, %q", in, first, last)
		}
	}
}

// Sources' options, one file for all of them.
func TestSourceOptions(t *testing.T) {
	for name, c := range map[string]struct {
		field, source, cell string
		want                any // nil: no value; an error: its text begins with it
	}{
		"decimal comma":        {"revenue", `{column: A, decimal: ","}`, `"1.234,50"`, int64(12345000)},
		"times":                {"revenue", `{column: A, times: 1000000}`, "4592.96", int64(45929600000000)},
		"times, exactly":       {"revenue", `{column: A, times: 3}`, "0.0001", int64(3)},
		"times of text":        {"revenue", `{column: A, times: 3}`, "1/3", "!not a number"},
		"times too large":      {"revenue", `{column: A, times: 1000000000}`, "4592960000", "!out of range"},
		"prefix":               {"region", `{column: A, prefix: "x:"}`, "y", "x:y"},
		"prefix of nothing":    {"region", `{column: A, prefix: "x:"}`, "NULL", nil},
		"default":              {"region", `{column: A, default: none}`, "NULL", "none"},
		"values":               {"region", `{column: A, values: {North  West: NW}}`, "north west", "NW"},
		"values to nothing":    {"region", `{column: A, values: {all: ""}}`, "All", nil},
		"values, otherwise":    {"region", `{column: A, values: {a: b}, otherwise: c}`, "z", "c"},
		"own nulls":            {"region", `{column: A, nulls: ["-"]}`, "-", nil},
		"spaces":               {"region", `{column: A, transform: [spaces, upper]}`, " a   b ", "A B"},
		"columns":              {"region", `{columns: [A, B], join: ", "}`, "a", "a, b"},
		"columns, one empty":   {"region", `{columns: [A, B]}`, "NULL", "b"},
		"region of country":    {"region", `{column: A, transform: region-of-country}`, "Japan", "APAC"},
		"region of no country": {"region", `{column: A, transform: region-of-country}`, "Oz", "!not a country"},
		"domain":               {"region", `{column: A, transform: domain}`, "a@B.example", "b.example"},
		"invalid, left empty":  {"country", `{column: A, invalid: empty}`, "Oz", nil},
		"optional":             {"region", `{column: Z, optional: true}`, "a", nil},
		"whole number":         {"employees", "A", "13938.0", int64(13938)},
		"a constant":           {"country", "{value: France}", "x", "FR"},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := crm(), newMemory()
			p := plan(t, s, "nulls: [\"NULL\"]\nentity: Company\nkey: externalId\nfields:\n  externalId: Id\n  name: Id\n  "+c.field+": "+c.source+"\n")
			rep, rejects := imports(t, p, store, "Id,A,B\n1,"+c.cell+",b\n", Options{})
			if text, ok := c.want.(string); ok && strings.HasPrefix(text, "!") {
				if rep.Rejected != 1 || !strings.Contains(rejects, text[1:]) {
					t.Errorf("%v%s", rep, rejects)
				}
				return
			}
			if rep.Accepted != 1 {
				t.Fatalf("%v%s", rep, rejects)
			}
			if got := store.one(s.Type("Company"), "externalId", "1")[c.field]; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestOnceAndKeep(t *testing.T) {
	s, store := crm(), newMemory()
	text := "entity: Company\nkey: externalId\nfields:\n  externalId: Id\n  name: Name\n  region: {value: EMEA, once: true}\n"
	imports(t, plan(t, s, text), store, "Id,Name\n1,ACME\n", Options{})
	acme := store.one(s.Type("Company"), "externalId", "1")
	acme["region"] = "APAC"
	imports(t, plan(t, s, text), store, "Id,Name\n1,ACME Inc\n", Options{})
	if acme["region"] != "APAC" || acme["name"] != "ACME Inc" {
		t.Errorf("once: %v", acme)
	}
	rep, _ := imports(t, plan(t, s, "existing: keep\n"+text), store, "Id,Name\n1,Other\n2,New\n", Options{})
	if acme["name"] != "ACME Inc" || rep.Records[0] != (RecordCount{Entity: "Company", Created: 1, Unchanged: 1}) {
		t.Errorf("keep: %v, %+v", acme, rep.Records)
	}
}
