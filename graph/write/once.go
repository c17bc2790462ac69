package write

import (
	"context"
	"database/sql"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Once remembers that a mutation was carried out, so that a repeat of the request is not one of the act: a client that
// got no answer can send it again (IETF draft httpapi-idempotency-key-header).
type Once interface {
	// Claim comes first in the transaction of a mutation, and is undone with it. Who, with which key, asks what; field is
	// the part of the request, and result what will come of it. Done says that it was carried out before, and result
	// what came of it then. The same key with another request is an error for the client.
	Claim(ctx context.Context, tx *sql.Tx, who, key, request, field string, result uuid.UUID) (was uuid.UUID, done bool, err error)
}

// Attempt is a request that may be a repeat.
type Attempt struct {
	Key     string // that the client chose
	Request string // all of what it asks
}

type attemptKey struct{}

// WithAttempt says of the mutations under ctx that they are carried out once.
func WithAttempt(ctx context.Context, a Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// claim settles whether the mutation of ctx is a repeat: then done, and id is that of the first time.
func (e *Engine) claim(ctx context.Context, w Writing, s *read.Session, id uuid.UUID) (was uuid.UUID, done bool, err error) {
	a, ok := ctx.Value(attemptKey{}).(Attempt)
	if !ok {
		return id, false, nil
	}
	if e.Once == nil {
		return uuid.Nil, false, read.Fail(read.CodeUnavailable, "this server does not remember mutations: send it without Idempotency-Key")
	}
	return e.Once.Claim(w, w.Tx, s.Principal.ID, a.Key, a.Request, graphql.GetFieldContext(ctx).Field.Alias, id)
}
