package stack_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestAWithdrawalWaitsForPagesUnderWay holds a page up between its statements: it shows what was consented to when it began, so
// the withdrawal has not succeeded before the page has left.
func TestAWithdrawalWaitsForPagesUnderWay(t *testing.T) {
	s := stack.Start(t, stack.Options{Binary: program(t), Replicas: 2, Identity: "dev"})
	a, b := s.Gateways[0], s.Gateways[1]
	manager, agent := stack.Bearer(s.DevToken(t, "--role", "SALES_MANAGER")), stack.Bearer(s.DevToken(t, "--role", "SUPPORT_AGENT"))
	ask := func(g *stack.Gateway, who stack.Credential, query string) *stack.Answer {
		t.Helper()
		got, err := g.Ask(t.Context(), who, query)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	id, _ := ask(a, manager, `mutation @for(purpose: SALES) { createContact(input: {lastName: "Byron"}) { contact { id } } }`).Dig("createContact", "contact", "id").(string)
	say := func(what string) string {
		evidence := `, evidence: "call 7"`
		if what == "withdraw" {
			evidence = ""
		}
		return fmt.Sprintf(`mutation @for(purpose: SUPPORT) { %sConsent(input: {purpose: ACCESSIBILITY, subject: %q, method: TELEPHONE%s}) { consent { given } } }`, what, id, evidence)
	}
	const needs = "a ramp"
	page := fmt.Sprintf(`query @for(purpose: SUPPORT) { contacts(where: {id: {eq: %q}}) { nodes { accessibilityNeeds tickets { nodes { title } } } } }`, id)
	conn, err := pgx.Connect(t.Context(), s.Postgres.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()

	for name, c := range map[string]struct {
		held time.Duration
		want string
	}{"until it has left": {500 * time.Millisecond, ""}, "no longer than it may": {4500 * time.Millisecond, "UNKNOWN"}} {
		t.Run(name, func(t *testing.T) {
			for _, q := range []string{say("give"), fmt.Sprintf(`mutation @for(purpose: SUPPORT) { updateContact(id: %q, input: {accessibilityNeeds: %q}) { contact { id } } }`, id, needs)} {
				if got := ask(a, agent, q); len(got.Errors) > 0 {
					t.Fatal(got.Raw)
				}
			}
			lock, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lock.Exec(t.Context(), "LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			shown, withdrawn := make(chan *stack.Answer, 1), make(chan *stack.Answer, 1)
			go func() { got, _ := b.Ask(t.Context(), agent, page); shown <- got }()
			waiting := 0
			for end := time.Now().Add(10 * time.Second); waiting == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if err := lock.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting); err != nil {
					t.Fatal(err)
				}
			}
			if waiting == 0 {
				t.Fatal("the page does not wait")
			}
			go func() { got, _ := a.Ask(t.Context(), agent, say("withdraw")); withdrawn <- got }()
			held := time.After(c.held)
			if c.want == "" {
				select {
				case got := <-withdrawn:
					t.Fatal("withdrawn while the page was under way:", got.Raw)
				case <-held:
				}
			} else if got := <-withdrawn; got == nil || strings.Join(got.Codes(), " ") != c.want || got.Dig("withdrawConsent") != nil {
				t.Errorf("want %s, got %+v", c.want, got)
			}
			if err := lock.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := <-shown; got == nil || !strings.Contains(got.Raw, needs) {
				t.Errorf("the page was not held up in the middle: %+v", got)
			}
			if c.want == "" {
				if got := <-withdrawn; got == nil || len(got.Errors) > 0 {
					t.Errorf("%+v", got)
				}
			} else if got := ask(a, agent, say("withdraw")); len(got.Errors) > 0 {
				t.Error("repeated:", got.Raw)
			}
			for _, g := range s.Gateways {
				if got := ask(g, agent, page); strings.Contains(got.Raw, needs) {
					t.Error("revealed after the withdrawal:", got.Raw)
				}
			}
		})
	}
}
