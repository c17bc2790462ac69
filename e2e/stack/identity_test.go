package stack_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestPeopleSignIn has real people at a real Kratos ask two replicas.
func TestPeopleSignIn(t *testing.T) {
	ory.Need(t)
	binary := program(t)
	s := stack.Start(t, stack.Options{Binary: binary, Replicas: 2, Identity: "kratos", Settings: map[string]string{"documents": "open", "kratos.cache": "1s"}})
	kratos := ory.Kratos{Server: s.Kratos}
	ask := func(on int, who stack.Credential, query string) *stack.Answer {
		t.Helper()
		a, err := s.Gateways[on].Ask(t.Context(), who, query)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	role := func(name string) map[string]any { return map[string]any{"cloakroom": map[string]any{"role": name}} }
	manager := kratos.Create(t, ory.Person{Email: "manager@example.com", Public: role("SALES_MANAGER")})
	token := kratos.Token(t, manager)
	session := stack.Session(token)
	const create = `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada", lastName: "Byron", email: "ada@example.org"}) { contact { id } } }`
	made := ask(0, session, create)
	id, _ := made.Dig("createContact", "contact", "id").(string)
	if id == "" {
		t.Fatal(made.Raw)
	}
	if a := ask(1, stack.Cookie(kratos.Cookie(t, manager)), `query @for(purpose: SALES) { me { role } }`); a.Dig("me", "role") != "SALES_MANAGER" {
		t.Error("by cookie:", a.Status, a.Raw)
	}

	// A customer, by an address that is verified.
	ada := kratos.Create(t, ory.Person{Email: "ada@example.org", Verified: true, Public: role("CUSTOMER")})
	if a := ask(1, stack.Session(kratos.Token(t, ada)), fmt.Sprintf(`{ contact(id: %q) { lastName } }`, id)); a.Dig("contact", "lastName") != "Byron" {
		t.Error("a customer does not see themselves:", a.Status, a.Raw)
	}
	gpc := func(r *http.Request) { stack.Session(kratos.Token(t, ada))(r); r.Header.Set("Sec-GPC", "1") }
	const consents = `{ me { consents { purpose given last { decision method actor } } } }`
	if a := ask(0, gpc, consents); strings.Count(a.Raw, `"last":{"decision":"WITHDRAW","method":"GPC","actor":"system"}`) < 2 {
		t.Error("a customer's browser opts out for them:", a.Status, a.Raw)
	}
	if a := ask(1, stack.Session(kratos.Token(t, ada)), consents); strings.Count(a.Raw, `"GPC"`) < 2 {
		t.Error("without the header, on another gateway:", a.Status, a.Raw)
	}
	stranger := kratos.Create(t, ory.Person{Email: "eve@example.org", Verified: true, Public: role("CUSTOMER")})
	if a := ask(1, stack.Session(kratos.Token(t, stranger)), `{ me { role } }`); a.Status != 403 {
		t.Error("a customer nobody knows:", a.Status, a.Raw)
	}

	// What does harm needs a second factor, and the person is told where.
	remove := fmt.Sprintf(`mutation @for(purpose: SALES) { deleteContact(id: %q) { deletedId } }`, id)
	refused := ask(0, session, remove)
	if strings.Join(refused.Codes(), " ") != "STEP_UP_REQUIRED" || !strings.Contains(refused.Raw, "/self-service/login/browser?aal=aal2") {
		t.Error("deleted with one factor:", refused.Raw)
	}
	kratos.StepUp(t, manager, token)
	if a := ask(0, session, remove); a.Dig("deleteContact", "deletedId") != id {
		t.Error("not deleted with two:", a.Raw)
	}

	if a := ask(1, stack.Session(kratos.Token(t, ada)), `{ me { role } }`); a.Status != 403 {
		t.Error("her record is gone, and she is still somebody:", a.Status, a.Raw)
	}

	// A session that Kratos ended is over on every replica within the time it is remembered.
	for on := range s.Gateways {
		if a := ask(on, session, `query @for(purpose: SALES) { me { role } }`); a.Status != 200 {
			t.Error(a.Status, a.Raw)
		}
	}
	kratos.Revoke(t, manager)
	time.Sleep(1100 * time.Millisecond)
	for on := range s.Gateways {
		if a := ask(on, session, `query @for(purpose: SALES) { me { role } }`); a.Status != 401 || strings.Join(a.Codes(), " ") != "UNAUTHENTICATED" {
			t.Error("a revoked session:", a.Status, a.Raw)
		}
	}

	// Without Kratos nobody is let in.
	other := kratos.Token(t, manager)
	kratos.Stop(t)
	if a := ask(0, stack.Session(other), `query @for(purpose: SALES) { me { role } }`); a.Status != 503 || strings.Join(a.Codes(), " ") != "UNAVAILABLE" {
		t.Error("without Kratos:", a.Status, a.Raw)
	}
	out, err := exec.CommandContext(t.Context(), binary, "health", "--admin", strings.TrimPrefix(s.Gateways[0].Admin, "http://")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "kratos") {
		t.Errorf("health without Kratos: %v: %s", err, out)
	}
	kratos.Restart(t)
	if a := ask(0, stack.Session(other), `query @for(purpose: SALES) { me { role } }`); a.Dig("me", "role") != "SALES_MANAGER" {
		t.Error("with Kratos again:", a.Status, a.Raw)
	}
}
