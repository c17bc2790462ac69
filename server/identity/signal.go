package identity

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// OptsOut records that a person's program opted out for them. While it fails nothing is answered as if the person had not said so.
type OptsOut interface {
	OptOut(ctx context.Context, subject policy.SubjectID, s consent.Signal) error
}

// Listening is an Authenticator that has Sec-GPC of data subjects heard, before anything they ask is answered, by whatever way they come.
// Record bounds in time how long that may take.
type Listening struct {
	Authenticator
	OptsOut OptsOut
	Record  time.Duration
	Log     *slog.Logger
}

// GPCHeader is the header of Global Privacy Control, as the specification of W3C has it.
const GPCHeader = "Sec-GPC"

var errNotHeard = read.Fail(read.CodeUnavailable, "your browser says that you opt out ("+GPCHeader+"), and that cannot be recorded at the moment; so nothing is answered as if it had not been said: try again later")

// Authenticate finds out who asks, and hears what their browser says for them.
func (l Listening) Authenticate(r *http.Request) (policy.Principal, error) {
	p, err := l.Authenticator.Authenticate(r)
	if err != nil || !p.IsSubject() || !optsOut(r.Header) {
		return p, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.Record)
	defer cancel()
	if err := l.OptsOut.OptOut(ctx, p.Subject, consent.GlobalPrivacyControl); err != nil {
		l.Log.WarnContext(ctx, "an opt-out could not be recorded, and its request is not answered", "err", err)
		return policy.Principal{}, &Refusal{http.StatusServiceUnavailable, errNotHeard, err}
	}
	return p, nil
}

// optsOut reports whether a request says it once, with the only value there is.
func optsOut(h http.Header) bool {
	v := h.Values(GPCHeader)
	return len(v) == 1 && v[0] == "1"
}

func (l Listening) doubt(r *http.Request) {
	if d, ok := l.Authenticator.(doubter); ok {
		d.doubt(r)
	}
}
