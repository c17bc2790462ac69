package graph_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

func TestCreateUpdateDelete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rep := as("SALES_REP", "region", "EMEA")
		r := w.ask(t, rep, `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada", email: " Ada@EXAMPLE.com", region: "EMEA", country: "United Kingdom"}) {
			contact { id firstName email country birthday lifecycleStage } } }`).ok(t)
		for path, want := range map[string]any{"firstName": "Ada", "email": "Ada@example.com", "country": "GB", "birthday": nil, "lifecycleStage": "SUBSCRIBER"} {
			if got := r.at("createContact.contact." + path); got != want {
				t.Errorf("created %s is %v, want %v", path, got, want)
			}
		}
		id := r.at("createContact.contact.id")
		r = w.ask(t, rep, `mutation($id: ID!) @for(purpose: SALES) { updateContact(id: $id, input: {jobTitle: "Countess"}) { contact { id jobTitle firstName } } }`, "id", id).ok(t)
		if r.at("updateContact.contact.jobTitle") != "Countess" || r.at("updateContact.contact.firstName") != "Ada" || r.at("updateContact.contact.id") != id {
			t.Error(r.raw)
		}
		w.now = today.AddDate(0, 0, 1)
		r = w.ask(t, rep, `mutation($id: ID!) @for(purpose: SALES) { updateContact(id: $id, input: {jobTitle: "Analyst"}) { contact { updatedAt } } }`, "id", id).ok(t)
		if r.at("updateContact.contact.updatedAt") != "2026-11-25T09:00:00Z" {
			t.Error("the time of the last change", r.raw)
		}
		manager := as("SALES_MANAGER") // signed in a day ago
		if r = w.ask(t, manager, `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", id); r.code() != read.CodeStepUpRequired {
			t.Error("deleted by a session of yesterday", r.raw)
		}
		manager.AuthenticatedAt = w.now
		r = w.ask(t, manager, `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", id).ok(t)
		if r.at("deleteContact.deletedId") != id {
			t.Error(r.raw)
		}
		if r = w.ask(t, manager, `query($id: ID!) @for(purpose: SALES) { contact(id: $id) { id } }`, "id", id).ok(t); r.at("contact") != nil {
			t.Error("still there", r.raw)
		}
	})
}

// Null leaves a new record its defaults, by the clock of the request.
func TestNullInNewRecords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.ask(t, as("SUPPORT_AGENT"), `mutation @for(purpose: SUPPORT) { createContact(input: {region: "EMEA", phone: null, lastActivityAt: null, lifecycleStage: null}) {
			contact { phone lastActivityAt lifecycleStage } } }`).ok(t)
		for path, want := range map[string]any{"phone": nil, "lastActivityAt": today.Format(time.RFC3339), "lifecycleStage": "SUBSCRIBER"} {
			if got := r.at("createContact.contact." + path); got != want {
				t.Errorf("created %s is %v, want %v", path, got, want)
			}
		}
	})
}

func TestWritesStayWithinReach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := read.EncodeID("Contact", w.put(t, "Contact", ada))
		account := read.EncodeID("Account", w.put(t, "Account", map[string]any{"name": "Far", "region": "APAC"}))
		rep := as("SALES_REP", "region", "EMEA")
		const change = `mutation($id: ID!, $in: UpdateContactInput!) @for(purpose: SALES) { updateContact(id: $id, input: $in) { contact { id } } }`
		for name, c := range map[string]struct {
			who   policy.Principal
			query string
			vars  []any
			code  string
		}{
			"create outside":          {rep, `mutation @for(purpose: SALES) { createContact(input: {firstName: "Eve", region: "APAC"}) { contact { id } } }`, nil, read.CodeForbidden},
			"create nowhere":          {rep, `mutation @for(purpose: SALES) { createContact(input: {firstName: "Eve"}) { contact { id } } }`, nil, read.CodeForbidden},
			"move out of reach":       {rep, change, []any{"id", id, "in", map[string]any{"region": "APAC"}}, read.CodeForbidden},
			"change what is hidden":   {as("SALES_REP", "region", "APAC"), change, []any{"id", id, "in", map[string]any{"jobTitle": "x"}}, read.CodeNotFound},
			"change what is not":      {rep, change, []any{"id", read.EncodeID("Contact", uuid.New()), "in", map[string]any{"jobTitle": "x"}}, read.CodeNotFound},
			"point to what is hidden": {rep, change, []any{"id", id, "in", map[string]any{"accountId": account}}, read.CodeNotFound},
			"a field of others":       {rep, change, []any{"id", id, "in", map[string]any{"accessibilityNeeds": "x"}}, read.CodeFieldNotWritable},
			"a bad value":             {rep, change, []any{"id", id, "in", map[string]any{"email": "nobody"}}, read.CodeBadInput},
			"an operation of others":  {rep, `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, []any{"id", id}, read.CodeForbidden},
			"a role without writing":  {as("ANALYST"), `mutation @for(purpose: ANALYTICS) { createContact(input: {region: "EMEA"}) { contact { id } } }`, nil, read.CodeForbidden},
		} {
			r := w.ask(t, c.who, c.query, c.vars...)
			if r.code() != c.code {
				t.Errorf("%s: %s", name, r.raw)
			}
			if strings.Contains(r.raw, "nobody") {
				t.Errorf("%s: the error repeats the value: %s", name, r.raw)
			}
		}
		r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { contacts { totalCount nodes { firstName region jobTitle account { id } } } }`).ok(t)
		if r.at("contacts.totalCount") != 1.0 || r.at("contacts.nodes.0.region") != "EMEA" || r.at("contacts.nodes.0.jobTitle") != nil || r.at("contacts.nodes.0.account") != nil {
			t.Error("a refused write left something behind", r.raw)
		}
	})
}

func TestConsentByStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		row := w.put(t, "Contact", ada)
		id := read.EncodeID("Contact", row)
		const give = `mutation($id: ID, $m: ConsentMethod, $p: Purpose!, $e: String = "call 7") @for(purpose: SUPPORT) { giveConsent(input: {purpose: $p, subject: $id, method: $m, evidence: $e}) { entryId consent { purpose given at } } }`
		agent := as("SUPPORT_AGENT")
		for name, c := range map[string]struct {
			who  policy.Principal
			vars []any
			code string
		}{
			"whose?":                {agent, []any{"p", "MARKETING", "m", "TELEPHONE"}, read.CodeBadInput},
			"how?":                  {agent, []any{"p", "MARKETING", "id", id}, read.CodeBadInput},
			"the method of another": {agent, []any{"p", "MARKETING", "id", id, "m", "GPC"}, read.CodeBadInput},
			"nothing proves it":     {agent, []any{"p", "MARKETING", "id", id, "m", "TELEPHONE", "e", " "}, read.CodeBadInput},
			"not by consent":        {agent, []any{"p", "SUPPORT", "id", id, "m", "TELEPHONE"}, read.CodeBadInput},
			"nobody":                {agent, []any{"p", "MARKETING", "id", read.EncodeID("Contact", uuid.New()), "m", "TELEPHONE"}, read.CodeNotFound},
			"somebody else's":       {policy.Principal{ID: "eve", Role: "SUPPORT_AGENT", Subject: uuid.New()}, []any{"p", "MARKETING", "id", id}, read.CodeNotFound},
			"not one of their jobs": {as("SALES_MANAGER"), []any{"p", "MARKETING", "id", id, "m", "TELEPHONE"}, read.CodeForbidden},
		} {
			if r := w.ask(t, c.who, give, c.vars...); r.code() != c.code {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
		r := w.ask(t, agent, give, "p", "MARKETING", "id", id, "m", "TELEPHONE").ok(t)
		if r.at("giveConsent.consent.given") != true || r.at("giveConsent.consent.at") != today.Format("2006-01-02T15:04:05Z") {
			t.Error(r.raw)
		}
		// The ledger can be added to, and nothing else.
		for _, sql := range []string{`UPDATE consent_entries SET purpose = 'SALES'`, `DELETE FROM consent_entries`} {
			if _, err := w.store.DB.Exec(sql); err == nil {
				t.Errorf("the ledger accepts %s", sql)
			}
		}
		var n int
		if err := w.store.DB.QueryRow(`SELECT COUNT(*) FROM consent_entries WHERE decision = 'GIVE' AND method = 'TELEPHONE' AND evidence = 'call 7' AND actor = 'SUPPORT_AGENT'`).Scan(&n); err != nil || n != 1 {
			t.Error(n, err)
		}
	})
}

// A change of state reaches every row of the person: a lead that became a contact is one human being.
func TestConsentReachesEveryRowOfThePerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		contact := w.put(t, "Contact", ada)
		lead := w.put(t, "Lead", map[string]any{"firstName": "Ada", "email": "ada@work.example.com", "region": "EMEA"})
		keyringtest.Put(t, w.keys, w.store, keyringtest.Change{Type: w.Schema().Type("Lead"), Row: lead, Column: "subject_id", Value: contact})
		w.ask(t, policy.Principal{ID: "ada", Role: "CUSTOMER", Subject: contact}, `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		r := w.ask(t, as("MARKETER"), `query @for(purpose: MARKETING) { contacts { nodes { email } } leads { nodes { email } } }`).ok(t)
		if r.at("contacts.nodes.0.email") != "ada@example.com" || r.at("leads.nodes.0.email") != "ada@work.example.com" {
			t.Error(r.raw)
		}
	})
}
