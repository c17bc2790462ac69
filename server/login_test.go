package server

import (
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func TestWhereAStepUpIsMade(t *testing.T) {
	fresh := ir.Duration(15 * time.Minute)
	for name, c := range map[string]struct {
		config          Config
		need            ir.StepUp
		browser, native string
	}{
		"a second factor": {Config{Identity: "kratos", Kratos: Kratos{URL: "https://id.example.com"}}, ir.StepUp{AAL: 2},
			"https://id.example.com/self-service/login/browser?aal=aal2", "https://id.example.com/self-service/login/api?aal=aal2"},
		"anew": {Config{Identity: "kratos", Kratos: Kratos{URL: "https://id.example.com/"}}, ir.StepUp{FreshWithin: fresh},
			"https://id.example.com/self-service/login/browser?refresh=true", "https://id.example.com/self-service/login/api?refresh=true"},
		"both, on a page of one's own": {Config{Identity: "kratos", Kratos: Kratos{URL: "http://kratos:4433", Login: "https://crm.example.com/login?lang=en"}}, ir.StepUp{AAL: 2, FreshWithin: fresh},
			"https://crm.example.com/login?aal=aal2&lang=en&refresh=true", ""},
	} {
		got := c.config.SignIn()(t.Context(), c.need)
		if got["browser"] != c.browser || got["native"] != c.native {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (Config{Identity: "dev", Kratos: Kratos{URL: "https://id.example.com"}}).SignIn() != nil {
		t.Error("the development identity sends people to Kratos")
	}
}
