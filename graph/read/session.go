package read

import (
	"context"
	"sync"
	"sync/atomic"
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

	anywhere atomic.Bool // may be read at a standby
	texts    sync.Map    // notices that were read, by their hashes: a history names the same few again and again
}

// Anywhere says that the operation only reads, so that a standby of the database may answer it. What a mutation gives back is read
// at the primary, and so is what a subscription tells: both are about something that was written just now.
func (s *Session) Anywhere() { s.anywhere.Store(true) }

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
