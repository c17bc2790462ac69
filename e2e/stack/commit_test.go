package stack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestAWriteThatBreaksAtItsCommit has PostgreSQL carry out what a gateway asks, and the gateway never learn of it.
func TestAWriteThatBreaksAtItsCommit(t *testing.T) {
	s := stack.Start(t, stack.Options{Binary: program(t), Replicas: 2, Identity: "dev", Links: true})
	here, sound := s.Gateways[0], s.Gateways[1]
	manager := stack.Bearer(s.DevToken(t, "--role", "SALES_MANAGER"))
	ask := func(g *stack.Gateway, key, query string) *stack.Answer {
		t.Helper()
		a, err := g.Ask(t.Context(), func(r *http.Request) {
			manager(r)
			if key != "" {
				r.Header.Set("Idempotency-Key", key)
			}
		}, "mutation @for(purpose: SALES) "+query)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	count := func(email string) any {
		t.Helper()
		a, err := sound.Ask(t.Context(), manager, fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {email: {eq: %q}}) { totalCount } }`, email))
		if err != nil {
			t.Fatal(err)
		}
		return a.Dig("contacts", "totalCount")
	}
	id, _ := ask(sound, "", `{ createContact(input: {lastName: "Byron"}) { contact { id } } }`).Dig("createContact", "contact", "id").(string)
	doomed, _ := ask(sound, "", `{ createContact(input: {lastName: "Doomed"}) { contact { id } } }`).Dig("createContact", "contact", "id").(string)
	update := fmt.Sprintf(`{ updateContact(id: %q, input: {lastName: "Lovelace"}) { contact { lastName } } }`, id)
	create := func(email string) string {
		return fmt.Sprintf(`{ createContact(input: {email: %q}) { contact { id } } }`, email)
	}
	stream, err := sound.Subscribe(t.Context(), manager, fmt.Sprintf(`subscription @for(purpose: SALES) { contactChanged(id: %q) { node { lastName } } }`, id))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()

	if err := here.Postgres.Swallow("COMMIT\x00"); err != nil {
		t.Fatal(err)
	}
	for key, query := range map[string]string{"create": create("keyed@example.org"), "": create("plain@example.org"), "update": update} {
		if a := ask(here, key, query); strings.Join(a.Codes(), " ") != "UNKNOWN" || a.Dig("createContact") != nil || a.Dig("updateContact") != nil {
			t.Errorf("%s: %s", query, a.Raw)
		}
	}
	// What leaves a trace is looked for: it was done, and that is the answer.
	for query, who := range map[string]stack.Credential{
		fmt.Sprintf(`mutation @for(purpose: SALES) { deleteContact(id: %q) { deletedId } }`, doomed):                                                              stack.Bearer(s.DevToken(t, "--role", "SALES_MANAGER", "--aal", "2")),
		fmt.Sprintf(`mutation @for(purpose: SUPPORT) { withdrawConsent(input: {purpose: MARKETING, subject: %q, method: TELEPHONE}) { consent { given } } }`, id): stack.Bearer(s.DevToken(t, "--role", "SUPPORT_AGENT"))} {
		if a, err := here.Ask(t.Context(), who, query); err != nil || len(a.Errors) > 0 {
			t.Errorf("%s: %+v %v", query, a, err)
		}
	}
	if err := here.Mend(); err != nil {
		t.Fatal(err)
	}
	if err := here.AwaitReady(recovers); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"keyed@example.org", "plain@example.org"} {
		if n := count(email); n != 1.0 {
			t.Fatalf("%s was written %v times, so no commit was swallowed", email, n)
		}
	}
	if a := ask(here, "create", create("keyed@example.org")); a.Dig("createContact", "contact", "id") == nil || count("keyed@example.org") != 1.0 {
		t.Errorf("repeated: %s, and written %v times", a.Raw, count("keyed@example.org"))
	}
	for end := time.Now().Add(recovers); len(stream.Told()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody is told of what was done")
		}
	}
	if a := stream.Told()[0]; a.Dig("contactChanged", "node", "lastName") != "Lovelace" {
		t.Error("told", a.Raw)
	}
}
