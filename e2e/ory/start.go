package ory

import (
	"context"
	"errors"
	"net/http"
	"os"
	"testing"
)

// Kratos is a server of a test: what Server can do, failing the test where it does not work.
type Kratos struct{ *Server }

// Start gives the test a server. It ends with the test.
func Start(t testing.TB) Kratos {
	t.Helper()
	s, err := Open(Options{})
	missed(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Kratos:\n%s", s.Log())
		}
		if err := s.Close(); err != nil {
			t.Errorf("end Kratos: %v", err)
		}
	})
	return Kratos{s}
}

// Need skips the test where there is no Kratos to start, unless that is a failure here.
func Need(t testing.TB) {
	t.Helper()
	_, err := Binary()
	missed(t, err)
}

func missed(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errNoBinary) && os.Getenv(requireVariable) != "1":
		t.Skipf("Kratos is not tested: %v; %s", err, remedy)
	case err != nil:
		t.Fatalf("%v; %s", err, remedy)
	}
}

// Create enters a person.
func (k Kratos) Create(t testing.TB, p Person) *Identity {
	t.Helper()
	return must(k.Server.Create(ctx(t), p))(t)
}

// Token signs somebody in as a program does, and returns the session token.
func (k Kratos) Token(t testing.TB, i *Identity) string {
	t.Helper()
	return must(k.Server.Token(ctx(t), i))(t)
}

// Cookie signs somebody in as a browser does.
func (k Kratos) Cookie(t testing.TB, i *Identity) *http.Cookie {
	t.Helper()
	return must(k.Server.Cookie(ctx(t), i))(t)
}

// TokenByMail signs somebody in with the code they are sent.
func (k Kratos) TokenByMail(t testing.TB, i *Identity) string {
	t.Helper()
	return must(k.Server.TokenByMail(ctx(t), i))(t)
}

// StepUpCookie proves the second factor in a browser, and returns the cookie it has then. StepUp came before.
func (k Kratos) StepUpCookie(t testing.TB, i *Identity, cookie *http.Cookie) *http.Cookie {
	t.Helper()
	return must(k.Server.StepUpCookie(ctx(t), i, cookie))(t)
}

// StepUp proves the second factor for a session: its token is AAL2 from here on.
func (k Kratos) StepUp(t testing.TB, i *Identity, token string) {
	t.Helper()
	check(t, k.Server.StepUp(ctx(t), i, token))
}

// Revoke ends all sessions of a person.
func (k Kratos) Revoke(t testing.TB, i *Identity) {
	t.Helper()
	check(t, k.Server.Revoke(ctx(t), i))
}

// Stop ends the server.
func (k Kratos) Stop(t testing.TB) { t.Helper(); check(t, k.Server.Stop()) }

// Restart ends it and starts it again. It knows what it knew.
func (k Kratos) Restart(t testing.TB) { t.Helper(); k.Stop(t); check(t, k.Server.Start()) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// ctx is the test's, which clean-ups outlive.
func ctx(t testing.TB) context.Context { return context.WithoutCancel(t.Context()) }
