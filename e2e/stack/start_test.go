package stack_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestReplicasShareOneHouse starts everything there is, writes on one replica and reads on the other.
func TestReplicasShareOneHouse(t *testing.T) {
	binary := program(t)
	s := stack.Start(t, stack.Options{Binary: binary, Replicas: 2, Identity: "dev", Links: true})
	manager := s.DevToken(t, "--role", "SALES_MANAGER")
	ask := func(g *stack.Gateway, query string) *stack.Answer {
		t.Helper()
		a, err := g.Ask(t.Context(), stack.Bearer(manager), query)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	made := ask(s.Gateways[0], `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada", lastName: "Byron", email: "ada@example.org"}) { contact { id } } }`)
	id, _ := made.Dig("createContact", "contact", "id").(string)
	read := ask(s.Gateways[1], fmt.Sprintf(`query @for(purpose: SALES) { contact(id: %q) { email } }`, id))
	if got := read.Dig("contact", "email"); got != "ada@example.org" {
		t.Errorf("created %s, read %s", made.Raw, read.Raw)
	}
	health := func(g *stack.Gateway) (string, error) {
		out, err := exec.CommandContext(t.Context(), binary, "health", "--admin", strings.TrimPrefix(g.Admin, "http://")).CombinedOutput()
		return string(out), err
	}
	if said, err := health(s.Gateways[1]); err != nil || !strings.Contains(said, "database") {
		t.Errorf("health of the second gateway: %v: %s", err, said)
	}
	if err := s.Gateways[1].Postgres.Refuse(); err != nil {
		t.Fatal(err)
	}
	if said, err := health(s.Gateways[1]); err == nil {
		t.Errorf("health without a database: %s", said)
	}
	if err := s.Gateways[1].Mend(); err != nil {
		t.Fatal(err)
	}
	if err := s.Gateways[1].AwaitReady(5 * time.Second); err != nil {
		t.Error("after the fault:", err)
	}
	if err := s.Gateways[1].Stop(); err != nil {
		t.Error("the second gateway ended badly:", err)
	}
	if err := s.Gateways[1].Start(); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Gateways[1].Ask(t.Context(), stack.Nobody, "{ __typename }"); err != nil || strings.Join(a.Codes(), " ") != "UNAUTHENTICATED" {
		t.Error("after a restart nobody gets", a, err)
	}
}
