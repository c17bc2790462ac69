package guard

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/schema"
)

// ErrAppendOnly is what a ledger answers to updates and deletions.
var ErrAppendOnly = errors.New("ledger is append-only")

// AppendOnly marks a schema whose rows are evidence: once written they are never changed or deleted (GDPR Art. 7(1): the
// controller must be able to demonstrate consent). The migrations add triggers that hold the same rule in the database,
// against code that goes around Ent.
type AppendOnly struct{}

// AppendOnlyAnnotation is the name under which the generator finds AppendOnly.
const AppendOnlyAnnotation = "CloakroomAppendOnly"

// Name implements schema.Annotation.
func (AppendOnly) Name() string { return AppendOnlyAnnotation }

var _ schema.Annotation = AppendOnly{}

// OnlyCreate is the hook of an AppendOnly schema.
func OnlyCreate(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if !m.Op().Is(ent.OpCreate) {
			return nil, fmt.Errorf("%s: %w", m.Type(), ErrAppendOnly)
		}
		return next.Mutate(ctx, m)
	})
}
