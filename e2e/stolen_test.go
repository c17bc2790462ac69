package e2e_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/e2e/planted"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// TestAStolenDatabaseIsWorthless plants values in sealed fields, by the API and by an import, has them read, searched, changed
// and shown, and then looks for them wherever a thief could: database files with their logs, dumps, backups, the keys and the
// ledger, temporary files, the server's log; and, a minute after the people were erased, in the server's memory. Then it does
// the same with a server that seals nothing, and must find them: else it looks in the wrong places.
func TestAStolenDatabaseIsWorthless(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice and waits a minute")
	}
	honest := planted.Build(t)
	broken := planted.Build(t, planted.Edit{File: "privacy/keyring/cell.go", Old: `	return aead.Seal(cell, cell[1:1+nonceSize], plain, ad), nil`, New: `	return append(append(cell, plain...), make([]byte, tagSize)...), nil`},
		planted.Edit{File: "privacy/keyring/cell.go", Old: `	plain, err := aead.Open(dst, cell[1:1+nonceSize], cell[1+nonceSize:], ad)`, New: `	plain, err := append(dst, cell[1+nonceSize:len(cell)-tagSize]...), error(nil)`})
	for _, database := range []string{"sqlite", "postgres"} {
		for name, binary := range map[string]string{"sealed": honest, "unsealed": broken} {
			t.Run(database+" "+name, func(t *testing.T) {
				t.Parallel()
				h := &heist{binary: binary, values: map[string]string{}}
				h.randomly(name == "sealed")
				h.serve(t, database)
				h.plant(t)
				h.steal(t, name == "sealed")
				if name == "sealed" {
					h.erase(t)
				}
			})
		}
	}
}

// Two heists may leave their traces in one log, so what one plants must not look like what the other looks for: dotted values
// have a dot in every window.
func (h *heist) randomly(sealed bool) {
	h.random = canary.RandomValue
	if sealed {
		h.random = canary.RandomDotted
	}
}

// heist is a server with planted values, and what can be stolen from it.
type heist struct {
	*gateway
	binary   string
	url      string // of PostgreSQL, empty for SQLite
	tmp      string
	values   map[string]string
	known    []string // values by order of planting
	subjects []string
	random   func(n int) string
	memory   string // planted in the server's environment: what surely is in its memory
}

func (h *heist) serve(t *testing.T, database string) {
	t.Helper()
	h.tmp, h.memory = t.TempDir(), canary.RandomValue(24)
	var args []string
	if database == "postgres" {
		h.url = postgres.Start(t)
		args = []string{"--database", h.url}
	}
	h.gateway = serveWith(t, h.binary, []string{"TMPDIR=" + h.tmp, "HEIST=" + h.memory}, args...)
}

// value makes up a value for a field.
func (h *heist) value(field string) string {
	v := h.random(24)
	h.values[fmt.Sprintf("%s/%d", field, len(h.values))] = v
	h.known = append(h.known, v)
	return v
}

const brought = 12 // people by each way in

// plant brings people in, and has everything done with them that a day brings.
func (h *heist) plant(t *testing.T) {
	t.Helper()
	sales, support := h.token(t, "--role", "SALES_MANAGER"), h.token(t, "--role", "SUPPORT_AGENT")
	ask := func(token, q string) map[string]any {
		t.Helper()
		raw, data := h.post(t, token, q)
		if strings.Contains(raw, `"errors"`) || data == nil {
			t.Fatalf("%s", raw)
		}
		return data
	}
	var emails []string
	person := func() string {
		email := h.value("Contact.email") + "@example.com"
		emails = append(emails, email)
		return fmt.Sprintf(`firstName: %q, lastName: %q, email: %q, street: %q, city: %q, postalCode: %q, state: %q, jobTitle: %q`, h.value("Contact.firstName"), h.value("Contact.lastName"),
			email, h.value("Contact.street"), h.value("Contact.city"), h.value("Contact.postalCode")[:20], h.value("Contact.state"), h.value("Contact.jobTitle"))
	}
	for range brought {
		id, _ := dig(ask(sales, `mutation @for(purpose: SALES) { createContact(input: {`+person()+`, notes: "`+h.value("Contact.notes")+`"}) { contact { id fullName email notes } } }`), "createContact", "contact", "id").(string)
		h.subjects = append(h.subjects, id)
		ask(sales, fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {%s}) { contact { firstName } } }`, id, person()))
		ask(sales, fmt.Sprintf(`mutation @for(purpose: SALES) {
			a: createActivity(input: {type: CALL, contactId: %[1]q, title: %[2]q, summary: %[3]q}) { activity { title summary } }
			b: createNote(input: {contactId: %[1]q, body: %[4]q}) { note { body } }
			c: createTask(input: {contactId: %[1]q, title: %[5]q, details: %[6]q}) { task { title } } }`,
			id, h.value("Activity.title"), h.value("Activity.summary"), h.value("Note.body"), h.value("Task.title"), h.value("Task.details")))
		ask(support, fmt.Sprintf(`mutation @for(purpose: SUPPORT) { createTicket(input: {contactId: %q, title: %q, description: %q}) { ticket { title description } } }`,
			id, h.value("Ticket.title"), h.value("Ticket.description")))
	}
	// An import, with a row that is rejected. Its files are the importer's own, and lie elsewhere.
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	_ = w.Write([]string{"no", "first", "last", "email", "city"})
	for n := range brought {
		email := h.value("import email") + "@example.org"
		emails = append(emails, email)
		_ = w.Write([]string{fmt.Sprint("I-", n), h.value("import first"), h.value("import last"), email, h.value("import city")})
	}
	_ = w.Write([]string{"I-99", h.value("rejected first"), h.value("rejected last"), h.value("rejected email"), ""})
	w.Flush()
	dir := t.TempDir()
	path, mapping := filepath.Join(dir, "people.csv"), filepath.Join(dir, "map.yaml")
	for name, text := range map[string][]byte{path: file.Bytes(), mapping: []byte("entity: Contact\nkey: externalId\nfields:\n  externalId: no\n  firstName: first\n  lastName: last\n  email: email\n  city: city\n")} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		args := []string{"import", "contacts", path, "--map", mapping, "--data", h.data}
		if h.url != "" {
			args = append(args, "--database", h.url)
		}
		c := command(dir, h.binary, args...)
		c.Env = append(c.Env, "TMPDIR="+h.tmp)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("import: %v\n%s", err, out)
		}
	}
	for _, e := range emails {
		data := ask(sales, fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {email: {eq: %q}}) { totalCount nodes { id fullName email city notes activities { nodes { title summary } } notesList: notes } } }`, e))
		if strings.HasSuffix(e, "@example.org") {
			id, _ := dig(data, "contacts", "nodes", 0, "id").(string)
			h.subjects = append(h.subjects, id)
		}
	}
	for _, word := range h.known[:6] {
		h.post(t, sales, fmt.Sprintf(`query @for(purpose: SALES) { search(query: %q) { nodes { ... on Node { id } } } }`, strings.ReplaceAll(word, ".", "")))
	}
	ask(sales, `query @for(purpose: SALES) { contacts(first: 100, orderBy: [{field: CREATED_AT}]) { edges { cursor node { firstName lastName email street city } } } activities(first: 100) { nodes { title summary } } notes { nodes { body } } tasks { nodes { title details } } }`)
	ask(support, `query @for(purpose: SUPPORT) { contacts(first: 100) { nodes { firstName lastName email phone birthday notes } } tickets { nodes { title description } } }`)
	h.post(t, sales, `mutation @for(purpose: SALES) { createContact(input: {firstName: "`+h.value("refused")+`", email: "not an address `+h.value("refused")+`"}) { contact { id } } }`)
	h.post(t, h.token(t, "--role", "MARKETER"), fmt.Sprintf(`query @for(purpose: MARKETING) { contacts(where: {email: {eq: %q}}) { nodes { firstName email } } }`, emails[0]))
}

func (h *heist) scanner(t *testing.T) *canary.Scanner {
	t.Helper()
	s, err := canary.New(h.values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// steal looks through everything that lies on disks.
func (h *heist) steal(t *testing.T, sealed bool) {
	t.Helper()
	s := h.scanner(t)
	see := func(what string, must bool, hits []canary.Hit, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		switch {
		case sealed && len(hits) > 0:
			t.Errorf("%s: %d hits, such as %v", what, len(hits), hits[0])
		case !sealed && must && len(hits) == 0:
			t.Errorf("%s: nothing is found where nothing is sealed", what)
		}
		t.Logf("%s: %d hits", what, len(hits))
	}
	if h.url == "" {
		copies := t.TempDir() // while the server runs, as a thief would
		for _, name := range []string{"cloakroom.db", "cloakroom.db-wal", "keys.db", "keys.db-wal", "erasures.db", "erasures.db-wal"} {
			text, err := os.ReadFile(filepath.Join(h.data, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(copies, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		hits, err := s.Dir(copies, nil)
		see("SQLite files with their logs", true, hits, err)
	} else {
		db, err := sql.Open("pgx", h.url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		var dir string
		if err := db.QueryRow(`SHOW data_directory`).Scan(&dir); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`CHECKPOINT`); err != nil {
			t.Fatal(err)
		}
		hits, err := s.Dir(dir, func(path string) bool { return strings.HasSuffix(path, "postmaster.pid") })
		see("PostgreSQL's directory with its log", true, hits, err)
		dump, err := exec.Command(dumper(t), "--no-owner", h.url).Output()
		if err != nil {
			t.Fatalf("pg_dump: %v", err)
		}
		hits, err = s.Reader("pg_dump", bytes.NewReader(dump))
		see("a dump", true, hits, err)
	}
	hits, err := s.Dir(h.data, nil)
	see("the data directory", h.url == "", hits, err)
	hits, err = s.Dir(h.tmp, nil)
	see("temporary files", false, hits, err)
	hits, err = s.Reader("log", strings.NewReader(h.log()))
	see("the server's log", false, hits, err)
}

// dumper finds pg_dump where Debian keeps it, or on the path.
func dumper(t *testing.T) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		t.Fatal("there is no pg_dump beside PostgreSQL")
	}
	return path
}

// afterErasure is how long after their erasure nothing of people may be in the server's memory any more.
const afterErasure = time.Minute

// erase erases everybody and looks into the memory of the server, which runs on.
func (h *heist) erase(t *testing.T) {
	t.Helper()
	args := []string{"keys", "destroy", "--data", h.data, "--because", "a test", "--yes"}
	if h.url != "" {
		args = append(args, "--database", h.url)
	}
	for _, id := range h.subjects {
		args = append(args, "--subject", id)
	}
	run(t, ".", h.binary, args...)
	if raw, data := h.post(t, h.token(t, "--role", "SUPPORT_AGENT"), `query @for(purpose: SUPPORT) { contacts { totalCount } tickets { totalCount } }`); dig(data, "contacts", "totalCount") != 0.0 || dig(data, "tickets", "totalCount") != 0.0 {
		t.Errorf("who was erased is still there: %s", raw)
	}
	select {
	case <-time.After(afterErasure):
	case <-t.Context().Done():
	}
	h.values["environment"] = h.memory
	s := h.scanner(t)
	hits, err := s.Process(h.pid)
	if err != nil {
		t.Fatal(err)
	}
	byChance, err := s.File(h.binary)
	if err != nil {
		t.Fatal(err)
	}
	expected := map[remnant]bool{}
	for _, hit := range byChance {
		expected[remnantOf(hit)] = true
	}
	sees := false
	for _, hit := range hits {
		switch {
		case hit.Canary == "environment":
			sees = true
		case !expected[remnantOf(hit)]:
			t.Errorf("in memory: %v", hit)
		}
	}
	if !sees {
		t.Error("the scan of the memory does not find what is there for certain")
	}
	t.Logf("%d values of %d people, %d hits in the memory, %d of them expected", len(h.values)-1, len(h.subjects), len(hits), 1+len(expected))
}

// remnant is a hit without its place. What the program's file has was there before anything was planted: among its texts, which
// have every form of six letters, some are those of a random value.
type remnant struct {
	canary, form string
	length       int
	folded       bool
}

func remnantOf(h canary.Hit) remnant { return remnant{h.Canary, h.Form, h.Length, h.Folded} }
