package api

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Shown reports whether f is part of the API. Keys the compiler added for a to-many edge are not.
func Shown(f *ir.Field) bool { return f.Edge == nil || !f.Edge.Hidden }

// OutputType is f's type in answers. A to-one edge is always nullable there: the row at the other end may not exist for
// this viewer, and a null that bubbled up would say so about this row.
func OutputType(f *ir.Field) string {
	switch f.Kind {
	case ir.ToOne:
		return f.Edge.Target.Name
	case ir.ToMany:
		return Connection(f.Edge.Target) + "!"
	default:
		return f.Type.String()
	}
}

// Settable reports whether f can be given when a row is created. What is written at every change is written by the system.
func Settable(f *ir.Field) bool {
	return Shown(f) && (f.Kind == ir.Column || f.Kind == ir.ToOne) && !f.OnUpdate
}

// Changeable reports whether f can be given when a row is updated.
func Changeable(f *ir.Field) bool { return Settable(f) && !f.Immutable }

// Required reports whether creating a row needs f.
func Required(f *ir.Field) bool { return f.Type.NonNull && f.Default == nil }

// InputType is f's type in inputs, without the exclamation mark.
func InputType(f *ir.Field) string {
	if f.Kind == ir.ToOne {
		return "ID"
	}
	return f.Type.Name
}
