package house

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Question is an operation with its reason.
type Question struct {
	Query     string
	Variables map[string]any
	Purpose   string // for operations that do not say it themselves with @for
}

// ErrTwoPurposes says that an operation names another purpose than its sender.
var ErrTwoPurposes = errors.New("the operation says @for another purpose: leave one of the two out")

// Ask answers a question of the viewer in process, by the same gateway that answers over HTTP.
func (h *House) Ask(ctx context.Context, viewer policy.Principal, q Question) (*graphql.Response, error) {
	query, err := withPurpose(q.Query, q.Purpose)
	if err != nil {
		return nil, err
	}
	return h.Gateway.Do(policy.WithPrincipal(ctx, viewer), query, q.Variables), nil
}

var graphqlName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

// withPurpose adds @for to the operations that lack it. What does not parse is returned as it is: the gateway will say
// what is wrong with it, at the position people see.
func withPurpose(query, purpose string) (string, error) {
	if purpose == "" {
		return query, nil
	}
	if !graphqlName.MatchString(purpose) {
		return "", fmt.Errorf("a purpose is a value of the schema's Purpose enum, for example SALES")
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		return query, nil //nolint:nilerr // see above
	}
	for _, op := range doc.Operations {
		switch d := op.Directives.ForName("for"); {
		case d == nil:
			op.Directives = append(op.Directives, &ast.Directive{Name: "for", Arguments: ast.ArgumentList{
				{Name: "purpose", Value: &ast.Value{Kind: ast.EnumValue, Raw: purpose}}}})
		case d.Arguments.ForName("purpose") == nil || d.Arguments.ForName("purpose").Value.Raw != purpose:
			return "", fmt.Errorf("%w (--purpose %s)", ErrTwoPurposes, purpose)
		}
	}
	var b strings.Builder
	formatter.NewFormatter(&b).FormatQueryDocument(doc)
	return b.String(), nil
}
