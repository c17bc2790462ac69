package stack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestAnEndedSessionIsOverEverywhereAtOnce has replicas that believe a session for a minute.
func TestAnEndedSessionIsOverEverywhereAtOnce(t *testing.T) {
	ory.Need(t)
	binary := program(t)
	s := stack.Start(t, stack.Options{Binary: binary, Replicas: 2, Identity: "kratos", Settings: map[string]string{"documents": "open", "kratos.cache": "1m"}})
	kratos := ory.Kratos{Server: s.Kratos}
	manager := kratos.Create(t, ory.Person{Email: "manager@example.com", Public: map[string]any{"cloakroom": map[string]any{"role": "SALES_MANAGER"}}})
	status := func(on int, who stack.Credential) int {
		t.Helper()
		a, err := s.Gateways[on].Ask(t.Context(), who, `query @for(purpose: SALES) { me { role } }`)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	signOut := func(on int, who stack.Credential) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Gateways[on].URL+"/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		who(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	// over waits for a notice to arrive, and no longer: each look-up would be believed for a minute.
	over := func(how string, who stack.Credential) {
		t.Helper()
		for on := range s.Gateways {
			for end := time.Now().Add(time.Second); status(on, who) != 401; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: replica %d still answers", how, on)
				}
			}
		}
	}
	for how, who := range map[string]stack.Credential{"token": stack.Session(kratos.Token(t, manager)), "cookie": stack.Cookie(kratos.Cookie(t, manager))} {
		if a, b := status(0, who), status(1, who); a != 200 || b != 200 {
			t.Fatal(how, a, b)
		}
		if got := signOut(0, who); got != 204 {
			t.Fatalf("sign out by %s: %d", how, got)
		}
		over(how, who)
		if got := signOut(1, who); got != 401 {
			t.Errorf("sign out by %s twice: %d", how, got)
		}
	}
	if got := signOut(0, stack.Nobody); got != 401 {
		t.Errorf("nobody signs out: %d", got)
	}

	who := stack.Session(kratos.Token(t, manager))
	if a, b := status(0, who), status(1, who); a != 200 || b != 200 {
		t.Fatal(a, b)
	}
	out, err := s.Gateways[0].Command(t.Context(), "sessions", "revoke", manager.ID, "--kratos.admin", s.Kratos.Admin).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "servers were told") {
		t.Fatalf("%v: %s", err, out)
	}
	over("command", who)
	if out, err := s.Gateways[0].Command(t.Context(), "sessions", "revoke", "8f3c3b1e-6f2b-4c7e-9a51-6d2f4c1b7e90", "--kratos.admin", s.Kratos.Admin).CombinedOutput(); err == nil || !strings.Contains(string(out), "no identity and no session") {
		t.Errorf("somebody who is not: %v: %s", err, out)
	}
}
