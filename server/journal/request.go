package journal

import (
	"context"
	"crypto/rand"
)

type requestKey struct{}

// NewRequest gives ctx the id of a request: what the log says of one thing that somebody asked has one. It is made up here, never
// taken from the sender: whoever could choose it would write into the log.
func NewRequest(ctx context.Context) (context.Context, string) {
	id := rand.Text()
	return context.WithValue(ctx, requestKey{}, id), id
}

// Request is the id of the request that ctx belongs to, or empty.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
