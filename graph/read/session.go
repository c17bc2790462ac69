package read

import (
	"context"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Session is one operation under way: who asks, why, and when. It notes what the decisions were.
type Session struct {
	policy.Withheld

	Principal policy.Principal
	Request   policy.Request
	Now       time.Time
	Notes     Notes
}

type sessionKey struct{}

// WithSession puts the operation's session into ctx.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// SessionFrom returns the operation's session. Without one nothing is answered.
func SessionFrom(ctx context.Context) (*Session, error) {
	s, ok := ctx.Value(sessionKey{}).(*Session)
	if !ok || s == nil {
		return nil, Fail(CodeUnauthenticated, "no principal: send a bearer token")
	}
	return s, nil
}
