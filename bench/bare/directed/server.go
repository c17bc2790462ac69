// Package directed is variant B: gqlgen and Ent as documented, with privacy by field directives.
package directed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/cloakroom-crm/cloakroom/bench/bare/ent"
	"github.com/cloakroom-crm/cloakroom/bench/bare/resolve"
)

// New answers GraphQL over the client for the role in the context.
func New(client *ent.Client) *handler.Server {
	return handler.New(NewExecutableSchema(Config{Resolvers: root{client}, Directives: DirectiveRoot{Auth: auth, Mask: mask}}))
}

type root struct{ client *ent.Client }

func (r root) Query() QueryResolver                       { return resolve.Query{Client: r.client} }
func (root) Account() AccountResolver                     { return resolve.Account{} }
func (root) Contact() ContactResolver                     { return resolve.Contact{} }
func (root) ContactConnection() ContactConnectionResolver { return resolve.Connection{} }

type roleKey struct{}

// WithRole says who asks.
func WithRole(ctx context.Context, role string) context.Context {
	return context.WithValue(ctx, roleKey{}, role)
}

func roleOf(ctx context.Context) string {
	role, _ := ctx.Value(roleKey{}).(string)
	return role
}

func auth(ctx context.Context, _ any, next graphql.Resolver, roles []string) (any, error) {
	if !slices.Contains(roles, roleOf(ctx)) {
		return nil, errors.New("forbidden")
	}
	return next(ctx)
}

// marketing is the consent's bit in a person's state.
const marketing = 1 << 3

func mask(ctx context.Context, obj any, next graphql.Resolver, as string, except []string) (any, error) {
	v, err := next(ctx)
	if err != nil || slices.Contains(except, roleOf(ctx)) {
		return v, err
	}
	if person, ok := obj.(*ent.Contact); ok && person.PrivacyState&marketing != 0 && as != "YEAR" {
		return v, nil
	}
	switch v := v.(type) {
	case *string:
		if v == nil {
			return v, nil
		}
		s := masked(as, *v)
		return &s, nil
	case *time.Time:
		if v == nil {
			return v, nil
		}
		month := v.Month()
		if as == "YEAR" {
			month = 1
		}
		t := time.Date(v.Year(), month, 1, 0, 0, 0, 0, time.UTC)
		return &t, nil
	}
	return nil, nil
}

const veil = "•••"

func masked(as, s string) string {
	switch as {
	case "NAME":
		for _, r := range s {
			return string(r) + "."
		}
	case "EMAIL":
		if at := strings.LastIndexByte(s, '@'); at >= 0 {
			return veil + s[at:]
		}
	case "PHONE":
		if len(s) > 3 {
			return s[:3] + " " + veil
		}
	}
	return veil
}
