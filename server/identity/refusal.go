package identity

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Refusal is why a request is not answered, in words for its sender: they name no credential and nobody.
type Refusal struct {
	Status int
	Err    *read.Error
	cause  error // for the log
}

func (r *Refusal) Error() string { return r.Err.Message }

// Unwrap returns what clients are told, so that streams tell the same as answers, and what happened, of which they learn
// nothing.
func (r *Refusal) Unwrap() []error {
	if r.cause == nil {
		return []error{r.Err}
	}
	return []error{r.Err, r.cause}
}

// Refusals that carry nothing of a request.
var (
	errManyCredentials = refusal(http.StatusUnauthorized, read.CodeUnauthenticated, "send one credential: a session cookie, X-Session-Token or Authorization, and each once")
	errNoCredential    = refusal(http.StatusUnauthorized, read.CodeUnauthenticated, "sign in: send the session cookie, X-Session-Token: …, or Authorization: Bearer …")
	errNoSession       = refusal(http.StatusUnauthorized, read.CodeUnauthenticated, "the session is over, was revoked, or never was: sign in again")
	errCookie          = refusal(http.StatusForbidden, read.CodeForbidden, "a cookie counts only from a browser that says which page asks (Origin or Sec-Fetch-Site): programs send X-Session-Token")
	errNoRole          = refusal(http.StatusForbidden, read.CodeForbidden, "whoever you are signed in as has no role here: ask the people who run this to give you one")
	errBadMetadata     = refusal(http.StatusForbidden, read.CodeForbidden, "the entry of this identity says something that is not understood, so it is nobody: ask the people who run this to mend it")
	errNobody          = refusal(http.StatusForbidden, read.CodeForbidden, "no verified e-mail address of yours leads to one person in the records: verify your address, or ask the people who run this")
	errSecondFactor    = &Refusal{Status: http.StatusForbidden, Err: read.FailStepUp(ir.StepUp{AAL: ir.MaxAAL})}
)

func refusal(status int, code, message string) *Refusal {
	return &Refusal{Status: status, Err: read.Fail(code, message)}
}

// unavailable is the answer while nobody can say who asks. It is no 401: a program would throw away a good session for it.
func unavailable(cause error) error {
	return &Refusal{http.StatusServiceUnavailable, read.Fail(read.CodeUnavailable, "sign-ins cannot be checked at the moment, so nobody is let in: try again later"), cause}
}

// refuse answers in the form GraphQL clients understand, and as RFC 6750 Section 3 wants it.
func refuse(w http.ResponseWriter, err error) {
	var r *Refusal
	if !errors.As(err, &r) {
		r = &Refusal{Status: http.StatusUnauthorized, Err: read.Fail(read.CodeUnauthenticated, err.Error())}
	}
	switch r.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="cloakroom"`
		if !errors.Is(err, ErrNoToken) && !errors.Is(err, errNoCredential) {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{r.Err.GraphQL()}})
}
