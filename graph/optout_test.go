package graph_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
)

// leaving gives the world a gateway with links that lead to an origin.
func (w *world) leaving(t *testing.T, origin string) *optout.Links {
	t.Helper()
	links, err := optout.New(w.Schema(), []byte(strings.Repeat("l", 32)), origin)
	if err != nil {
		t.Fatal(err)
	}
	w.change = func(c *graph.Config) { c.Leaving = links }
	w.Gateway = w.gateway(t, w.Schema())
	return links
}

const linksFor = `query($ids: [ID!]!) @for(purpose: MARKETING) { nodes(ids: $ids) { id } unsubscribeLinks(ids: $ids) { id url listUnsubscribe listUnsubscribePost } }`

// tokenIn is what a link gives to the server.
func tokenIn(t *testing.T, link any) string {
	t.Helper()
	u, err := url.Parse(link.(string))
	if err != nil || u.Scheme+"://"+u.Host != "https://crm.example.com" || u.Path != optout.Path {
		t.Fatalf("%v, %v", link, err)
	}
	return u.Query().Get("t")
}

func TestOneClickOptsOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.leaving(t, "https://crm.example.com")
		ada, id := w.person(t, "Ada")
		bob, other := w.person(t, "Bob")
		said := func(p policy.Principal) (lines []string, given bool) {
			r := w.ask(t, p, `{ consents { purpose given } consentHistory { nodes { decision purpose method actor } } }`).ok(t)
			for _, n := range r.at("consentHistory.nodes").([]any) {
				line := n.(map[string]any)
				lines = append(lines, strings.Join([]string{line["decision"].(string), line["purpose"].(string), line["method"].(string), line["actor"].(string)}, " "))
			}
			for _, c := range r.at("consents").([]any) {
				if c.(map[string]any)["purpose"] == "MARKETING" {
					given = c.(map[string]any)["given"].(bool)
				}
			}
			return lines, given
		}
		give := func() {
			w.ask(t, ada, `mutation { giveConsent(input: {purpose: MARKETING}) { entryId } }`).ok(t)
		}
		leave := func(token string) {
			t.Helper()
			if p, err := w.Leave(t.Context(), token); err != nil || p.Name != "MARKETING" {
				t.Fatal(p, err)
			}
		}
		give()
		r := w.ask(t, as("MARKETER"), linksFor, "ids", []string{id, other}).ok(t)
		token := tokenIn(t, r.at("unsubscribeLinks.0.url"))
		if r.at("unsubscribeLinks.0.id") != id || r.at("unsubscribeLinks.0.listUnsubscribe") != "<"+r.at("unsubscribeLinks.0.url").(string)+">" || r.at("unsubscribeLinks.0.listUnsubscribePost") != "List-Unsubscribe=One-Click" {
			t.Error(r.raw)
		}
		if p, err := w.Leaving(token); err != nil || p.Name != "MARKETING" {
			t.Fatal(p, err)
		}
		if lines, given := said(ada); !given || len(lines) != 1 {
			t.Error("looking at a link decides something:", lines)
		}
		const gave, left = "GIVE MARKETING PORTAL subject", "WITHDRAW MARKETING UNSUBSCRIBE subject"
		for range 2 { // the second click says nothing new
			leave(token)
			if lines, given := said(ada); given || !slices.Equal(lines, []string{gave, left}) {
				t.Error(lines)
			}
		}
		give()
		leave(token)
		if lines, given := said(ada); given || !slices.Equal(lines, []string{gave, left, gave, left}) {
			t.Error("whoever comes back can leave again:", lines)
		}
		leave(tokenIn(t, r.at("unsubscribeLinks.1.url")))
		if lines, _ := said(bob); !slices.Equal(lines, []string{left}) {
			t.Error("whoever never agreed is heard all the same:", lines)
		}
		w.proven(t)
	})
}

// A link is made for whomever the viewer sees for its purpose, and for nobody else.
func TestLinksAreForWhoIsSeen(t *testing.T) {
	w := first(t)
	links := w.leaving(t, "https://crm.example.com")
	_, ada := w.person(t, "Ada")
	account := read.EncodeID("Account", w.put(t, "Account", map[string]any{"name": "Acme"}))
	_, gone := w.person(t, "Eve")
	_, row, _ := read.DecodeID(gone)
	w.setState(t, "Contact", row, policy.Restricted)
	all := []string{ada, account, gone, read.EncodeID("Contact", uuid.New()), "x", ada}
	r := w.ask(t, as("MARKETER"), linksFor, "ids", all).ok(t)
	for i, node := range r.at("nodes").([]any) {
		link := r.at("unsubscribeLinks").([]any)[i]
		if want := node != nil && all[i] != account; (link != nil) != want {
			t.Errorf("%d: record %v, link %v", i, node, link)
		}
	}
	if again := w.ask(t, as("MARKETER"), linksFor, "ids", all).ok(t); r.at("unsubscribeLinks.0.url") == again.at("unsubscribeLinks.0.url") {
		t.Error("two links of one person show that they are of one person")
	}
	if r.at("nodes.0") == nil || r.at("nodes.2") != nil {
		t.Error("the test shows nothing:", r.raw)
	}
	if r := w.ask(t, as("SUPPORT_AGENT"), strings.Replace(linksFor, "MARKETING", "SUPPORT", 1), "ids", all); r.code() != read.CodeBadInput {
		t.Error(r.raw)
	}
	for _, token := range []string{"", "x", strings.Repeat("A", 60), tokenIn(t, r.at("unsubscribeLinks.0.url"))[1:]} {
		if _, err := w.Leaving(token); !errors.Is(err, graph.ErrVoid) {
			t.Errorf("%q: %v", token, err)
		}
		if _, err := w.Leave(t.Context(), token); !errors.Is(err, graph.ErrVoid) {
			t.Errorf("%q: %v", token, err)
		}
	}
	nobody, _ := links.URL(uuid.New(), w.Schema().Purpose("MARKETING"))
	if p, err := w.Leave(t.Context(), tokenIn(t, nobody)); err != nil || p == nil {
		t.Error("of somebody who is not there:", err)
	}
	if n := w.rows(t, `SELECT count(*) FROM consent_entries`); n != 0 {
		t.Errorf("%d lines", n)
	}
	w.leaving(t, "")
	if r := w.ask(t, as("MARKETER"), linksFor, "ids", all); r.code() != read.CodeUnavailable || !strings.Contains(r.raw, "public-url") {
		t.Error(r.raw)
	}
}
