package read

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Occasion is why an operation of Subscription is answered once: somebody subscribes, or something happened to a row. The answer
// is a read like any other, through the plan of whoever is to be told, at the time they are told.
//
// What is told is decided by what the viewer saw before and sees now, and by nothing else: a change of what is hidden from them
// is no change, a row that comes into sight is new, and one that goes out of sight is gone. That is also all an event reveals.
type Occasion struct {
	// Opening asks what is subscribed to; nothing is told yet.
	Opening bool
	// Row is what something happened to. Of consentChanged it is the person's own.
	Row    uuid.UUID
	Before Sight
	// Quiet looks without telling: what the viewer sees now is what later changes are told against.
	Quiet bool

	// Topic and After are answers: to Opening, and of what is seen now. Told says that there is something to tell.
	Topic *Topic
	After Sight
	Told  bool

	own    []byte   // what Mark is made from
	denied []*Error // told with what is told
}

// Topic is what a subscription is about.
type Topic struct {
	Type *ir.Type // nil: what a person consents to
	All  bool     // every row; otherwise Rows
	Rows []uuid.UUID
	// Subject is whose consents they are.
	Subject uuid.UUID
}

// Sight is what a viewer saw of a row. The zero Sight is of a row nobody has looked at.
type Sight struct {
	Known   bool
	Visible bool
	// Shown says that the viewer was told of the row, or named it while they saw it: only of such a row they are told that it went.
	Shown bool
	Mark  Mark
}

// Mark tells whether two looks saw the same, and keeps nothing of what they saw: it is keyed with a secret of the process. It is
// made from the fields of the row and of those its keys lead to, because whatever happens to one of them is an occasion to look.
// Of anything further away a change would be noticed only when something else happens, and that it happens may be hidden.
type Mark [16]byte

type occasionKey struct{}

// WithOccasion puts the occasion into ctx.
func WithOccasion(ctx context.Context, o *Occasion) context.Context {
	return context.WithValue(ctx, occasionKey{}, o)
}

// OccasionFrom returns the occasion, nil without one.
func OccasionFrom(ctx context.Context) *Occasion {
	o, _ := ctx.Value(occasionKey{}).(*Occasion)
	return o
}
