package stack

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/e2e/redis"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// Start gives the test a stack. It ends with the test, and shows its logs if the test failed. Where a service is missing the
// test is skipped, unless that is a failure here.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	postgres.Need(t)
	redis.Need(t)
	if o.Identity != "dev" {
		ory.Need(t)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, g := range s.Gateways {
				t.Logf("log of gateway %d:\n%s", i+1, tail(g.Log()))
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tail is what there is room for.
func tail(log string) string {
	const most = 64 << 10
	if len(log) <= most {
		return log
	}
	_, rest, _ := strings.Cut(log[len(log)-most:], "\n")
	return "…\n" + rest
}

// DevToken is a token of the development identity.
func (s *Stack) DevToken(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), s.options.Binary, append([]string{"dev", "token", "--data", s.data}, args...)...).Output()
	if err != nil {
		t.Fatalf("dev token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// As is a token of the development identity for a person.
func (s *Stack) As(p policy.Principal) (Credential, error) {
	dev, err := identity.NewDev(s.data)
	if err != nil {
		return nil, err
	}
	token, _, err := dev.IssueUntil(p, time.Hour)
	return Bearer(token), err
}
