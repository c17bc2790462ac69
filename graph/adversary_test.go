package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
)

// rewritten is the CRM's schema with other rules on the same tables: of each pair of edits the first text, which occurs
// once, becomes the second.
func (d database) rewritten(t testing.TB, edits ...string) *world {
	t.Helper()
	return d.serve(t, rewritten(t, edits...), 0)
}

func rewritten(t testing.TB, edits ...string) *ir.Schema {
	t.Helper()
	return compile(t, rewrite(t, edits...))
}

func rewrite(t testing.TB, edits ...string) []ir.Source {
	t.Helper()
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		n := 0
		for j := range sources {
			n += strings.Count(sources[j].Text, edits[i])
			sources[j].Text = strings.Replace(sources[j].Text, edits[i], edits[i+1], 1)
		}
		if n != 1 {
			t.Fatalf("%q occurs %d times", edits[i], n)
		}
	}
	return sources
}

func compile(t testing.TB, sources []ir.Source) *ir.Schema {
	t.Helper()
	s, ds := compiler.Compile(sources)
	if s == nil {
		t.Fatal(ds)
	}
	s.Hash = ent.SchemaHash // the tables are the same
	return s
}

func eachRewritten(t *testing.T, edits []string, test func(t *testing.T, w *world)) {
	for _, db := range databases(t) {
		t.Run(db.name, func(t *testing.T) { test(t, db.rewritten(t, edits...)) })
	}
}

const contactFirstName = `  firstName: String
    @length(max: 80)
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`

const contactAccount = `  account: Account @access(to: [CREATE, UPDATE], roles: [SALES_REP, SALES_MANAGER, SUPPORT_AGENT])`

const contactFullName = `  fullName: String
    @computed(from: ["firstName", "lastName"])
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`

// What a computed field says of itself holds, not only what its sources say.
func TestComputedFieldKeepsItsOwnRules(t *testing.T) {
	eachRewritten(t, []string{contactFullName, contactFullName + `
    @access(roles: [SUPPORT_AGENT], when: "row.region == 'APAC'")`}, func(t *testing.T, w *world) {
		for _, region := range []string{"EMEA", "APAC", "AMER"} {
			w.put(t, "Contact", map[string]any{"firstName": "Ada", "lastName": region, "region": region, "lastActivityAt": today})
		}
		r := w.ask(t, as("SUPPORT_AGENT"), `{ contacts { nodes { fullName region } } }`).ok(t)
		for _, n := range r.at("contacts.nodes").([]any) {
			n := n.(map[string]any)
			if name := n["fullName"]; n["region"] != "APAC" && name != nil {
				t.Errorf("%v is shown as %v", n["region"], name)
			}
		}
		if !strings.Contains(r.raw, "Ada APAC") {
			t.Error("whose condition holds is hidden", r.raw)
		}
	})
}

// A computed field is as strict as the strictest source: where one is withheld, so is the whole.
func TestComputedFieldIsWithheldWithItsSource(t *testing.T) {
	eachRewritten(t, []string{contactFirstName, `  firstName: String
    @length(max: 80)
    @access(roles: [SUPPORT_AGENT], when: "row.region == 'APAC'")
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])`}, func(t *testing.T, w *world) {
		w.put(t, "Contact", map[string]any{"firstName": "Ada", "lastName": "Lovelace", "region": "EMEA", "lastActivityAt": today})
		r := w.ask(t, as("SUPPORT_AGENT"), `{ contacts { nodes { fullName firstName lastName } } }`).ok(t)
		if got := r.at("contacts.nodes.0.fullName"); got != nil {
			t.Errorf("with its first half withheld, the name is %v", got)
		}
	})
}

// A condition and a period withhold what would be masked as well: the veil stands only where the value could be shown
// to somebody with the clearance or the consent that is missing.
func TestVeilStandsOnlyWhereRulesHold(t *testing.T) {
	const lines = `    @pii(category: COMMUNICATION, sensitivity: HIGH, source: STAFF)
  """
  What someone needs to meet us`
	old := map[string]any{"notes": "n", "region": "APAC", "lastActivityAt": today.AddDate(0, -2, 0)}
	elsewhere := map[string]any{"notes": "n", "region": "EMEA", "lastActivityAt": today}
	for name, c := range map[string]struct {
		rule     string
		withheld map[string]any
	}{
		"condition":           {`@access(roles: [SUPPORT_AGENT], when: "row.region == 'APAC'")`, elsewhere},
		"period":              {`@retain(for: "P1M", after: "lastActivityAt", because: "Old.")`, old},
		"condition, consent":  {`@consent(to: PROFILING) @access(roles: [SUPPORT_AGENT], when: "row.region == 'APAC'")`, elsewhere},
		"period, and consent": {`@consent(to: PROFILING) @retain(for: "P1M", after: "lastActivityAt", because: "Old.")`, old},
	} {
		t.Run(name, func(t *testing.T) {
			eachRewritten(t, []string{lines, c.rule + lines}, func(t *testing.T, w *world) {
				shown := read.EncodeID("Contact", w.put(t, "Contact", map[string]any{"notes": "n", "region": "APAC", "lastActivityAt": today}))
				hidden := read.EncodeID("Contact", w.put(t, "Contact", c.withheld))
				r := w.ask(t, as("SUPPORT_AGENT"), `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { notes } } }`, "ids", []any{shown, hidden}).ok(t)
				if r.at("nodes.0.notes") != policy.Veil || r.at("nodes.1.notes") != nil {
					t.Error(r.raw)
				}
			})
		})
	}
}

// Whoever declares NULL for a computed field gets null, and not the veil of other masks.
func TestComputedFieldIsMaskedAsDeclared(t *testing.T) {
	const lines = `    @computed(from: ["firstName", "lastName"])
    @purpose(only: [SALES, SUPPORT, BILLING, MARKETING, PRIVACY_REQUEST, SELF_SERVICE])
    @pii(category: IDENTITY, mask: `
	for mask, want := range map[string]any{"NAME": policy.Veil, "NULL": nil} {
		t.Run(mask, func(t *testing.T) {
			eachRewritten(t, []string{lines + "NAME", lines + mask}, func(t *testing.T, w *world) {
				w.put(t, "Contact", map[string]any{"firstName": "Ada", "lastName": "Lovelace", "lastActivityAt": today})
				r := w.ask(t, as("MARKETER"), `query @for(purpose: MARKETING) { contacts { nodes { fullName } } }`).ok(t)
				if got := r.at("contacts.nodes.0.fullName"); got != want {
					t.Errorf("%v, want %v", got, want)
				}
			})
		})
	}
}

// A list is the other end of a key: who may not see the key may not see it from its other side.
func TestListShowsNoMoreThanItsKey(t *testing.T) {
	for name, gate := range map[string]string{
		"access":  `@access(roles: [SALES_MANAGER])`,
		"when":    `@access(roles: [SUPPORT_AGENT], when: "row.region == 'APAC'")`,
		"purpose": `@purpose(only: [SALES])`,
		"consent": `@consent(to: PROFILING, otherwise: NULL)`,
	} {
		t.Run(name, func(t *testing.T) {
			eachRewritten(t, []string{contactAccount, `  account: Account ` + gate}, func(t *testing.T, w *world) {
				account := w.put(t, "Account", map[string]any{"name": "Acme"})
				id := w.put(t, "Contact", map[string]any{"firstName": "Ada", "account": account, "region": "EMEA", "lastActivityAt": today})
				const q = `{ contacts { nodes { account { name } } } accounts { nodes { contacts { totalCount nodes { firstName } } } } }`
				r := w.ask(t, as("SUPPORT_AGENT"), q).ok(t)
				if r.at("contacts.nodes.0.account") != nil || r.at("accounts.nodes.0.contacts.totalCount") != 0.0 || r.at("accounts.nodes.0.contacts.nodes.0") != nil {
					t.Error(r.raw)
				}
				if name != "consent" {
					return
				}
				w.setState(t, "Contact", id, policy.PurposeBit(w.Schema().Purpose("PROFILING")))
				if r := w.ask(t, as("SUPPORT_AGENT"), q).ok(t); r.at("accounts.nodes.0.contacts.totalCount") != 1.0 {
					t.Error("with consent", r.raw)
				}
			})
		})
	}
}

// A legal hold wins over deletion.
func TestHeldRowsAreNotDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		w.setState(t, "Contact", id, policy.Held)
		r := w.ask(t, as("SALES_MANAGER"), `mutation($id: ID!) @for(purpose: SALES) { deleteContact(id: $id) { deletedId } }`, "id", read.EncodeID("Contact", id))
		if r.code() == "" {
			t.Error(r.raw)
		}
		if r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { contacts { totalCount } }`); r.at("contacts.totalCount") != 1.0 {
			t.Error(r.raw)
		}
	})
}

// A fragment two payloads share is planned for each.
func TestSharedFragmentDoesNotMixSelections(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.ask(t, as("SALES_MANAGER"), `mutation @for(purpose: SALES) {
			a: createContact(input: {firstName: "Ada", email: "ada@example.com"}) { ...p contact { email } }
			b: createContact(input: {firstName: "Eve", email: "eve@example.com"}) { ...p }
		} fragment p on CreateContactPayload { contact { firstName } }`).ok(t)
		b, _ := r.at("b.contact").(map[string]any)
		if len(b) != 1 || r.at("a.contact.email") != "ada@example.com" {
			t.Error(r.raw)
		}
		mine := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { a: me { ...m contacts { totalCount } } b: me { ...m } } fragment m on Me { contacts { nodes { id } } }`).ok(t)
		if b, _ := mine.at("b.contacts").(map[string]any); len(b) != 1 {
			t.Error(mine.raw)
		}
	})
}

// A change is not what makes itself allowed: the conditions of the fields it sets hold before it as well as after.
func TestFieldConditionsHoldBeforeTheChange(t *testing.T) {
	edit := []string{`preferredLanguage: String @format(as: LANGUAGE)`, `preferredLanguage: String @format(as: LANGUAGE)
    @access(to: [UPDATE], roles: [SALES_MANAGER], when: "row.preferredLanguage == 'en'")`}
	eachRewritten(t, edit, func(t *testing.T, w *world) {
		const change = `mutation($id: ID!, $to: String) @for(purpose: SALES) { updateContact(id: $id, input: {preferredLanguage: $to}) { contact { id } } }`
		french := read.EncodeID("Contact", w.put(t, "Contact", map[string]any{"preferredLanguage": "fr", "lastActivityAt": today}))
		english := read.EncodeID("Contact", w.put(t, "Contact", map[string]any{"preferredLanguage": "en", "lastActivityAt": today}))
		for _, c := range []struct{ id, to, code string }{{french, "en", read.CodeForbidden}, {english, "fr", read.CodeForbidden}, {english, "en", ""}} {
			if r := w.ask(t, as("SALES_MANAGER"), change, "id", c.id, "to", c.to); r.code() != c.code {
				t.Errorf("to %s: %s", c.to, r.raw)
			}
		}
	})
}

// An answer that cannot be given is refused before anything is written.
func TestPayloadIsPlannedBeforeTheWrite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, selection := range []string{`activities(first: -1) { totalCount }`, `activities(first: 5000) { totalCount }`} {
			r := w.ask(t, as("SALES_MANAGER"), `mutation @for(purpose: SALES) { createDeal(input: {name: "d"}) { deal { id `+selection+` } } }`)
			left := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { deals { totalCount } }`).ok(t)
			if r.code() == "" || left.at("deals.totalCount") != 0.0 {
				t.Fatalf("%s failed and wrote", r.raw)
			}
		}
	})
}

// Errors name places and fields; what a client sent is not in them.
func TestErrorsQuoteNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const secret = "Lovelace"
		send := func(body string) string {
			req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, req.WithContext(policy.WithPrincipal(req.Context(), as("SALES_MANAGER"))))
			return rec.Body.String()
		}
		for _, body := range []string{
			`{"query": "{ Lovelace }"`,
			`["Lovelace"]`,
			`{"query": "{ me { id } }", "variables": "Lovelace"}`,
			`{"query": "{ contacts(first: \"Lovelace\") { totalCount } }"}`,
			`{"query": "{ contacts(first: Lovelace) { totalCount } }"}`,
			`{"query": "\"Lovelace\" { me { id } }"}`,
			`{"query": "query($p: Purpose!) @for(purpose: $p) { me { id } }", "variables": {"p": "Lovelace"}}`,
			`{"query": "query($w: ContactWhere) @for(purpose: SALES) { contacts(where: $w) { totalCount } }", "variables": {"w": {"email": {"eq": ["Lovelace"]}}}}`,
			`{"query": "mutation($i: CreateContactInput!) @for(purpose: SALES) { createContact(input: $i) { contact { id } } }", "variables": {"i": {"lifecycleStage": "Lovelace"}}}`,
			`{"query": "mutation($i: CreateContactInput!) @for(purpose: SALES) { createContact(input: $i) { contact { id } } }", "variables": {"i": {"email": "Lovelace"}}}`,
			`{"query": "query($id: ID!) @for(purpose: SALES) { contacts(where: {id: {eq: $id}}, after: $id) { nodes { id } } }", "variables": {"id": "Lovelace"}}`,
			`{"query": "query @for(purpose: SALES) { contacts(where: {notes: 1}) { totalCount } }"}`,
		} {
			got := send(body)
			if !strings.Contains(got, `"errors"`) || strings.Contains(got, secret) || strings.Contains(got, "Did you mean") {
				t.Errorf("%s\n%s", body, got)
			}
		}
		if strings.Contains(w.log.String(), secret) {
			t.Error(w.log)
		}
	})
}

func TestFiltersWithNulls(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Account", map[string]any{"name": "Acme", "industry": "Tools"})
		w.put(t, "Account", map[string]any{"name": "Other"})
		for where, want := range map[string]any{
			`{industry: {isNull: null}}`: 2.0, `{industry: {isNull: true}}`: 1.0, `{industry: {isNull: false}}`: 1.0,
			`{industry: {eq: null}}`: 1.0, `{industry: {ne: null}}`: 1.0, `{industry: {}}`: 2.0, `{industry: null}`: 2.0,
			`{not: {industry: {eq: "Tools"}}}`: 0.0, `{not: {not: {industry: {eq: "Tools"}}}}`: 1.0, `{not: {}}`: 0.0, `{or: []}`: 0.0, `{and: []}`: 2.0, `{or: [{}, {name: {eq: "x"}}]}`: 2.0,
			`{name: {contains: ""}}`: 2.0, `{name: {startsWith: ""}}`: 2.0, `{parent: {}}`: 0.0, `{not: {parent: {}}}`: 2.0,
			"{name: {contains: \"\\u0000\"}}": nil, "{name: {startsWith: \"\\u0000\"}}": nil,
		} {
			r := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { accounts(where: `+where+`) { totalCount } }`)
			if r.at("accounts.totalCount") != want || want == nil && r.code() != read.CodeBadInput {
				t.Errorf("%s: %s, want %v", where, r.raw, want)
			}
		}
	})
}
