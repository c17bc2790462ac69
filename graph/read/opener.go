package read

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Opener opens sealed cells. The read path asks it once per page for the keys of all subjects on it, and then cell by
// cell, only for cells that will be shown or masked.
type Opener interface {
	// Keys loads the keys of subjects. A subject whose key was destroyed is no error: its cells do not open.
	Keys(ctx context.Context, subjects []uuid.UUID) (Keys, error)
}

// Keys opens the cells of the subjects it was loaded for.
type Keys interface {
	// Open returns the plain storage value of a sealed cell, or ErrKeyGone.
	Open(subject, row uuid.UUID, f *ir.Field, sealed any) (any, error)
}

// ErrKeyGone says that the subject has no key any more, or never had one here: the cell stays closed.
var ErrKeyGone = errors.New("no key for this subject")

type bothKeys [2]Keys

func (b bothKeys) Open(subject, row uuid.UUID, f *ir.Field, sealed any) (any, error) {
	v, err := b[0].Open(subject, row, f, sealed)
	if errors.Is(err, ErrKeyGone) {
		return b[1].Open(subject, row, f, sealed)
	}
	return v, err
}
