package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Authenticator knows who sent a request. Its errors are shown to the client: they name no token and no key.
type Authenticator interface {
	Authenticate(r *http.Request) (policy.Principal, error)
}

// ErrNoToken is the answer to a request without a bearer token.
var ErrNoToken = errors.New("send a bearer token: Authorization: Bearer …")

// Middleware puts the principal of each request into its context. A request without one is answered 401 with the code
// UNAUTHENTICATED and goes no further. KnownRole reports whether the schema has the role.
func Middleware(a Authenticator, knownRole func(string) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := a.Authenticate(r)
			if err == nil && !knownRole(p.Role) {
				err = errors.New("the token's role is not a role of the schema: ask for a new token")
			}
			if err != nil {
				refuse(w, err)
				return
			}
			ctx := policy.WithPrincipal(r.Context(), p)
			if d, ok := a.(doubter); ok {
				ctx = context.WithValue(ctx, doubtKey{}, func() { d.doubt(r) })
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// doubter is an Authenticator that believes look-ups for a while.
type doubter interface{ doubt(r *http.Request) }

type doubtKey struct{}

// Doubt has the session of a request looked up anew the next time: it is about to prove more than it has.
func Doubt(ctx context.Context) {
	if f, ok := ctx.Value(doubtKey{}).(func()); ok {
		f()
	}
}

// bearer returns the token of the Authorization header. The scheme's name has no case (RFC 9110 Section 11.1). Two such
// headers are refused: proxies disagree about which one counts.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", ErrNoToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("malformed Authorization header: %w", ErrNoToken)
	}
	return token, nil
}
