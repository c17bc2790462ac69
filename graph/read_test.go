package graph_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

var ada = map[string]any{
	"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "phone": "+442079460000", "region": "EMEA",
	"city": "London", "country": "GB", "notes": "likes engines", "birthday": time.Date(1990, 12, 10, 0, 0, 0, 0, time.UTC),
	"lastActivityAt": today.AddDate(0, -1, 0),
}

const people = `query($n: Int) @for(purpose: %s) { contacts(first: $n) { nodes { firstName email phone birthday notes } } }`

func each(t *testing.T, test func(t *testing.T, w *world)) {
	for _, db := range databases(t) {
		t.Run(db.name, func(t *testing.T) { test(t, db.open(t)) })
	}
}

// One question, three people, three answers.
func TestThreePeopleAskTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		rep := w.ask(t, as("SALES_REP", "region", "EMEA"), fmt.Sprintf(people, "SALES")).ok(t)
		support := w.ask(t, as("SUPPORT_AGENT"), fmt.Sprintf(people, "SUPPORT")).ok(t)
		marketing := w.ask(t, as("MARKETER"), fmt.Sprintf(people, "MARKETING")).ok(t)
		for _, c := range []struct {
			who    string
			r      reply
			field  string
			want   any
			reason policy.Reason
		}{
			{"sales", rep, "email", "ada@example.com", policy.ReasonCleared},
			{"sales", rep, "notes", "likes engines", policy.ReasonCleared},
			{"sales", rep, "birthday", nil, policy.ReasonFieldPurpose},
			{"support", support, "email", "ada@example.com", policy.ReasonCleared},
			{"support", support, "birthday", "1990-01-01", policy.ReasonClearance},
			{"support", support, "notes", "•••", policy.ReasonClearance},
			{"marketing", marketing, "firstName", "A.", policy.ReasonPurposeConsent},
			{"marketing", marketing, "email", "•••@example.com", policy.ReasonPurposeConsent},
			{"marketing", marketing, "notes", nil, policy.ReasonFieldPurpose},
		} {
			if got := c.r.at("contacts.nodes.0." + c.field); got != c.want {
				t.Errorf("%s sees %s %v, want %v", c.who, c.field, got, c.want)
			}
			if got := c.r.why("contacts.nodes." + c.field); got.Reason != c.reason {
				t.Errorf("%s is told %+v about %s, want %s", c.who, got, c.field, c.reason)
			}
		}

		person := policy.Principal{ID: "ada", Role: "CUSTOMER", Subject: id}
		w.ask(t, person, `mutation { giveConsent(input: {purpose: MARKETING}) { consent { given } } }`).ok(t)
		after := w.ask(t, as("MARKETER"), fmt.Sprintf(people, "MARKETING")).ok(t)
		if got := after.at("contacts.nodes.0.email"); got != "ada@example.com" {
			t.Errorf("with consent marketing sees %v", got)
		}
		gone := w.ask(t, person, `mutation { withdrawConsent(input: {purpose: MARKETING}) { consent { given at } } }`).ok(t)
		if gone.at("withdrawConsent.consent.given") != false {
			t.Error(gone.raw)
		}
		if got := w.ask(t, as("MARKETER"), fmt.Sprintf(people, "MARKETING")).ok(t).at("contacts.nodes.0.email"); got != "•••@example.com" {
			t.Errorf("after withdrawal marketing sees %v", got)
		}
	})
}

// Outcomes that differ by row are each explained once.
func TestNotesTellWhatDiffersByRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Contact", ada)
		yes := w.put(t, "Contact", map[string]any{"firstName": "Grace", "email": "grace@example.org", "lastActivityAt": today})
		w.setState(t, "Contact", yes, policy.PurposeBit(w.Schema().Purpose("MARKETING")))
		r := w.ask(t, as("MARKETER"), `query @for(purpose: MARKETING) { contacts { nodes { email } } }`).ok(t)
		outcomes := map[string]int{}
		for _, n := range r.Extensions.Privacy {
			if n.Path == "contacts.nodes.email" {
				outcomes[n.Outcome]++
			}
		}
		if len(outcomes) != 2 || outcomes["REVEAL"] != 1 || outcomes["MASK"] != 1 {
			t.Errorf("%v", r.Extensions.Privacy)
		}
	})
}

func TestRowsOutsideReachDoNotExist(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		here := w.put(t, "Contact", ada)
		const get = `query($id: ID!) @for(purpose: SALES) { contact(id: $id) { firstName } }`
		byID := func(p policy.Principal, id string) reply { return w.ask(t, p, get, "id", id) }
		inRegion := byID(as("SALES_REP", "region", "EMEA"), read.EncodeID("Contact", here)).ok(t)
		if inRegion.at("contact.firstName") != "Ada" {
			t.Fatal(inRegion.raw)
		}
		missing := byID(as("SALES_REP", "region", "APAC"), read.EncodeID("Contact", uuid.New()))
		for name, r := range map[string]reply{
			"another region":           byID(as("SALES_REP", "region", "APAC"), read.EncodeID("Contact", here)),
			"an id of another type":    byID(as("SALES_REP", "region", "APAC"), read.EncodeID("Account", here)),
			"no id":                    byID(as("SALES_REP", "region", "APAC"), "1"),
			"an attribute of any kind": byID(policy.Principal{Role: "SALES_REP", Attrs: map[string]any{"region": []string{"EMEA"}}}, read.EncodeID("Contact", here)),
		} {
			if r.raw != missing.raw {
				t.Errorf("%s answers\n%s\na missing row\n%s", name, r.raw, missing.raw)
			}
		}
		if r := byID(as("SALES_REP"), read.EncodeID("Contact", here)).ok(t); r.at("contact") != nil || !strings.Contains(r.why("contact").Remedy, "no attribute region") {
			t.Errorf("without the attribute: %s", r.raw)
		}
		for _, state := range []policy.State{policy.Restricted, policy.Erasing, policy.PurposeBit(w.Schema().Purpose("SALES"))} {
			w.setState(t, "Contact", here, state)
			if r := byID(as("SALES_REP", "region", "EMEA"), read.EncodeID("Contact", here)); r.at("contact") != nil {
				t.Errorf("state %b: %s", state, r.raw)
			}
		}
		w.setState(t, "Contact", here, policy.Held)
		w.now = today.AddDate(3, 0, 0)
		if r := byID(as("SALES_REP", "region", "EMEA"), read.EncodeID("Contact", here)); r.at("contact") != nil {
			t.Errorf("past retention: %s", r.raw)
		}
	})
}

func TestPurpose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ name, query, role, code string }{
			{"none of several", `{ contacts { totalCount } }`, "SALES_MANAGER", read.CodePurposeRequired},
			{"outside the clearance", `query @for(purpose: MARKETING) { contacts { totalCount } }`, "SALES_REP", read.CodeForbidden},
			{"the only one", `{ contacts { totalCount } }`, "SUPPORT_AGENT", ""},
			{"no such role", `{ contacts { totalCount } }`, "INTRUDER", read.CodeForbidden},
			{"introspection needs none", `{ __typename __schema { queryType { name } } }`, "SALES_MANAGER", ""},
		} {
			w.statements()
			if r := w.ask(t, as(c.role), c.query); r.code() != c.code {
				t.Errorf("%s: %s", c.name, r.raw)
			}
			if c.code != "" && len(w.statements()) > 0 {
				t.Errorf("%s: the database was asked", c.name)
			}
		}
		if r := w.Do(context.Background(), `{ contacts { totalCount } }`, nil); len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != read.CodeUnauthenticated {
			t.Errorf("without a principal: %v", r.Errors)
		}
	})
}

// The SQL log shows the columns asked for that are permitted, and the keys that connect rows.
func TestProjection(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		account := w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"})
		row := map[string]any{"account": account}
		for k, v := range ada {
			row[k] = v
		}
		w.put(t, "Contact", row)
		for _, c := range []struct {
			name, query   string
			who           policy.Principal
			want, wantNot []string
		}{
			{"what was asked for", `query @for(purpose: SALES) { contacts { nodes { firstName email } } }`, as("SALES_REP", "region", "EMEA"),
				[]string{"first_name", "email"}, []string{"last_name", "phone", "notes", "privacy_state\" AS", "account_id"}},
			{"a withheld column", `query @for(purpose: SALES) { contacts { nodes { firstName birthday } } }`, as("SALES_REP", "region", "EMEA"),
				[]string{"first_name"}, []string{"birthday"}},
			{"a redacted column", `query @for(purpose: SUPPORT) { contacts { nodes { firstName notes street } } }`, as("SUPPORT_AGENT"),
				[]string{"first_name"}, []string{"notes", "street"}},
			{"a to-one edge joins", `query @for(purpose: SALES) { contacts { nodes { account { name } } } }`, as("SALES_REP", "region", "EMEA"),
				[]string{"LEFT JOIN", `"name"`}, []string{"first_name", "website"}},
			{"a count selects nothing", `query @for(purpose: SUPPORT) { contacts { totalCount } }`, as("SUPPORT_AGENT"),
				[]string{"COUNT(*)"}, []string{"first_name", "LIMIT"}},
			{"skipped fields", `query @for(purpose: SALES) { contacts { nodes { firstName email @skip(if: true) ... @include(if: false) { phone } } } }`, as("SALES_REP", "region", "EMEA"),
				[]string{"first_name"}, []string{"email", "phone"}},
		} {
			w.statements()
			w.ask(t, c.who, c.query).ok(t)
			log := strings.Join(w.statements(), "\n")
			for _, s := range c.want {
				if !strings.Contains(log, s) {
					t.Errorf("%s: no %s in %s", c.name, s, log)
				}
			}
			for _, s := range c.wantNot {
				if strings.Contains(log, s) {
					t.Errorf("%s: %s in %s", c.name, s, log)
				}
			}
		}
	})
}

// To-many edges cost one statement per level, however many parents there are.
func TestNoQueryPerRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 7 {
			account := w.put(t, "Account", map[string]any{"name": fmt.Sprintf("Account %d", i), "region": "EMEA"})
			for j := range i {
				c := w.put(t, "Contact", map[string]any{"firstName": fmt.Sprintf("P%d-%d", i, j), "account": account, "region": "EMEA", "lastActivityAt": today})
				w.put(t, "Ticket", map[string]any{"title": "Help", "contact": c})
			}
		}
		w.statements()
		r := w.ask(t, as("SUPPORT_AGENT"), `query @for(purpose: SUPPORT) {
			accounts(orderBy: [{field: NAME}]) { nodes { name contacts(first: 4) { totalCount pageInfo { hasNextPage } nodes { firstName tickets { nodes { title contact { firstName } } } } } } }
		}`).ok(t)
		if n := len(w.statements()); n != 4 {
			t.Errorf("%d statements for accounts, contacts, their count and tickets", n)
		}
		for i, c := range []struct {
			shown int
			total float64
			more  bool
		}{{0, 0, false}, {1, 1, false}, {2, 2, false}, {3, 3, false}, {4, 4, false}, {4, 5, true}, {4, 6, true}} {
			at := fmt.Sprintf("accounts.nodes.%d.contacts.", i)
			nodes, _ := r.at(at + "nodes").([]any)
			if len(nodes) != c.shown || r.at(at+"totalCount") != c.total || r.at(at+"pageInfo.hasNextPage") != c.more {
				t.Errorf("account %d shows %d of %v, more %v", i, len(nodes), r.at(at+"totalCount"), r.at(at+"pageInfo.hasNextPage"))
			}
			for j, n := range nodes {
				name := n.(map[string]any)["firstName"]
				if back := r.at(fmt.Sprintf("%snodes.%d.tickets.nodes.0.contact.firstName", at, j)); back != name {
					t.Errorf("the ticket of %v belongs to %v", name, back)
				}
			}
		}
	})
}

// Walking pages by cursor meets every row once, in order, nulls last, whatever ties there are.
func TestPagesMeetEveryRowOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 23 {
			row := map[string]any{"name": fmt.Sprintf("Account %02d", i)}
			if i%3 > 0 {
				row["employees"] = int64(i / 5)
			}
			w.put(t, "Account", row)
		}
		for _, dir := range []string{"ASC", "DESC"} {
			var names []string
			var employees []any
			var after any
			for page := 0; ; page++ {
				r := w.ask(t, as("SALES_MANAGER"), `query($after: String) @for(purpose: SALES) {
					accounts(first: 4, after: $after, orderBy: [{field: EMPLOYEES, direction: `+dir+`}]) { edges { node { name employees } } pageInfo { hasNextPage hasPreviousPage endCursor } }
				}`, "after", after).ok(t)
				edges, _ := r.at("accounts.edges").([]any)
				for _, e := range edges {
					node := e.(map[string]any)["node"].(map[string]any)
					names = append(names, node["name"].(string))
					employees = append(employees, node["employees"])
				}
				if r.at("accounts.pageInfo.hasPreviousPage") != (page > 0) {
					t.Errorf("page %d: %s", page, r.raw)
				}
				if r.at("accounts.pageInfo.hasNextPage") != true {
					break
				}
				after = r.at("accounts.pageInfo.endCursor")
			}
			sort.Strings(names)
			if len(names) != 23 || names[0] != "Account 00" || names[22] != "Account 22" {
				t.Errorf("%s: %d rows %v", dir, len(names), names)
			}
			for i := 1; i < len(employees); i++ {
				a, aOK := employees[i-1].(float64)
				b, bOK := employees[i].(float64)
				if !aOK && bOK || aOK && bOK && (dir == "ASC" && a > b || dir == "DESC" && a < b) {
					t.Errorf("%s: out of order at %d: %v", dir, i, employees)
				}
			}
		}
	})
}

func TestCursorOfAnotherQueryIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Account", map[string]any{"name": "A"})
		w.put(t, "Account", map[string]any{"name": "B"})
		cursor := w.ask(t, as("SALES_MANAGER"), `query @for(purpose: SALES) { accounts(first: 1) { edges { cursor } } }`).ok(t).at("accounts.edges.0.cursor")
		for name, c := range map[string]struct {
			who   policy.Principal
			query string
		}{
			"another order":  {as("SALES_MANAGER"), `query($c: String) @for(purpose: SALES) { accounts(after: $c, orderBy: [{field: NAME}]) { edges { cursor } } }`},
			"another filter": {as("SALES_MANAGER"), `query($c: String) @for(purpose: SALES) { accounts(after: $c, where: {name: {eq: "A"}}) { edges { cursor } } }`},
			"another type":   {as("SALES_MANAGER"), `query($c: String) @for(purpose: SALES) { contacts(after: $c) { edges { cursor } } }`},
			"another viewer": {as("SUPPORT_AGENT"), `query($c: String) @for(purpose: SUPPORT) { accounts(after: $c) { edges { cursor } } }`},
		} {
			if r := w.ask(t, c.who, c.query, "c", cursor); r.code() != read.CodeBadCursor {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
	})
}

// Asking about a value is reading it.
func TestHiddenFieldsCannotBeAskedAbout(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		const where = `query @for(purpose: %s) { contacts(where: %s) { totalCount } }`
		for _, c := range []struct {
			name, where, purpose, code string
			who                        policy.Principal
			want                       any
		}{
			{"revealed", `{email: {eq: "ADA@Example.COM"}}`, "SUPPORT", "", as("SUPPORT_AGENT"), nil},
			{"revealed, normalised", `{email: {eq: " ada@EXAMPLE.com "}}`, "SUPPORT", "", as("SUPPORT_AGENT"), 1.0},
			{"masked", `{postalCode: {eq: "NW1"}}`, "SUPPORT", read.CodeFieldNotQueryable, as("SUPPORT_AGENT"), nil},
			{"masked, under not", `{not: {postalCode: {eq: "NW1"}}}`, "SUPPORT", read.CodeFieldNotQueryable, as("SUPPORT_AGENT"), nil},
			{"masked, in an edge of an edge", `{account: {parent: {name: {eq: "x"}}}}`, "SUPPORT", "", as("SUPPORT_AGENT"), 0.0},
			{"without consent", `{email: {eq: "ada@example.com"}}`, "MARKETING", "", as("MARKETER"), 0.0},
			{"without consent, under not", `{not: {email: {eq: "nobody@example.com"}}}`, "MARKETING", "", as("MARKETER"), 0.0},
			{"without consent, or anything", `{or: [{email: {eq: "ada@example.com"}}, {country: {eq: "GB"}}]}`, "MARKETING", "", as("MARKETER"), 0.0},
		} {
			if c.name == "masked, in an edge of an edge" && w.Schema().Type("Account").Field("parent") == nil {
				continue
			}
			r := w.ask(t, c.who, fmt.Sprintf(where, c.purpose, c.where))
			if r.code() != c.code || c.want != nil && r.at("contacts.totalCount") != c.want {
				t.Errorf("%s: %s", c.name, r.raw)
			}
		}
		w.setState(t, "Contact", id, policy.PurposeBit(w.Schema().Purpose("MARKETING")))
		if r := w.ask(t, as("MARKETER"), fmt.Sprintf(where, "MARKETING", `{email: {eq: "ada@example.com"}}`)); r.at("contacts.totalCount") != 1.0 {
			t.Errorf("with consent: %s", r.raw)
		}
	})
}

// A person reaches their own records and nothing else, by whatever way.
func TestSelfService(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		account := w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"})
		me := map[string]any{"account": account}
		for k, v := range ada {
			me[k] = v
		}
		mine := w.put(t, "Contact", me)
		other := w.put(t, "Contact", map[string]any{"firstName": "Eve", "account": account, "lastActivityAt": today})
		w.put(t, "Ticket", map[string]any{"title": "mine", "contact": mine})
		w.put(t, "Ticket", map[string]any{"title": "not mine", "contact": other})
		p := policy.Principal{ID: "ada", Role: "CUSTOMER", Subject: mine}
		r := w.ask(t, p, `{ me { contacts { nodes { firstName email notes birthday account { name contacts { totalCount nodes { firstName } } } } } consents { purpose given } }
			contacts { totalCount } tickets { nodes { title } } }`).ok(t)
		for path, want := range map[string]any{
			"me.contacts.nodes.0.email": "ada@example.com", "me.contacts.nodes.0.notes": "likes engines", "me.contacts.nodes.0.birthday": "1990-12-10",
			"contacts.totalCount": 1.0, "tickets.nodes.0.title": "mine", "tickets.nodes.1.title": nil,
		} {
			if got := r.at(path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		if strings.Contains(r.raw, "Eve") || strings.Contains(r.raw, "not mine") {
			t.Error("somebody else's data is in there", r.raw)
		}
		w.setState(t, "Contact", mine, policy.Restricted)
		if r := w.ask(t, p, `{ contacts { totalCount } }`).ok(t); r.at("contacts.totalCount") != 1.0 {
			t.Error("restriction hides people's data from themselves", r.raw)
		}
		if r := w.ask(t, as("CUSTOMER"), `{ contacts { totalCount } me { contacts { totalCount } } tickets { totalCount } accounts { totalCount } }`).ok(t); strings.Contains(r.raw, `"totalCount":1`) {
			t.Error("a customer who is nobody sees somebody", r.raw)
		}
		// Whatever role a token names, a person stays who they are.
		posing := policy.Principal{ID: "ada", Role: "SUPPORT_AGENT", Subject: mine}
		if r := w.ask(t, posing, `{ tickets { totalCount } nodes(ids: ["`+read.EncodeID("Contact", other)+`"]) { id } }`).ok(t); r.at("tickets.totalCount") != 0.0 && r.at("tickets.totalCount") != 1.0 || r.at("nodes.0") != nil {
			t.Error(r.raw)
		}
	})
}

func TestNodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		account := read.EncodeID("Account", w.put(t, "Account", map[string]any{"name": "Acme", "region": "EMEA"}))
		contact := read.EncodeID("Contact", w.put(t, "Contact", ada))
		r := w.ask(t, as("SALES_REP", "region", "EMEA"), `query($ids: [ID!]!) @for(purpose: SALES) {
			nodes(ids: $ids) { __typename id ... on Account { title: name } ... on Contact { ...who } }
			node(id: "`+account+`") { id ... on Account { name } }
		}
		fragment who on Contact { firstName mail: email }`, "ids", []any{contact, "nonsense", account, contact}).ok(t)
		for path, want := range map[string]any{
			"nodes.0.mail": "ada@example.com", "nodes.0.__typename": "Contact", "nodes.1": nil, "nodes.2.title": "Acme", "nodes.2.id": account,
			"nodes.3.firstName": "Ada", "node.name": "Acme",
		} {
			if got := r.at(path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
	})
}

// A query that Ent is asked for without a plan fails.
func TestEntWithoutAPlan(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(t, "Contact", ada)
		if rows, err := w.store.Client.Contact.Query().All(context.Background()); !errors.Is(err, policy.ErrNoCapability) {
			t.Errorf("read %d rows, %v", len(rows), err)
		}
		if _, err := w.store.Client.Contact.Create().SetFirstNameSealed(seal.Open("Eve")).SetSubjectID(uuid.New()).Save(context.Background()); !errors.Is(err, policy.ErrNoCapability) {
			t.Errorf("wrote, %v", err)
		}
		row, err := w.store.Client.Contact.Query().First(policy.WithCapability(context.Background(), "test"))
		if err != nil {
			t.Fatal(err)
		}
		if s := fmt.Sprint(row) + fmt.Sprintf("%+v", row); strings.Contains(s, "ada@example.com") || strings.Contains(s, "Lovelace") {
			t.Errorf("a row prints its values: %s", s)
		}
	})
}
