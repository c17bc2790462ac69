package read

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Trace is called with each step before it is taken; the context it returns is that of the step, and end is called once, with what
// went wrong.
type Trace func(ctx context.Context, s Step) (_ context.Context, end func(error))

// Step is a part of the work that an operation is. It holds nothing of a request and nothing of a record.
type Step struct {
	Kind   StepKind
	Type   *ir.Type // whose records it is about
	Op     ir.Op    // of StepWrite
	System string   // of StepRead: the database, by the name that OpenTelemetry has for it
	SQL    []string // of StepRead, without parameters
}

// StepKind is what a step does.
type StepKind uint8

// The kinds of steps.
const (
	StepPlan  StepKind = iota // decides what is read and what is shown of it; most plans are remembered
	StepRead                  // statements that need nothing of each other
	StepWrite                 // a mutation's field, with what is read back
)

// Begin begins a step. A nil Trace sees nothing, at no cost.
func (t Trace) Begin(ctx context.Context, s Step) (_ context.Context, end func(error)) {
	if t == nil {
		return ctx, unseen
	}
	return t(ctx, s)
}

func unseen(error) {}
