package importer

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const peopleMap = `
nulls: ["NULL"]
phones: {column: Country}
with:
  - name: company
    entity: Company
    key: externalId
    fields:
      externalId: {column: Company, prefix: "t:"}
      name: Company
entity: Person
key: externalId
fields:
  externalId: Id
  firstName: {column: Name, transform: first-name}
  lastName: {column: Name, transform: last-name}
  email: Email
  phone: Phone
  country: Country
  stage: {column: Stage, values: {buyer: CUSTOMER, "": LEAD}, default: LEAD}
  birthday: {column: Born, date: DD.MM.YYYY}
  company: {record: company}
`

const peopleHeader = "Id,Name,Company,Email,Phone,Country,Stage,Born\n"

func plan(t *testing.T, s *ir.Schema, text string) *Plan {
	t.Helper()
	m, err := ParseMap("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(s, m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// buffer is a Rejects in memory.
type buffer struct {
	bytes.Buffer
	closed bool
}

func (b *buffer) Close() error { b.closed = true; return nil }

func imports(t *testing.T, p *Plan, store Store, text string, opt Options) (*Report, string) {
	t.Helper()
	rejects := &buffer{}
	opt.Store, opt.Rejects = store, rejects
	rep, err := Run(context.Background(), p, strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	if !rejects.closed {
		t.Error("the rejects file was left open")
	}
	if rep.Accepted+rep.Rejected != rep.Rows {
		t.Errorf("%d accepted and %d rejected are not the %d rows", rep.Accepted, rep.Rejected, rep.Rows)
	}
	return rep, rejects.String()
}

func TestImport(t *testing.T) {
	s := crm()
	p, store := plan(t, s, peopleMap), newMemory()
	file := peopleHeader +
		"1,Maria de Castro,ACME,Maria@Example.COM,030 1234567,Germany,buyer,31.12.1980\n" +
		"2,Ada Lovelace,ACME,NULL,NULL,UK,,\n" +
		"3,Zoë,,zoe@example.com,229.077.5154,US,buyer,\n"
	rep, rejects := imports(t, p, store, file, Options{})
	if rep.Accepted != 3 || rejects != "" {
		t.Fatalf("%v%s", rep, rejects)
	}
	maria := store.one(s.Type("Person"), "externalId", "1")
	acme := store.rows[s.Type("Company")][maria["company"].(uuid.UUID)]
	for field, want := range map[string]any{"firstName": "Maria", "lastName": "de Castro", "email": "Maria@example.com", "phone": "+49301234567",
		"country": "DE", "stage": "CUSTOMER", "birthday": time.Date(1980, 12, 31, 0, 0, 0, 0, time.UTC)} {
		if maria[field] != want {
			t.Errorf("%s is %v, want %v", field, maria[field], want)
		}
	}
	if acme["externalId"] != "t:ACME" || len(store.rows[s.Type("Company")]) != 1 {
		t.Errorf("companies: %v", store.rows[s.Type("Company")])
	}
	ada := store.one(s.Type("Person"), "externalId", "2")
	if ada["company"] != maria["company"] || ada["stage"] != "LEAD" || ada["country"] != "GB" {
		t.Errorf("ada is %v", ada)
	}
	if _, set := ada["email"]; set {
		t.Error("NULL was stored as a value")
	}
	zoe := store.one(s.Type("Person"), "externalId", "3")
	if _, set := zoe["company"]; set || zoe["lastName"] != "Zoë" {
		t.Errorf("zoë is %v", zoe)
	}

	// A second time nothing changes; a change is one; an empty cell changes nothing.
	rep, _ = imports(t, p, store, file, Options{})
	if c := rep.Records; c[0] != (RecordCount{"Company", "company", 0, 0, 1}) || c[1] != (RecordCount{"Person", "", 0, 0, 3}) {
		t.Errorf("the second import: %+v", c)
	}
	rep, _ = imports(t, p, store, peopleHeader+"1,Maria Castro,,,,,,\n2,Ada Lovelace,,,,,,\n", Options{})
	if c := rep.Records[1]; c.Updated != 2 {
		// Ada's stage is the default's again, which she has: only what the map computes is written.
		if c.Updated != 1 || c.Unchanged != 1 {
			t.Errorf("the third import: %+v", c)
		}
	}
	if maria := store.one(s.Type("Person"), "externalId", "1"); maria["email"] != "Maria@example.com" || maria["lastName"] != "Castro" {
		t.Errorf("an empty cell was written over a value: %v", maria)
	}
}

// Each broken row is rejected with its line, and the good rows around it come in unshifted.
func TestBrokenRows(t *testing.T) {
	good := func(n int) string {
		return fmt.Sprintf("%d,Ada Lovelace%d,ACME,a%d@example.com,030 1234567,Germany,buyer,31.12.1980\n", n, n, n)
	}
	for name, c := range map[string]struct {
		bad    string // rows 2 and on
		lines  string // of the rejects
		reason string
	}{
		"too few":           {"2,Ada\n", "3", "fewer fields than the header: 2 instead of 8"},
		"too many":          {"2,Ada,C/ Araquil, 67,a@b.de,,Germany,buyer,\n", "3", "more fields than the header"},
		"bad e-mail":        {"2,Ada L,ACME,secret-at-example,,Germany,buyer,\n", "3", "not an e-mail address"},
		"bad country":       {"2,Ada L,ACME,a@b.de,,Secretland,buyer,\n", "3", "not a country"},
		"bad date":          {"2,Ada L,ACME,a@b.de,,Germany,buyer,1980-12-31\n", "3", "not a date of the form DD.MM.YYYY"},
		"unlisted value":    {"2,Ada L,ACME,a@b.de,,Germany,secret,\n", "3", "not one of the values"},
		"NUL":               {"2,Ada\x00 L,ACME,a@b.de,,Germany,buyer,\n", "3", "NUL"},
		"no key":            {",Ada L,ACME,a@b.de,,Germany,buyer,\n", "3", "has no value"},
		"no required":       {"2,NULL,ACME,a@b.de,,Germany,buyer,\n", "3", "is required"},
		"key twice":         {"1,Ada L,ACME,a@b.de,,Germany,buyer,\n", "3", "the same value (line 2)"},
		"quote never ends":  {"2,\"Ada L,ACME,a@b.de,,Germany,buyer,\n", "3", "never ends"},
		"text after quote":  {"2,\"Ada\" L,ACME,a@b.de,,Germany,buyer,\n", "3", "follows a closing quote"},
		"quote over lines":  {"2,\"Ada\nL\" X,ACME,a@b.de,,Germany,buyer,\n", "3 4", "follows a closing quote"},
		"blank lines":       {"\n\r\n2,Ada\n", "5", "fewer fields"},
		"line breaks in it": {"2,\"Ada\r\n\r\nL\",ACME,a@b.de,,Germany,buyer,\n3,Ada\n", "6", "fewer fields"},
	} {
		t.Run(name, func(t *testing.T) {
			s := crm()
			store := newMemory()
			var tail strings.Builder
			for n := 10; n < 40; n++ {
				tail.WriteString(good(n))
			}
			rep, rejects := imports(t, plan(t, s, peopleMap), store, peopleHeader+good(1)+c.bad+tail.String(), Options{})
			for n := 10; n < 40; n++ {
				row := store.one(s.Type("Person"), "externalId", fmt.Sprint(n))
				if row == nil || row["lastName"] != fmt.Sprintf("Lovelace%d", n) || row["email"] != fmt.Sprintf("a%d@example.com", n) {
					t.Fatalf("the good row %d is %v", n, row)
				}
			}
			r := csv.NewReader(strings.NewReader(rejects))
			r.FieldsPerRecord, r.LazyQuotes = -1, true
			all, err := r.ReadAll()
			if err != nil {
				t.Fatalf("the rejects are not CSV: %v\n%s", err, rejects)
			}
			var lines []string
			for _, row := range all[1:] {
				lines = append(lines, row[0])
			}
			if got := strings.Join(lines, " "); got != c.lines {
				t.Errorf("rejected lines %q, want %q", got, c.lines)
			}
			if !strings.Contains(all[1][3], c.reason) {
				t.Errorf("the reason is %q, want %q", all[1][3], c.reason)
			}
			if strings.Contains(rep.String(), "secret") || strings.Contains(strings.ToLower(all[1][3]), "secret") {
				t.Errorf("a value is repeated:\n%s", rep)
			}
		})
	}
}

func TestRejectsRepeatTheRowAndImportAgain(t *testing.T) {
	s := crm()
	p, store := plan(t, s, peopleMap), newMemory()
	row := "2,\"Ada \"\"Countess\"\" L\" ,ACME,a@b.de,,Germany,buyer,"
	bad := "3,\"Ada, Countess\",\"AC\nME\",nobody,,Germany,buyer,"
	rep, rejects := imports(t, p, store, peopleHeader+"1,Ada L,ACME,a@b.de,,Germany,buyer,\n"+bad+"\n"+row+"\n", Options{})
	if rep.Rejected != 2 {
		t.Fatal(rep)
	}
	want := "_line,_column,_field,_reason," + peopleHeader +
		"3,Email,Person.email,not an e-mail address: expected an address such as name@example.com," + bad + "\n"
	if !strings.HasPrefix(rejects, want) {
		t.Errorf("the rejects are\n%s\nwant\n%s", rejects, want)
	}
	rep, _ = imports(t, p, store, strings.Replace(want, "nobody", "c@d.de", 1), Options{})
	if rep.Accepted != 1 || rep.Rejected != 0 || store.one(s.Type("Person"), "externalId", "3")["firstName"] != "Countess" {
		t.Errorf("the corrected rejects: %v", rep)
	}
}

func TestSwappedHeaders(t *testing.T) {
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d,Ada Lovelace%d,ACME %d,ada%d@example.com,030 12345%02d,Germany,buyer,31.12.1980\n", i, i, i%7, i, i%100)
		}
		return b.String()
	}
	swap := func(a, b string) string {
		return strings.NewReplacer(a, b, b, a).Replace(peopleHeader)
	}
	for name, c := range map[string]struct {
		header string
		want   []string
	}{
		"e-mail and phone":   {swap("Email", "Phone"), []string{`"Email"`, `"Phone"`, "Person.email", "telephone numbers", "e-mail addresses"}},
		"name and e-mail":    {swap("Name", "Email"), []string{`"Email"`, "Person.email", `column "Name" would fit`}},
		"country and e-mail": {swap("Country", "Email"), []string{`"Country"`, `"Email"`, "countries"}},
		"country and name":   {swap("Country", "Name"), []string{`"Country"`, "Person.country"}},
		"stage and company":  {swap("Stage", "Company"), []string{`"Stage"`, "Person.stage"}},
		"date and phone":     {swap("Born", "Phone"), []string{`"Born"`, "Person.birthday"}},
	} {
		for _, n := range []int{6, 300} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				store := newMemory()
				_, err := Run(context.Background(), plan(t, crm(), peopleMap), strings.NewReader(c.header+rows(n)), Options{Store: store})
				if err == nil {
					t.Fatal("the import went through")
				}
				for _, w := range c.want {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("the explanation lacks %q:\n%v", w, err)
					}
				}
				if strings.Contains(err.Error(), "ada1") || strings.Contains(err.Error(), "Lovelace") {
					t.Errorf("a value is repeated:\n%v", err)
				}
				if store.upserts > 0 {
					t.Error("something was written")
				}
			})
		}
	}
	t.Run("a key that is none", func(t *testing.T) {
		_, err := Run(context.Background(), plan(t, crm(), peopleMap), strings.NewReader(swap("Id", "Company")+rows(300)), Options{Store: newMemory()})
		if err == nil || !strings.Contains(err.Error(), `column "Id" is read as Person.externalId`) {
			t.Error(err)
		}
	})
	t.Run("numbers for names", func(t *testing.T) {
		s := crm()
		s.Type("Person").Field("lastName").Pii = &ir.Pii{Mask: ir.MaskName}
		_, err := Run(context.Background(), plan(t, s, peopleMap), strings.NewReader(swap("Id", "Name")+rows(300)), Options{Store: newMemory()})
		if err == nil || !strings.Contains(err.Error(), "Person.lastName, but seems to hold numbers") {
			t.Error(err)
		}
	})
	t.Run("as it should be", func(t *testing.T) {
		if rep, _ := imports(t, plan(t, crm(), peopleMap), newMemory(), peopleHeader+rows(300), Options{}); rep.Accepted != 300 {
			t.Error(rep)
		}
	})
	t.Run("most rows of a short file are bad", func(t *testing.T) {
		file := peopleHeader + "1,Ada,,a@b.de,,,,\n2,Bob,,bob at home,,,,\n3,Eve,,eve at work,,,,\n"
		if rep, _ := imports(t, plan(t, crm(), peopleMap), newMemory(), file, Options{}); rep.Accepted != 1 || rep.Rejected != 2 {
			t.Error(rep)
		}
	})
}

func TestHeaders(t *testing.T) {
	row := "1,Ada L,ACME,a@b.de,,Germany,buyer,\n"
	for name, c := range map[string]struct{ file, want string }{
		"empty":             {"", "the file is empty"},
		"only a BOM":        {"\xef\xbb\xbf", "the file is empty"},
		"only blank lines":  {"\n\n", "the file is empty"},
		"UTF-16":            {"\xff\xfeI\x00d\x00", "UTF-16"},
		"UTF-16, no BOM":    {"I\x00d\x00,\x00N\x00\n\x00", "UTF-16"},
		"CR alone":          {strings.ReplaceAll(peopleHeader+row, "\n", "\r"), "CR alone"},
		"a column lacks":    {strings.Replace(peopleHeader, "Email", "Mail", 1) + row, `lacks a column of map.yaml: "Email"; not in the map are "Mail"`},
		"no header":         {row + row, "is it a header"},
		"a column twice":    {strings.Replace(peopleHeader, "Born", "email", 1) + row, "lacks a column"},
		"twice":             {"Email," + peopleHeader + "x," + row, `more than one column named "Email"`},
		"broken header":     {"\"Id,Name\n" + row, "the header (line 1) is broken"},
		"unknown delimiter": {peopleHeader + row, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(context.Background(), plan(t, crm(), peopleMap), strings.NewReader(c.file), Options{Store: newMemory()})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "a@b.de") || strings.Contains(err.Error(), "ACME") {
				t.Errorf("a value is repeated: %v", err)
			}
		})
	}
}

func TestFormsOfFiles(t *testing.T) {
	row := "1,Zoë Ünal,ACME,a@b.de,,Germany,buyer,\n"
	latin := func(s string) string {
		var b []byte
		for _, r := range s {
			b = append(b, byte(r))
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		file, encoding, delimiter, note string
	}{
		"BOM and CRLF":     {"\xef\xbb\xbf" + strings.ReplaceAll(peopleHeader+row, "\n", "\r\n"), "utf-8", ",", ""},
		"semicolons":       {strings.ReplaceAll(peopleHeader+row, ",", ";"), "utf-8", ";", ""},
		"tabs":             {strings.ReplaceAll(peopleHeader+row, ",", "\t"), "utf-8", "\t", ""},
		"Latin-1":          {latin(peopleHeader + row), "latin1", ",", "Latin-1"},
		"no last line end": {strings.TrimSuffix(peopleHeader+row, "\n"), "utf-8", ",", ""},
		"all quoted":       {strings.ReplaceAll(`"`+strings.ReplaceAll(strings.TrimSuffix(peopleHeader+row, "\n"), ",", `","`)+`"`, "\n", "\"\n\""), "utf-8", ",", ""},
		"other case":       {strings.ToUpper(peopleHeader) + row, "utf-8", ",", ""},
		"unread columns":   {"Extra," + peopleHeader + "x," + row, "utf-8", ",", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := crm(), newMemory()
			rep, _ := imports(t, plan(t, s, peopleMap), store, c.file, Options{})
			ada := store.one(s.Type("Person"), "externalId", "1")
			if rep.Accepted != 1 || ada["firstName"] != "Zoë" || ada["lastName"] != "Ünal" {
				t.Fatalf("%v\n%v", rep, ada)
			}
			if rep.Encoding != c.encoding || rep.Delimiter != c.delimiter || !strings.Contains(strings.Join(rep.Notes, ""), c.note) {
				t.Errorf("read as %s, %q, %q", rep.Encoding, rep.Delimiter, rep.Notes)
			}
		})
	}
	t.Run("one bad byte does not make it Latin-1", func(t *testing.T) {
		s, store := crm(), newMemory()
		rep, _ := imports(t, plan(t, s, peopleMap), store, peopleHeader+row+strings.Replace(row, "1", "2", 1)+"3,Zo\xeb,,,,,,\n", Options{})
		if rep.Encoding != UTF8 || rep.Rejected != 1 || store.one(s.Type("Person"), "externalId", "2")["firstName"] != "Zoë" {
			t.Error(rep)
		}
	})
}

const agentsMap = `
entity: Agent
key: externalId
fields:
  externalId: id
  name: name
  boss: {find: externalId, column: boss}
`

// A row may refer to one that comes later; what leads nowhere, or in a circle, is rejected.
func TestReferencesWithinTheFile(t *testing.T) {
	s := crm()
	file := "id,name,boss\n1,Nancy,2\n2,Andrew,\n3,Janet,1\n4,Lost,99\n5,Round,6\n6,Robin,5\n7,Child of lost,4\n"
	for _, batch := range []int{1, 2, 500} {
		store := newMemory()
		p := plan(t, s, agentsMap)
		rep, rejects := imports(t, p, store, file, Options{Batch: batch})
		if rep.Accepted != 3 || rep.Rejected != 4 || rep.Records[0].Created != 3 {
			t.Fatalf("batch %d: %v%s", batch, rep, rejects)
		}
		agents := s.Type("Agent")
		if boss := store.one(agents, "name", "Nancy")["boss"]; store.rows[agents][boss.(uuid.UUID)]["name"] != "Andrew" {
			t.Error("Nancy's boss is someone else")
		}
		if !strings.Contains(rejects, "boss,Agent.boss,no Agent has this externalId,4,Lost,99") {
			t.Errorf("the rejects are\n%s", rejects)
		}
		rep, _ = imports(t, p, store, file, Options{Batch: batch})
		if rep.Records[0].Created != 0 || rep.Records[0].Unchanged != 3 {
			t.Errorf("again: %v", rep)
		}
		rep, _ = imports(t, plan(t, s, strings.Replace(agentsMap, "column: boss", "column: boss, missing: empty", 1)), newMemory(), file, Options{Batch: batch})
		if rep.Accepted != 7 {
			t.Errorf("with empty edges: %v", rep)
		}
	}
}

func TestStoreErrors(t *testing.T) {
	s := crm()
	p := plan(t, s, peopleMap)
	file := peopleHeader + "1,Ada L,ACME,,,,,\n2,Bob L,Blocked,,,,,\n3,Eve L,Blocked,,,,,\n4,Mallory L,ACME,,,,,\n5,Zoe L,Blocked,,,,,\n"
	store := newMemory()
	store.refuse = func(t *ir.Type, r Row) *RowError {
		if r.Values["name"] == "Blocked" || r.Values["firstName"] == "Mallory" {
			return &RowError{Field: "name", Reason: "is suppressed"}
		}
		return nil
	}
	rep, rejects := imports(t, p, store, file, Options{Batch: 3})
	if rep.Accepted != 1 || rep.Rejected != 4 || strings.Count(rejects, "is suppressed") != 4 {
		t.Errorf("%v%s", rep, rejects)
	}

	store = newMemory()
	store.failAt = 3
	rep, err := Run(context.Background(), p, strings.NewReader(file), Options{Store: store, Batch: 2})
	if err == nil || !strings.Contains(err.Error(), "connection lost") || rep.Accepted != 2 {
		t.Errorf("%v, %v", rep, err)
	}
	store.failAt = 0
	if rep, _ = imports(t, p, store, file, Options{Batch: 2}); rep.Accepted != 5 || len(store.rows[s.Type("Person")]) != 5 {
		t.Errorf("the import did not go on: %v", rep)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s := crm()
	p, store := plan(t, s, peopleMap), newMemory()
	file := peopleHeader + "1,Ada L,ACME,,,,,\n2,Bob L,ACME,x,,,,\n"
	rep, rejects := imports(t, p, store, file, Options{DryRun: true})
	if store.upserts != 0 || rep.Accepted != 1 || rep.Rejected != 1 || rep.Records[1].Created != 1 || !strings.Contains(rejects, "Bob") {
		t.Errorf("%v", rep)
	}
	imports(t, p, store, file, Options{})
	if rep, _ = imports(t, p, store, file, Options{DryRun: true}); rep.Records[1].Created != 0 || rep.Records[1].Unchanged != 1 {
		t.Errorf("%v", rep)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	store := newMemory()
	if _, err := Run(ctx, plan(t, crm(), peopleMap), strings.NewReader(peopleHeader+"1,Ada L,ACME,,,,,\n"), Options{Store: store}); err == nil || store.upserts > 0 {
		t.Errorf("%v, %d upserts", err, store.upserts)
	}
}

func TestProgressEndsAtTheSize(t *testing.T) {
	file := peopleHeader + strings.Repeat("x\n", 3000)
	var last, size int64
	_, err := Run(context.Background(), plan(t, crm(), peopleMap), strings.NewReader(file), Options{Store: newMemory(), Progress: func(done, total int64) {
		if done < last {
			t.Error("progress went back")
		}
		last, size = done, total
	}})
	if err != nil || last != int64(len(file)) || size != last {
		t.Errorf("%d of %d, want %d; %v", last, size, len(file), err)
	}
}
