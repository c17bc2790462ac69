package graph_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// said is where somebody stands towards a purpose, and what they said last.
type said struct {
	Given, Objected         bool
	Decision, Method, Actor string
}

func (w *world) said(t testing.TB, who policy.Principal, purpose string) said {
	t.Helper()
	r := w.ask(t, who, `{ me { consents { purpose given objected last { decision method actor } } } }`).ok(t)
	all, _ := r.at("me.consents").([]any)
	for _, one := range all {
		c := one.(map[string]any)
		if c["purpose"] != purpose {
			continue
		}
		s := said{Given: c["given"] == true, Objected: c["objected"] == true}
		if last, ok := c["last"].(map[string]any); ok {
			s.Decision, s.Method, s.Actor = fmt.Sprint(last["decision"]), fmt.Sprint(last["method"]), fmt.Sprint(last["actor"])
		}
		return s
	}
	t.Fatalf("%s is not among %s", purpose, r.raw)
	return said{}
}

func (w *world) lines(t testing.TB, who policy.SubjectID) (n int) {
	t.Helper()
	if err := w.store.DB.QueryRow(`SELECT count(*) FROM consent_entries WHERE subject_id = '` + who.String() + `'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASignalOptsOutOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		person := policy.Principal{ID: "ada", Role: "CUSTOMER", Subject: id}
		signal := func(g *graph.Gateway, s consent.Signal) {
			t.Helper()
			if err := g.OptOut(t.Context(), id, s); err != nil {
				t.Fatal(err)
			}
		}
		w.ask(t, person, `mutation { giveConsent(input: {purpose: MARKETING}) { consent { given } } }`).ok(t)
		signal(w.Gateway, consent.GlobalPrivacyControl)
		for purpose, want := range map[string]said{
			"MARKETING":     {Decision: "WITHDRAW", Method: "GPC", Actor: "system"}, // it was given
			"PROFILING":     {Decision: "WITHDRAW", Method: "GPC", Actor: "system"}, // it never was
			"ACCESSIBILITY": {},
			"ANALYTICS":     {},
		} {
			if got := w.said(t, person, purpose); got != want {
				t.Errorf("%s: %+v, want %+v", purpose, got, want)
			}
		}
		if got := w.ask(t, as("MARKETER"), fmt.Sprintf(people, "MARKETING")).ok(t).at("contacts.nodes.0.email"); got == "ada@example.com" {
			t.Error("what she opted out of is shown")
		}

		// Whatever she decides herself after that holds, on this gateway and on one that remembers nothing.
		w.ask(t, person, `mutation { giveConsent(input: {purpose: MARKETING}) { consent { given } } }`).ok(t)
		w.now = w.now.Add(time.Minute)
		another := w.gateway(t, w.Schema())
		w.now = w.now.Add(48 * time.Hour)
		for _, g := range []*graph.Gateway{w.Gateway, another, w.gateway(t, w.Schema())} {
			signal(g, consent.GlobalPrivacyControl)
		}
		if got := w.said(t, person, "MARKETING"); !got.Given || got.Method != "PORTAL" {
			t.Errorf("her own word does not hold: %+v", got)
		}
		all := len(consent.GlobalPrivacyControl.Of(w.Schema())) + 2
		if n := w.lines(t, id); n != all {
			t.Errorf("%d lines, want %d", n, all)
		}

		// A purpose that heeds the signal from the next version on is recorded then, and what is open to objection is objected to.
		later := *w.Schema()
		later.Purposes = nil
		for _, p := range w.Schema().Purposes {
			more := *p
			if more.Name == "ANALYTICS" {
				more.OptOut = []string{"DNT", "GPC"}
			}
			later.Purposes = append(later.Purposes, &more)
		}
		signal(w.gateway(t, &later), consent.GlobalPrivacyControl)
		if got, want := w.said(t, person, "ANALYTICS"), (said{Objected: true, Decision: "OBJECT", Method: "GPC", Actor: "system"}); got != want || w.lines(t, id) != all+1 {
			t.Errorf("a purpose that is marked later: %+v, %d lines", got, w.lines(t, id))
		}

		// There is no record of a stranger, and no reason not to answer.
		if err := w.OptOut(t.Context(), uuid.New(), consent.GlobalPrivacyControl); err != nil {
			t.Error(err)
		}
	})
}

func TestASignalIsRecordedOnceHoweverManyCome(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.put(t, "Contact", ada)
		gateways := []*graph.Gateway{w.Gateway, w.gateway(t, w.Schema())}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				if err := gateways[i%2].OptOut(t.Context(), id, consent.GlobalPrivacyControl); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := w.lines(t, id); n != len(consent.GlobalPrivacyControl.Of(w.Schema())) {
			t.Errorf("%d lines, want one for each purpose", n)
		}
	})
}

// Whoever was heard costs no query, and whoever cannot be is not answered.
func TestASignalIsRememberedAndNeverForgotten(t *testing.T) {
	w := databases(t)[0].open(t)
	id, other := w.put(t, "Contact", ada), w.put(t, "Contact", map[string]any{"firstName": "Grace", "email": "grace@example.org", "lastActivityAt": today})
	if err := w.OptOut(t.Context(), id, consent.GlobalPrivacyControl); err != nil {
		t.Fatal(err)
	}
	away := func(fn func(ctx context.Context)) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a database that does not answer
		fn(ctx)
	}
	away(func(ctx context.Context) {
		if err := w.OptOut(ctx, id, consent.GlobalPrivacyControl); err != nil {
			t.Error("a query of whom was heard:", err)
		}
		if err := w.OptOut(ctx, other, consent.GlobalPrivacyControl); err == nil {
			t.Error("nothing is recorded, and it is said to be")
		}
		if err := w.OptOut(ctx, other, consent.Signal{Name: "MOON", Method: consent.GPC}); err != nil {
			t.Error("a query of a signal that nothing heeds:", err)
		}
	})
}
