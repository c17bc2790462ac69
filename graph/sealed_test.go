package graph_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/write"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// The database has no personal value in the clear where the schema says SEALED, and the API reads and finds them all.
func TestSealedThroughTheAPI(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sales, support := as("SALES_MANAGER"), as("SUPPORT_AGENT")
		r := w.ask(t, sales, `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada", lastName: "Lovelace", email: "Ada.L@Example.com",
			phone: "+44 20 7946 0000", city: "London", notes: "likes engines", region: "EMEA"}) { contact { id fullName email } } }`).ok(t)
		id, _ := r.at("createContact.contact.id").(string)
		if r.at("createContact.contact.fullName") != "Ada Lovelace" || r.at("createContact.contact.email") != "Ada.L@example.com" {
			t.Fatal(r.raw)
		}
		w.ask(t, sales, `mutation @for(purpose: SALES) { createContact(input: {lastName: "Byron", email: "byron@example.com", city: "London"}) { contact { id } } }`).ok(t)
		if dump := w.dump(t, "contacts"); strings.Contains(dump, "Ada") || strings.Contains(dump, "engines") || strings.Contains(dump, "london") || !strings.Contains(dump, "EMEA") {
			t.Errorf("the table says %s", dump)
		}
		find := func(where string, want ...string) {
			t.Helper()
			r := w.ask(t, sales, `query @for(purpose: SALES) { contacts(where: `+where+`) { totalCount nodes { lastName } } contactsAggregate(where: `+where+`) { count } }`)
			var got []string
			for i := range 9 {
				if n, ok := r.at(fmt.Sprintf("contacts.nodes.%d.lastName", i)).(string); ok {
					got = append(got, n)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || r.at("contacts.totalCount") != float64(len(want)) {
				t.Errorf("%s finds %v, want %v: %s", where, got, want, r.raw)
			}
		}
		find(`{email: {eq: "ADA.L@EXAMPLE.com"}}`, "Lovelace")
		find(`{phone: {eq: "020 7946 0000"}}`)
		find(`{phone: {in: ["+44 (20) 7946-0000", "+1 202 555 0100"]}}`, "Lovelace")
		find(`{city: {eq: "London"}}`, "Lovelace", "Byron")
		find(`{city: {eq: "london"}}`)
		find(`{not: {city: {eq: "London"}}}`)
		find(`{and: [{city: {eq: "London"}}, {not: {email: {eq: "byron@example.com"}}}]}`, "Lovelace")
		find(`{or: [{lastName: {eq: "Byron"}}, {lastName: {eq: "Lovelace"}}]}`, "Lovelace", "Byron")
		find(`{phone: {isNull: true}}`, "Byron")
		find(`{phone: {eq: null}}`, "Byron")
		find(`{email: {isNull: false}}`, "Lovelace", "Byron")
		// Changed and cleared, the index follows.
		w.ask(t, sales, fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {email: "countess@example.com", phone: null}) { contact { id } } }`, id)).ok(t)
		find(`{email: {eq: "ada.l@example.com"}}`)
		find(`{email: {eq: "countess@example.com"}}`, "Lovelace")
		find(`{phone: {isNull: true}}`, "Lovelace", "Byron")
		// A mask is made from the opened value; who sees only the mask cannot ask.
		if r := w.ask(t, support, `query @for(purpose: SUPPORT) { contacts { nodes { birthday notes email } } }`).ok(t); r.at("contacts.nodes.0.email") != "countess@example.com" || r.at("contacts.nodes.0.notes") != "•••" {
			t.Error(r.raw)
		}
		if r := w.ask(t, as("MARKETER"), `query @for(purpose: MARKETING) { contacts(where: {email: {eq: "countess@example.com"}}) { nodes { id } } }`); r.code() != "" && r.code() != read.CodeFieldNotQueryable || r.at("contacts.nodes.0") != nil {
			t.Error("a masked field can be asked about", r.raw)
		}
	})
}

// dump is all of a table as text.
func (w *world) dump(t testing.TB, table string) string {
	t.Helper()
	rows, err := w.store.DB.Query(`SELECT * FROM "` + table + `"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if raw, ok := (*v.(*any)).([]byte); ok {
				fmt.Fprintf(&b, "%s|", raw)
				continue
			}
			fmt.Fprintf(&b, "%v|", *v.(*any))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whoever has the Ent client in hand writes nothing in the clear, and nothing without a keyring.
func TestEntSealsOrRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		able := policy.WithCapability(context.Background(), "test")
		c := w.store.Client
		if err := c.Contact.Create().SetSubjectID(uuid.New()).SetFirstNameSealed(seal.Open("Eve")).Exec(able); !errors.Is(err, seal.ErrNoKeeper) {
			t.Errorf("create: %v", err)
		}
		if err := c.Contact.Create().SetSubjectID(uuid.New()).Exec(able); !errors.Is(err, seal.ErrNoKeeper) {
			t.Errorf("create without a sealed value: %v", err)
		}
		id := w.put(t, "Contact", ada)
		err := w.Bulk().Within(able, func(wr write.Writing) error {
			if _, err := wr.Client.Contact.Update().SetFirstNameSealed(seal.Open("Eve")).Save(wr); !errors.Is(err, keyring.ErrBulk) {
				t.Errorf("update of many: %v", err)
			}
			if _, err := wr.Client.Contact.Update().ClearEmailSealed().Save(wr); !errors.Is(err, keyring.ErrBulk) {
				t.Errorf("clear of many: %v", err)
			}
			if _, err := wr.Client.Activity.Update().SetContactID(id).Save(wr); !errors.Is(err, keyring.ErrBulk) {
				t.Errorf("turn of many: %v", err)
			}
			if err := wr.Client.Contact.UpdateOneID(id).SetSubjectID(uuid.New()).Exec(wr); !errors.Is(err, keyring.ErrMoved) {
				t.Errorf("another person: %v", err)
			}
			if err := wr.Client.Contact.UpdateOneID(id).SetFirstNameSealed(seal.Sealed([]byte("Eve"))).Exec(wr); err == nil {
				t.Error("sealed by somebody else")
			}
			if _, err := wr.Client.Contact.Update().SetRegion("APAC").Save(wr); err != nil {
				t.Errorf("update of many plain ones: %v", err)
			}
			return wr.Client.Contact.UpdateOneID(id).SetFirstNameSealed(seal.Open("Augusta")).Exec(wr)
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { contacts { nodes { firstName } } }`).ok(t); r.at("contacts.nodes.0.firstName") != "Augusta" {
			t.Error(r.raw)
		}
		// A cell that nobody sealed does not get past the driver.
		if _, err := w.store.DB.Exec(`UPDATE contacts SET first_name_sealed = $1`, seal.Open("Eve")); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("an open cell: %v", err)
		}
		for _, s := range []string{fmt.Sprint(seal.Open("Eve")), fmt.Sprintf("%+v %#v %s %q %x %d", seal.Open("Eve"), seal.Open("Eve"), seal.Open("Eve"), seal.Open("Eve"), seal.Open("Eve"), seal.Open("Eve"))} {
			if strings.Contains(s, "Eve") || strings.Contains(s, "457665") {
				t.Errorf("a cell prints itself: %s", s)
			}
		}
	})
}

// When the deal of a note goes to another person, what the note says goes with it; when that person is erased, so is the note.
func TestSealedFollowsThePerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		manager := as("SALES_MANAGER")
		one, two := w.put(t, "Contact", ada), w.put(t, "Contact", map[string]any{"firstName": "Eve", "lastActivityAt": today})
		deal := w.put(t, "Deal", map[string]any{"name": "Engine", "contact": one})
		w.put(t, "Note", map[string]any{"body": "wants two", "deal": deal})
		notes := func() any {
			t.Helper()
			return w.ask(t, manager, `query @for(purpose: SALES) { notes { nodes { body } } }`).ok(t).at("notes.nodes.0.body")
		}
		w.ask(t, manager, fmt.Sprintf(`mutation @for(purpose: SALES) { updateDeal(id: %q, input: {contactId: %q}) { deal { id } } }`,
			read.EncodeID("Deal", deal), read.EncodeID("Contact", two))).ok(t)
		if err := w.keys.Destroy(context.Background(), "test", one); err != nil {
			t.Fatal(err)
		}
		if got := notes(); got != "wants two" {
			t.Errorf("the note says %v", got)
		}
		if err := w.keys.Destroy(context.Background(), "test", two); err != nil {
			t.Fatal(err)
		}
		if got := notes(); got != nil {
			t.Errorf("the note of somebody who was erased says %v", got)
		}
		if strings.Contains(w.log.String(), "sealed_cell_rejected") {
			t.Error("a cell is sealed with the wrong key", w.log)
		}
	})
}

// Whoever was erased is there for nobody: on this replica and on others that still have the key in memory.
func TestErasedOnEveryReplica(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		w.put(t, "Activity", map[string]any{"type": "CALL", "summary": "about engines", "contact": id})
		other := &world{store: w.store, now: today, log: w.log}
		other.keys = keyringtest.Open(t, w.Schema(), w.store, func(c *keyring.Config) {
			c.Keys, c.Ledger, c.Root = w.keyStores.Keys, w.keyStores.Ledger, w.keyStores.Root
		})
		other.Gateway = other.gateway(t, w.Schema())
		const q = `query @for(purpose: SUPPORT) { contacts { totalCount nodes { email } } activities { totalCount nodes { summary } } }`
		for _, x := range []*world{w, other} {
			if r := x.ask(t, as("SUPPORT_AGENT"), q).ok(t); r.at("contacts.nodes.0.email") != "ada@example.com" || r.at("activities.totalCount") != 1.0 {
				t.Fatal(r.raw)
			}
		}
		if err := w.keys.Destroy(context.Background(), "test", id); err != nil {
			t.Fatal(err)
		}
		for _, x := range []*world{w, other} {
			if r := x.ask(t, as("SUPPORT_AGENT"), q).ok(t); r.at("contacts.totalCount") != 0.0 || r.at("activities.totalCount") != 0.0 {
				t.Error(r.raw)
			}
		}
		// Nor do an import and a new record bring the person back.
		r, err := w.Bulk().Upsert(context.Background(), w.Schema().Type("Contact"), []importer.Row{{ID: id, Values: map[string]any{"firstName": "Ada"}}})
		if err != nil || len(r.RowErrors) != 1 || !strings.Contains(r.RowErrors[0].Reason, "erased") {
			t.Errorf("%+v %v", r, err)
		}
		// Nor of what is plain, nor in records that have nothing sealed.
		r, err = w.Bulk().Upsert(context.Background(), w.Schema().Type("Contact"), []importer.Row{{ID: id, Values: map[string]any{"region": "APAC"}}})
		if err != nil || len(r.RowErrors) != 1 {
			t.Errorf("%+v %v", r, err)
		}
		campaign := w.put(t, "Campaign", map[string]any{"name": "x", "channel": "EMAIL"})
		r, err = w.Bulk().Upsert(context.Background(), w.Schema().Type("CampaignMember"), []importer.Row{{ID: uuid.New(), Create: true, Values: map[string]any{"campaign": campaign, "contact": id}},
			{ID: uuid.New(), Create: true, Values: map[string]any{"campaign": campaign}}})
		if err != nil || len(r.RowErrors) != 1 || r.Created != 1 {
			t.Errorf("%+v %v", r, err)
		}
		if r := w.ask(t, as("SUPPORT_AGENT"), fmt.Sprintf(`mutation @for(purpose: SUPPORT) { createActivity(input: {type: CALL, summary: "again", contactId: %q}) { activity { id } } }`, read.EncodeID("Contact", id))); r.code() != read.CodeNotFound {
			t.Error(r.raw)
		}
	})
}

// A page asks for its keys once, and a warm one not at all; and only for those whose cells it shows.
func TestOneKeyQueryAPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for n := range 60 {
			id := w.put(t, "Contact", map[string]any{"firstName": fmt.Sprint("Ada ", n), "lastActivityAt": today})
			w.put(t, "Activity", map[string]any{"type": "CALL", "title": "x", "contact": id})
		}
		asked := 0
		cold := &world{store: w.store, now: today, log: w.log}
		cold.keys = keyringtest.Open(t, w.Schema(), w.store, func(c *keyring.Config) {
			c.Keys, c.Ledger, c.Root = w.keyStores.Keys, w.keyStores.Ledger, w.keyStores.Root
			c.Trace = func(string) { asked++ }
		})
		cold.Gateway = cold.gateway(t, w.Schema())
		ask := func(q string, want int) {
			t.Helper()
			asked = 0
			cold.ask(t, as("SALES_MANAGER"), q).ok(t)
			if asked != want {
				t.Errorf("%s: %d key queries, want %d", q, asked, want)
			}
		}
		ask(`query @for(purpose: SALES) { contacts(first: 50) { nodes { id region country } } }`, 0)
		ask(`query @for(purpose: SALES) { contacts(first: 50) { nodes { firstName lastName email } } }`, 1)
		ask(`query @for(purpose: SALES) { contacts(first: 50) { nodes { firstName lastName email } } }`, 0)
		ask(`query @for(purpose: SALES) { contacts(first: 60) { nodes { firstName activities { nodes { title } } } } }`, 1)
		ask(`query @for(purpose: SALES) { contacts(first: 60) { nodes { firstName activities { nodes { title } } } } }`, 0)
	})
}

// Without keys everything that is not sealed goes on, and one error says what is missing.
func TestWithoutKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"})
		lost := &world{store: w.store, now: today, log: w.log}
		root := filepath.Join(t.TempDir(), "other.json")
		open := func() {
			lost.keys = keyringtest.Open(t, w.Schema(), w.store, func(c *keyring.Config) {
				c.Keys, c.Ledger, c.Root = w.keyStores.Keys, w.keyStores.Ledger, rootkey.Later("file:"+root)
			})
			lost.Gateway = lost.gateway(t, w.Schema())
		}
		for name, prepare := range map[string]func(){
			"missing": func() {},
			"wrong": func() {
				if err := rootkey.CreateFile(root); err != nil {
					t.Fatal(err)
				}
			},
			"open to others": func() {
				if err := os.Chmod(root, 0o644); err != nil {
					t.Fatal(err)
				}
			},
		} {
			if name == "open to others" {
				if err := rootkey.CreateFile(root); err != nil {
					t.Fatal(err)
				}
			}
			prepare()
			open()
			r := lost.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { contacts { nodes { id firstName email country region } } accounts { nodes { name } } }`)
			if r.at("contacts.nodes.0.country") != "GB" || r.at("contacts.nodes.0.region") != "EMEA" || r.at("accounts.nodes.0.name") != "Acme" || r.at("contacts.nodes.0.firstName") != nil ||
				len(r.Errs) != 1 || r.code() != read.CodeUnavailable || !strings.Contains(r.Errs[0].Message, "keys are not available") {
				t.Errorf("%s: %s", name, r.raw)
			}
			if r := lost.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { contacts(where: {email: {eq: "ada@example.com"}}) { nodes { id } } }`); r.code() != read.CodeUnavailable {
				t.Errorf("%s: a look-up: %s", name, r.raw)
			}
			if r := lost.ask(t, as("SALES_MANAGER"), `mutation @for(purpose: SALES) { createContact(input: {firstName: "Eve"}) { contact { id } } }`); r.code() != read.CodeUnavailable || !strings.Contains(r.raw, "Nothing was written") {
				t.Errorf("%s: a new person: %s", name, r.raw)
			}
			if r := lost.ask(t, as("SALES_MANAGER"), fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {region: "APAC"}) { contact { region firstName } } }`, read.EncodeID("Contact", id))); r.at("updateContact.contact.region") != "APAC" {
				t.Errorf("%s: a field that is not sealed: %s", name, r.raw)
			}
			lost.ask(t, as("SALES_MANAGER"), fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {region: "EMEA"}) { contact { region } } }`, read.EncodeID("Contact", id)))
			if !strings.Contains(w.log.String(), root) {
				t.Errorf("%s: the operator is told %s", name, w.log)
			}
			_ = os.Remove(root)
		}
		if n, err := w.store.Client.Contact.Query().Count(policy.WithCapability(context.Background(), "test")); err != nil || n != 1 {
			t.Errorf("%d people, %v", n, err)
		}
	})
}

// An import finds people by a sealed field, in whatever case, and changes nothing the second time.
func TestImportBySealedKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Contact", ada)
		contact := w.Schema().Type("Contact")
		found, err := w.Bulk().Find(context.Background(), contact, contact.Field("email"), []any{"ADA@example.com", "eve@example.com"})
		if err != nil || len(found) != 1 || found["ADA@example.com"] == uuid.Nil {
			t.Fatal(found, err)
		}
		row := importer.Row{ID: found["ADA@example.com"], Values: map[string]any{"firstName": "Ada", "birthday": ada["birthday"], "region": "EMEA"}}
		for _, c := range []struct {
			values map[string]any
			want   importer.Result
		}{
			{nil, importer.Result{Unchanged: 1}},
			{map[string]any{"firstName": "Augusta"}, importer.Result{Updated: 1}},
			{map[string]any{"firstName": "Augusta"}, importer.Result{Unchanged: 1}},
		} {
			for k, v := range c.values {
				row.Values[k] = v
			}
			if r, err := w.Bulk().Upsert(context.Background(), contact, []importer.Row{row}); err != nil || fmt.Sprint(r) != fmt.Sprint(c.want) {
				t.Errorf("%v: %+v %v", c.values, r, err)
			}
		}
	})
}
