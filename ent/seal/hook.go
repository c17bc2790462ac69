package seal

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent"
)

// ErrNoKeeper says that a mutation of personal data came without anybody to seal it.
var ErrNoKeeper = errors.New("no keyring in the context: personal data is written by the write engine only")

// Keeper seals the open cells of a mutation, and keeps those of stored rows with the person they are about.
type Keeper interface {
	Seal(ctx context.Context, m ent.Mutation) error
}

type keeperKey struct{}

// WithKeeper returns a context under which mutations are sealed by k.
func WithKeeper(ctx context.Context, k Keeper) context.Context {
	return context.WithValue(ctx, keeperKey{}, k)
}

// Hook has the mutation sealed before it is written. Deletions pass: they write nothing.
func Hook(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if m.Op().Is(ent.OpDelete | ent.OpDeleteOne) {
			return next.Mutate(ctx, m)
		}
		k, _ := ctx.Value(keeperKey{}).(Keeper)
		if k == nil {
			return nil, fmt.Errorf("write %s: %w", m.Type(), ErrNoKeeper)
		}
		if err := k.Seal(ctx, m); err != nil {
			return nil, err
		}
		return next.Mutate(ctx, m)
	})
}
