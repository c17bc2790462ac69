package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// TestPrincipalsPrintNothing tries every way to print one.
func TestPrincipalsPrintNothing(t *testing.T) {
	p := policy.Principal{ID: "canary", Role: "SALES_REP", Attrs: map[string]any{"team": "canary"}, Subject: uuid.New()}
	var text, js bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
		slog.New(h).Info("x", "a", p, "b", &p, "c", []policy.Principal{p})
	}
	raw, err := json.Marshal(map[string]any{"p": p, "q": &p})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v", p, p, p, p, p, p, &p, []any{p}, struct{ P policy.Principal }{p}) + text.String() + js.String() + string(raw)
	for _, secret := range []string{"canary", p.Subject.String()} {
		if strings.Contains(printed, secret) {
			t.Errorf("%s is printed:\n%s", secret, printed)
		}
	}
}
