package stack_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestReplicasAreOneServer asks two replicas what only holds where they share it. That a session ended at one is over at the
// other is TestAnEndedSessionIsOverEverywhereAtOnce.
func TestReplicasAreOneServer(t *testing.T) {
	const rate = 30 // points a minute
	s := stack.Start(t, stack.Options{Binary: program(t), Replicas: 2, Identity: "dev", Settings: map[string]string{"limits.roles": fmt.Sprint("ANALYST=", rate)}})
	a, b := s.Gateways[0], s.Gateways[1]
	manager := stack.Bearer(s.DevToken(t, "--role", "SALES_MANAGER"))
	send := func(t *testing.T, g *stack.Gateway, who stack.Credential, r stack.Request) *stack.Answer {
		t.Helper()
		got, err := g.Send(t.Context(), who, r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	keyed := func(key string) stack.Credential {
		return func(r *http.Request) { manager(r); r.Header.Set("Idempotency-Key", key) }
	}
	create := func(email string) stack.Request {
		return stack.Request{Query: fmt.Sprintf(`mutation @for(purpose: SALES) { createContact(input: {email: %q}) { contact { id } } }`, email)}
	}
	count := func(t *testing.T, email string) any {
		t.Helper()
		return send(t, a, manager, stack.Request{Query: fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {email: {eq: %q}}) { totalCount } }`, email)}).Dig("contacts", "totalCount")
	}

	t.Run("a document registered by one is known to the other", func(t *testing.T) {
		manifest := filepath.Join(t.TempDir(), "manifest.json")
		if err := os.WriteFile(manifest, []byte(`[{"id": "who-am-i", "text": "query @for(purpose: SALES) { me { role } }"}]`), 0o600); err != nil {
			t.Fatal(err)
		}
		named := stack.Request{Document: "who-am-i"}
		for _, g := range s.Gateways {
			if got := send(t, g, manager, named); strings.Join(got.Codes(), " ") != "PERSISTED_QUERY_NOT_FOUND" {
				t.Fatal(got.Raw)
			}
		}
		for _, c := range []struct{ command, want string }{{"add", "SALES_MANAGER"}, {"remove", ""}} {
			args := map[string][]string{"add": {"documents", "add", manifest}, "remove": {"documents", "remove", named.Document}}[c.command]
			if out, err := a.Command(t.Context(), args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, g := range s.Gateways {
				for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
					role, _ := send(t, g, manager, named).Dig("me", "role").(string)
					if role == c.want {
						break
					}
					if time.Now().After(end) {
						t.Fatalf("%s is not noticed", c.command)
					}
				}
			}
		}
	})

	t.Run("a mutation repeated at the other is carried out once", func(t *testing.T) {
		r := create("once@example.org")
		first, second := send(t, a, keyed("once"), r), send(t, b, keyed("once"), r)
		if id := first.Dig("createContact", "contact", "id"); id == nil || second.Dig("createContact", "contact", "id") != id {
			t.Errorf("first %s, then %s", first.Raw, second.Raw)
		}
		if got := send(t, b, keyed("once"), create("other@example.org")); strings.Join(got.Codes(), " ") != "IDEMPOTENCY_MISMATCH" {
			t.Error("another request with the same key:", got.Raw)
		}
		if n := count(t, "once@example.org"); n != 1.0 {
			t.Error("written", n)
		}
	})

	t.Run("a mutation sent to both at once is carried out once", func(t *testing.T) {
		r := create("both@example.org")
		var all sync.WaitGroup
		answers := make([]*stack.Answer, 16)
		for i := range answers {
			all.Go(func() { answers[i], _ = s.Gateways[i%2].Send(t.Context(), keyed("both"), r) })
		}
		all.Wait()
		ids := map[any]int{}
		for _, got := range answers {
			if got == nil || len(got.Errors) > 0 && strings.Join(got.Codes(), " ") != "UNAVAILABLE" {
				t.Errorf("%+v", got)
				continue
			}
			ids[got.Dig("createContact", "contact", "id")]++
		}
		if n := count(t, "both@example.org"); n != 1.0 || len(ids) > 2 || len(ids) == 2 && ids[nil] == 0 {
			t.Errorf("written %v times, answered %v", n, ids)
		}
	})

	t.Run("what is asked of one is spent at the other", func(t *testing.T) {
		analyst := stack.Bearer(s.DevToken(t, "--role", "ANALYST"))
		began, answered := time.Now(), 0
		for ; ; answered++ {
			got := send(t, s.Gateways[answered%2], analyst, stack.Request{Query: `query @for(purpose: ANALYTICS) { me { role } }`})
			if strings.Join(got.Codes(), " ") == "RATE_LIMITED" {
				break
			}
			if got.Dig("me", "role") != "ANALYST" || answered > 10*rate {
				t.Fatal(answered, got.Raw)
			}
		}
		earned := int(time.Since(began).Minutes()*rate) + 1
		if answered < rate/2 || answered > rate+earned {
			t.Errorf("%d points of %d and %d earned meanwhile", answered, rate, earned)
		}
	})

	t.Run("a subscription at one hears of the other", func(t *testing.T) {
		made := send(t, a, manager, create("heard@example.org"))
		id, _ := made.Dig("createContact", "contact", "id").(string)
		stream, err := a.Subscribe(t.Context(), manager, fmt.Sprintf(`subscription @for(purpose: SALES) { contactChanged(id: %q) { kind node { lastName } } }`, id))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		began := time.Now()
		if got := send(t, b, manager, stack.Request{Query: fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {lastName: "Byron"}) { contact { id } } }`, id)}); len(got.Errors) > 0 {
			t.Fatal(got.Raw)
		}
		for ; len(stream.Told()) == 0; time.Sleep(time.Millisecond) {
			if time.Since(began) > 2*time.Second {
				t.Fatal("told nothing")
			}
		}
		if got := stream.Told()[0]; got.Dig("contactChanged", "node", "lastName") != "Byron" || got.Dig("contactChanged", "kind") != "UPDATED" {
			t.Error(got.Raw)
		}
		t.Logf("told after %s", time.Since(began).Round(time.Millisecond))
	})
}
