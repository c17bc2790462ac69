package read

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Opener opens sealed cells. The read path asks it once per page for the keys of all subjects on it, and then cell by
// cell, only for cells that will be shown or masked.
type Opener interface {
	// Keys loads the keys of subjects, uuid.Nil standing for rows that are about nobody. A subject whose key was destroyed is
	// no error: its cells do not open. An error is that of the keys: they cannot be had now.
	Keys(ctx context.Context, subjects []uuid.UUID) (Keys, error)
	// Blind returns the blind indexes that rows with the value may have.
	Blind(ctx context.Context, f *ir.Field, v any) ([]int64, error)
	// Moving reports whether values of f may still be in f.OtherColumn. Epoch changes whenever it would answer differently.
	Moving(f *ir.Field) bool
	Epoch() uint64
}

// Keys opens the cells of the subjects it was loaded for.
type Keys interface {
	// Open decrypts a cell to the bytes of format.AppendPlain, behind dst. Not ok: the cell stays closed, whatever the reason;
	// reporting it is the keyring's.
	Open(dst []byte, subject, row uuid.UUID, f *ir.Field, cell []byte) (plain []byte, ok bool)
	// Close gives the keys back.
	Close()
}

// closed is what opens nothing: an engine without a keyring withholds every sealed cell.
type closed struct{}

func (closed) Keys(context.Context, []uuid.UUID) (Keys, error) { return closed{}, nil }
func (closed) Blind(context.Context, *ir.Field, any) ([]int64, error) {
	return nil, errKeys
}
func (closed) Moving(*ir.Field) bool { return false }
func (closed) Epoch() uint64         { return 0 }
func (closed) Close()                {}
func (closed) Open([]byte, uuid.UUID, uuid.UUID, *ir.Field, []byte) ([]byte, bool) {
	return nil, false
}

// errKeys answers for what cannot be done without keys. The cause is in the operator's log.
var errKeys = Fail(CodeUnavailable, "sealed fields cannot be read now: the keys are not available. Other fields are; try again later")

// bothKeys are those of two levels of one answer.
type bothKeys [2]Keys

func (b bothKeys) Open(dst []byte, subject, row uuid.UUID, f *ir.Field, cell []byte) ([]byte, bool) {
	if plain, ok := b[0].Open(dst, subject, row, f, cell); ok {
		return plain, true
	}
	return b[1].Open(dst, subject, row, f, cell)
}

func (b bothKeys) Close() {
	b[0].Close()
	b[1].Close()
}
