package importer

import (
	"context"
	"github.com/cloakroom-crm/cloakroom/directives/policy"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Store is where imported records go.
type Store interface {
	// Find returns the ids of the rows of t whose field has one of values. The field is unique in t, or t's ID field (the
	// values are then uuid.UUID). Values are storage values (see directives/format); what is not found is not in the map.
	Find(ctx context.Context, t *ir.Type, field *ir.Field, values []any) (map[any]uuid.UUID, error)
	// Upsert writes rows in one transaction. A row that fails for a reason of its own is in Result.RowErrors and the
	// others are written; an error means that none were.
	Upsert(ctx context.Context, t *ir.Type, rows []Row) (Result, error)
}

// Row is one record to write.
type Row struct {
	policy.Withheld

	ID uuid.UUID
	// Create says that no row has the ID; otherwise one has, and fields that Values lacks stay as they are.
	Create bool
	// Values are storage values by field name; of a to-one edge the target's uuid.UUID.
	Values map[string]any
}

// Result says what an Upsert did.
type Result struct {
	Created, Updated, Unchanged int
	RowErrors                   []RowError
}

// RowError is why one row was not written. Reason names no value.
type RowError struct {
	Index  int // in the rows given
	Field  string
	Reason string
}
