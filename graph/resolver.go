package graph

import (
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/write"

	"entgo.io/ent/dialect"
)

// Resolver is what resolvers work with, generated and hand-written alike.
type Resolver struct {
	Reads  *read.Engine
	Writes *write.Engine
}

func dialectOf(name string) predicate.Dialect {
	if name == dialect.Postgres {
		return predicate.Postgres
	}
	return predicate.SQLite
}
