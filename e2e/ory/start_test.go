package ory_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	kratos "github.com/ory/kratos-client-go"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
)

// whoami asks as the gateway would.
func whoami(t *testing.T, k ory.Kratos, token string, cookie *http.Cookie) *kratos.Session {
	t.Helper()
	c := kratos.NewConfiguration()
	c.Servers = kratos.ServerConfigurations{{URL: k.Public}}
	ask := kratos.NewAPIClient(c).FrontendAPI.ToSession(t.Context())
	if cookie != nil {
		ask = ask.Cookie(cookie.String())
	} else {
		ask = ask.XSessionToken(token)
	}
	s, resp, err := ask.Execute()
	if resp != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil
	}
	return s
}

func TestPeopleSignIn(t *testing.T) {
	k := ory.Start(t)
	ada := k.Create(t, ory.Person{Email: "ada@example.org", Name: "Ada", Verified: true,
		Public: map[string]any{"cloakroom_role": "SUPPORT_AGENT"}, Admin: map[string]any{"note": "not for her"}})

	token := k.Token(t, ada)
	s := whoami(t, k, token, nil)
	if s == nil || s.Identity.Id != ada.ID || s.GetAuthenticatorAssuranceLevel() != "aal1" || !s.Identity.VerifiableAddresses[0].Verified {
		t.Fatalf("by token: %+v", s)
	}
	if public, _ := s.Identity.MetadataPublic.(map[string]any); public["cloakroom_role"] != "SUPPORT_AGENT" || s.Identity.MetadataAdmin != nil {
		t.Errorf("metadata: %v, %v", s.Identity.MetadataPublic, s.Identity.MetadataAdmin)
	}
	cookie := k.Cookie(t, ada)
	if s := whoami(t, k, "", cookie); s == nil || s.Identity.Id != ada.ID || s.GetAuthenticatorAssuranceLevel() != "aal1" {
		t.Errorf("by cookie: %+v", s)
	}

	k.StepUp(t, ada, token)
	if s := whoami(t, k, token, nil); s == nil || s.GetAuthenticatorAssuranceLevel() != "aal2" {
		t.Errorf("after stepping up: %+v", s)
	}
	again := k.Token(t, ada)
	if s := whoami(t, k, again, nil); s == nil || s.GetAuthenticatorAssuranceLevel() != "aal1" {
		t.Errorf("a new session: %+v", s)
	}
	k.StepUp(t, ada, again)
	cookie = k.StepUpCookie(t, ada, cookie)
	if s := whoami(t, k, "", cookie); s == nil || s.GetAuthenticatorAssuranceLevel() != "aal2" {
		t.Errorf("after stepping up in a browser: %+v", s)
	}

	k.Restart(t)
	if s := whoami(t, k, token, nil); s == nil || s.GetAuthenticatorAssuranceLevel() != "aal2" {
		t.Errorf("after a restart: %+v", s)
	}
	k.Revoke(t, ada)
	if s := whoami(t, k, token, nil); s != nil {
		t.Error("a revoked session is worth something")
	}
	if s := whoami(t, k, "", cookie); s != nil {
		t.Error("a revoked cookie is worth something")
	}
}

func TestACodeByMail(t *testing.T) {
	k := ory.Start(t)
	bob := k.Create(t, ory.Person{Email: "bob@example.org"})
	token := k.TokenByMail(t, bob)
	s := whoami(t, k, token, nil)
	if s == nil || s.Identity.Id != bob.ID {
		t.Fatalf("%+v", s)
	}
	// Whoever reads the mail has shown whose address it is.
	if !s.Identity.VerifiableAddresses[0].Verified {
		t.Error("the address is not verified")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if m, err := k.Mail.Wait(ctx, "bob@example.org"); err != nil || m.Text == "" {
		t.Error(m, err)
	}
	k.Stop(t)
	if s := whoami(t, k, token, nil); s != nil {
		t.Error("somebody answers")
	}
}
