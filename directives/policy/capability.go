package policy

import (
	"context"
	"errors"
)

// ErrNoCapability is what the store answers to code that reads or writes without a plan or a system capability.
var ErrNoCapability = errors.New("no plan and no system capability: read through graph/read, write through graph/write")

type capabilityKey struct{}

// Capability is permission to touch stored personal data at all. Only a compiled plan or a named system task carries one.
type Capability struct {
	// Reason says who holds it: "plan" for the read and write paths, otherwise the system task, e.g. "import".
	Reason string
}

// WithCapability marks ctx as holding a capability. Reason must not be empty.
func WithCapability(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, capabilityKey{}, Capability{Reason: reason})
}

// HasCapability reports whether ctx may touch stored personal data.
func HasCapability(ctx context.Context) bool {
	c, ok := ctx.Value(capabilityKey{}).(Capability)
	return ok && c.Reason != ""
}

type principalKey struct{}

// WithPrincipal puts the authenticated principal into ctx.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the authenticated principal of ctx. Without one, ok is false and nothing may be answered.
func PrincipalFrom(ctx context.Context) (p Principal, ok bool) {
	p, ok = ctx.Value(principalKey{}).(Principal)
	return p, ok
}
