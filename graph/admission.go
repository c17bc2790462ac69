package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Admission decides whether an operation is begun now, by what it costs in points. It may wait a moment for a place; the
// place is the operation's until leave is called.
type Admission interface {
	Enter(ctx context.Context, cost int64) (leave func(), err error)
}

// comeAgain is in how many seconds there may be a place.
const comeAgain = 1

// enter waits for a place.
func (g *Gateway) enter(ctx context.Context, cost int64) (leave func(), refusal *graphql.Response) {
	if ctx.Err() != nil {
		return nil, late()
	}
	if g.admission == nil {
		return func() {}, nil
	}
	leave, err := g.admission.Enter(ctx, cost)
	switch {
	case ctx.Err() != nil: // the place, if there is one, is not worth having
		if err == nil {
			leave()
		}
		return nil, late()
	case err != nil:
		e := read.Fail(read.CodeUnavailable, "more is asked than can be answered in time: try again in a moment")
		e.RetryAfter = comeAgain
		return nil, &graphql.Response{Errors: gqlerror.List{e.GraphQL()}}
	}
	return leave, nil
}
