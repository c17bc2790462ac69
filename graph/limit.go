package graph

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Limiter bounds how much somebody may ask in a time. It never fails: one that cannot reach what replicas share goes on
// by itself.
type Limiter interface {
	// Spend takes points from whoever asks. A wait above zero refuses: nothing was taken, and there will be enough after it.
	Spend(ctx context.Context, s Spending) (wait time.Duration)
}

// Spending is what an operation costs, and whom.
type Spending struct {
	Principal string // the identity; empty: nobody we know, then Address counts
	Address   string // of the connection
	Role      string
	Points    int
	// Rights says that a right is exercised: consent withdrawn, own data deleted. These have a budget of their own, so
	// that no amount of reading keeps people from it (GDPR Art. 7(3), 12(2)).
	Rights bool
}

// spend charges whoever asks for an operation; one that could not be read has neither doc nor op. The refusal says when to
// come back. It comes before validation, which is work, too, and depends on no value of a record.
func (g *Gateway) spend(ctx context.Context, doc *ast.QueryDocument, op *ast.OperationDefinition, points int64) *graphql.Response {
	p, known := policy.PrincipalFrom(ctx)
	if g.limiter == nil || !known { // nobody comes as far as to be answered
		return nil
	}
	s := Spending{Principal: p.ID, Role: p.Role, Points: int(points)}
	if op != nil && op.Operation == ast.Mutation && exercises(op.SelectionSet, doc, p, map[string]bool{}) {
		s.Rights, s.Points = true, 1
	}
	if wait := g.limiter.Spend(ctx, s); wait > 0 {
		return &graphql.Response{Errors: gqlerror.List{Limited(wait).GraphQL()}}
	}
	return nil
}

// Limited is the answer to whoever asks too much.
func Limited(wait time.Duration) *read.Error {
	e := read.Fail(read.CodeRateLimited, "too much was asked in a short time: wait, then ask again")
	e.RetryAfter = int(math.Ceil(wait.Seconds()))
	return e
}

// exercises reports whether a mutation does nothing but exercise rights. Its size is bounded as that of any operation.
func exercises(set ast.SelectionSet, doc *ast.QueryDocument, p policy.Principal, visited map[string]bool) bool {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			own := p.IsSubject() && strings.HasPrefix(s.Name, "delete") // subjects reach no data but their own
			if s.Name != "withdrawConsent" && s.Name != "__typename" && !own {
				return false
			}
		case *ast.InlineFragment:
			if !exercises(s.SelectionSet, doc, p, visited) {
				return false
			}
		case *ast.FragmentSpread:
			if visited[s.Name] {
				continue
			}
			visited[s.Name] = true
			if f := doc.Fragments.ForName(s.Name); f == nil || !exercises(f.SelectionSet, doc, p, visited) {
				return false
			}
		}
	}
	return true
}
