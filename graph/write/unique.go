package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// unique is a @unique field that an input sets.
type unique struct {
	field *ir.Field
	value any
}

// instances holds @unique for what the viewer can see, and says nothing of what they cannot.
//
// Threat: "this value is taken" reads it from somebody's record. Whoever may create records could so try out customer
// numbers or addresses of people they must not know of. So a value that a visible row has is refused; one that only hidden
// rows have is accepted, and the new row becomes another instance of it: polyinstantiation, as multilevel databases have it
// (Denning et al., A Multilevel Relational Data Model, 1987). Whoever sees both rows finds the duplicate, and merges it.
func (e *Engine) instances(ctx context.Context, tx *sql.Tx, s *read.Session, m ent.Mutation, c change, id uuid.UUID) error {
	for _, u := range c.unique {
		var instance int64
		if u.value != nil {
			taken, seen, err := e.Reads.Taken(ctx, tx, s, u.field, u.value, id)
			if err != nil {
				return err
			}
			if seen {
				return read.FailField(read.CodeConflict, api.InputName(u.field), "another record has this value")
			}
			if taken {
				if instance, err = guard.NewInstance(); err != nil {
					return err
				}
			}
		}
		if err := ent.Assign(m, u.field.InstanceColumn(), instance); err != nil {
			return fmt.Errorf("assign %s: %w", u.field.InstanceColumn(), err)
		}
	}
	return nil
}

// errTaken is a conflict that the store found after we did not: somebody else wrote the value in between.
var errTaken = errors.New("taken in between")

// within runs a write in a transaction, and once more when somebody else wrote a unique value in between: it is then
// decided as if they had come first.
func (e *Engine) within(ctx context.Context, fn func(Writing) error) error {
	var err error
	for range 3 {
		if err = e.Within(ctx, fn); !errors.Is(err, errTaken) {
			return err
		}
	}
	return errConflict
}
