package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// denying is the CRM with fields that are denied without consent to profiling.
var denying = []string{
	contactEmail, contactEmail + `
    @consent(to: PROFILING, otherwise: DENY)`,
	contactAccount, contactAccount + ` @consent(to: PROFILING, otherwise: DENY)`,
}

// denied are the places of an answer's errors, all of which must be of denied fields.
func denied(t *testing.T, r reply) []string {
	t.Helper()
	var wire struct {
		Errors []struct {
			Message    string
			Path       []any
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(r.raw), &wire); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range wire.Errors {
		if e.Extensions.Code != read.CodeConsentRequired || !strings.Contains(e.Message, "PROFILING") {
			t.Errorf("%+v is of no denied field", e)
		}
		out = append(out, strings.Trim(strings.ReplaceAll(fmt.Sprint(e.Path), " ", "."), "[]"))
	}
	return out
}

func TestDenied(t *testing.T) {
	eachRewritten(t, denying, func(t *testing.T, w *world) {
		account := w.put(t, "Account", map[string]any{"name": "Acme"})
		yes := policy.PurposeBit(w.Schema().Purpose("PROFILING"))
		var ids []string
		for i, c := range []struct {
			email any
			state policy.State
		}{{"ada@example.com", yes}, {"bob@example.com", 0}, {nil, 0}, {"eve@example.com", 0}} {
			id := w.put(t, "Contact", map[string]any{"firstName": fmt.Sprint("C", i), "email": c.email, "account": account, "region": "EMEA", "lastActivityAt": today})
			w.setState(t, "Contact", id, c.state)
			ids = append(ids, read.EncodeID("Contact", id))
		}
		agent := as("SUPPORT_AGENT")
		for _, c := range []struct {
			name, query string
			want        []string
		}{
			{"a page has one error for each field", `{ contacts { nodes { email mail: email firstName account { name } } edges { node { email } } } }`,
				[]string{"contacts.edges.1.node.email", "contacts.nodes.1.account", "contacts.nodes.1.email", "contacts.nodes.1.mail"}},
			{"a row without a value says the same", `query($c: ID!) { contact(id: $c) { email } }`, []string{"contact.email"}},
			{"consent was given", `query($a: ID!) { contact(id: $a) { email account { name } } }`, []string{}},
			{"rows by id stand where they were asked for", `query($a: ID!, $b: ID!, $c: ID!) { nodes(ids: [$a, $c, $b]) { ... on Contact { email } } }`, []string{"nodes.1.email"}},
			{"a list has none of the rows whose key is denied", `{ accounts { nodes { contacts { nodes { email } } } } }`, []string{}},
			{"what is not asked for is not denied", `{ contacts { nodes { firstName } } }`, []string{}},
			{"what counts only is not denied", `{ contacts(where: {email: {eq: "bob@example.com"}}) { totalCount } }`, []string{}},
			{"a mutation's answer", `mutation($b: ID!) { updateContact(id: $b, input: {jobTitle: "x"}) { contact { email } } }`, []string{"updateContact.contact.email"}},
		} {
			var vars []any
			for i, name := range []string{"a", "b", "c"} {
				if strings.Contains(c.query, "$"+name) {
					vars = append(vars, name, ids[i])
				}
			}
			r := w.ask(t, agent, strings.Replace(c.query, "{", "@for(purpose: SUPPORT) {", 1), vars...)
			if strings.HasPrefix(c.query, "{") {
				r = w.ask(t, agent, "query @for(purpose: SUPPORT) "+c.query, vars...)
			}
			if got := denied(t, r); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: denied at %v, want %v\n%s", c.name, got, c.want, r.raw)
			}
			if r.Data == nil || strings.Contains(r.raw, "bob@") || strings.Contains(r.raw, "eve@") {
				t.Errorf("%s: %s", c.name, r.raw)
			}
		}
	})
}

// An answer is no longer for its denied rows than for others.
func TestDeniedRowsAreNoFlood(t *testing.T) {
	w := databases(t)[0].rewritten(t, denying...)
	for i := range 40 {
		w.put(t, "Contact", map[string]any{"firstName": fmt.Sprint(i), "email": "x@example.com", "region": "EMEA", "lastActivityAt": today})
	}
	size := func(n int) int {
		return len(w.ask(t, as("SUPPORT_AGENT"), fmt.Sprintf(`query @for(purpose: SUPPORT) { contacts(first: %d) { nodes { email } } }`, n)).raw)
	}
	if few, many := size(20), size(40); many-few != 20*len(`{"email":null},`) {
		t.Errorf("20 more rows are %d bytes", many-few)
	}
}

// What a stream tells is an answer like any other: a denied field does not end it, and its error comes with what is told.
func TestDeniedInAStream(t *testing.T) {
	w := databases(t)[0].rewritten(t, denying...)
	ada := w.put(t, "Contact", map[string]any{"firstName": "Ada", "email": "ada@example.com", "region": "EMEA"})
	id := read.EncodeID("Contact", ada)
	f := w.subscribe(t, as("SUPPORT_AGENT"), `subscription($id: ID) @for(purpose: SUPPORT) { contactChanged(id: $id) { kind node { firstName email } } }`, "id", id)
	next := func() string {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		resp, err := f.Next(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %v", resp.Data, resp.Errors)
	}
	for _, name := range []string{"Bea", "Cleo"} {
		w.set(t, as("SALES_MANAGER"), "Contact", ada, `{firstName: "`+name+`"}`)
		if got := next(); !strings.Contains(got, `"firstName":"`+name+`","email":null`) || !strings.Contains(got, "contactChanged.node.email") {
			t.Fatal(got)
		}
	}
	w.ask(t, as("PRIVACY_OFFICER"), `mutation($id: ID!) { giveConsent(input: {subject: $id, purpose: PROFILING, method: TELEPHONE, evidence: "call 7"}) { entryId } }`, "id", id).ok(t)
	if got := next(); !strings.Contains(got, `ada@example.com`) || !strings.HasSuffix(got, " ") {
		t.Fatal(got)
	}
}
