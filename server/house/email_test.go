package house

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

func TestSubjectByEmail(t *testing.T) {
	h, err := Open(t.Context(), options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	create := func(typ, email string) {
		t.Helper()
		q := fmt.Sprintf(`mutation @for(purpose: SALES) { create%s(input: {lastName: "Lovelace", region: "EMEA", email: %q}) { __typename } }`, typ, email)
		ctx := policy.WithPrincipal(t.Context(), policy.Principal{ID: "m", Role: "SALES_MANAGER", Attrs: map[string]any{"region": "EMEA"}})
		if r := h.Gateway.Do(ctx, q, nil); len(r.Errors) > 0 {
			t.Fatal(r.Errors)
		}
	}
	create("Contact", "ada@example.org")
	create("Contact", "twice@example.org")
	create("Lead", "twice@example.org")
	ada, ok, err := h.SubjectByEmail(t.Context(), []string{"ada@example.org"})
	if err != nil || !ok || ada == uuid.Nil {
		t.Fatalf("%v %t %v", ada, ok, err)
	}
	for name, c := range map[string]struct {
		addresses []string
		want      bool
	}{
		"in other letters":           {[]string{" Ada@EXAMPLE.org "}, true},
		"beside one of nobody":       {[]string{"nobody@example.org", "ada@example.org"}, true},
		"of nobody":                  {[]string{"nobody@example.org"}, false},
		"of two people":              {[]string{"twice@example.org"}, false},
		"one's own and two people's": {[]string{"ada@example.org", "twice@example.org"}, false},
		"no address":                 {[]string{"ada"}, false},
		"a beginning":                {[]string{"ada@example.or"}, false},
		"none":                       {nil, false},
	} {
		id, ok, err := h.SubjectByEmail(t.Context(), c.addresses)
		if err != nil || ok != c.want || ok && id != ada {
			t.Errorf("%s: %v %t %v", name, id, ok, err)
		}
	}
	for role, want := range map[string][2]bool{"CUSTOMER": {true, true}, "SALES_REP": {true, false}, "NOBODY": {false, false}, "": {false, false}} {
		if known, customer := h.Kind(role); known != want[0] || customer != want[1] {
			t.Errorf("%s: %t %t", role, known, customer)
		}
	}
}
