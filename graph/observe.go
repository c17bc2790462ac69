package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Observer sees operations come and go, for metrics and traces. It must not block.
type Observer interface {
	// Began is called before anything else is done for an operation. The context it returns is the operation's from then on.
	Began(ctx context.Context) context.Context
	// Ended is called once, with that context.
	Ended(ctx context.Context, s Seen)
}

// Seen is what an operation came to. Everything in it is of the schema, of the catalogue of errors or of a registered document:
// nothing that a client made up, because metrics and traces are kept where no personal data belongs, and because whoever could
// choose a label could make as many as they like.
type Seen struct {
	Kind    ast.Operation // empty: it could not be read
	Name    string        // of an operation of a registered document; empty for others
	Role    *ir.Role      // nil: nobody known asked
	Purpose *ir.Purpose   // nil: it was not settled
	Code    string        // of the first error; empty: there was none
	Points  int64         // what it may cost; 0: it was not measured
	Took    time.Duration
	Notes   []read.Note // what became of the fields it asked for
}

// answer has an operation answered, and seen if somebody looks.
func (g *Gateway) answer(ctx context.Context, r *request) (resp *graphql.Response) {
	if g.observer == nil {
		return g.respond(ctx, r)
	}
	began := time.Now()
	ctx = g.observer.Began(ctx)
	defer func() { g.observer.Ended(ctx, g.seen(ctx, r, resp, time.Since(began))) }()
	return g.respond(ctx, r)
}

// seen is what came of a request; resp is nil if it ended in a panic.
func (g *Gateway) seen(ctx context.Context, r *request, resp *graphql.Response, took time.Duration) Seen {
	s := Seen{Points: r.operation.points, Took: took, Code: read.CodeInternal}
	if op := r.operation.op; op != nil {
		s.Kind = op.Operation
		if r.registered && r.operation.named {
			s.Name = op.Name
		}
	}
	if p, ok := policy.PrincipalFrom(ctx); ok {
		s.Role = g.schema.Role(p.Role)
	}
	s.Purpose = r.why
	if resp == nil {
		return s
	}
	s.Code = ""
	if len(resp.Errors) > 0 {
		if s.Code, _ = resp.Errors[0].Extensions["code"].(string); s.Code == "" {
			s.Code = read.CodeInternal
		}
	}
	s.Notes, _ = resp.Extensions[privacyExtension].([]read.Note)
	return s
}
