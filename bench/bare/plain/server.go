// Package plain is variant A: gqlgen and Ent as documented.
package plain

import (
	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/cloakroom-crm/cloakroom/bench/bare/ent"
	"github.com/cloakroom-crm/cloakroom/bench/bare/resolve"
)

// New answers GraphQL over the client.
func New(client *ent.Client) *handler.Server {
	return handler.New(NewExecutableSchema(Config{Resolvers: root{client}}))
}

type root struct{ client *ent.Client }

func (r root) Query() QueryResolver                       { return resolve.Query{Client: r.client} }
func (root) Account() AccountResolver                     { return resolve.Account{} }
func (root) Contact() ContactResolver                     { return resolve.Contact{} }
func (root) ContactConnection() ContactConnectionResolver { return resolve.Connection{} }
