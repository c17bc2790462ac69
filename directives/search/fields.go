package search

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Searchable reports whether f is found by its words. A sealed field has no words the database could know, and `find:
// NONE` says that a value may not be looked up: an index of its words would be just that.
func Searchable(f *ir.Field) bool {
	if f.Kind != ir.Column || f.Scalar != ir.String {
		return false
	}
	return f.Pii == nil || !f.Pii.Sealed && f.Pii.Find != ir.FindNone
}

// Fields are the searchable fields of t in the schema's order.
func Fields(t *ir.Type) []*ir.Field {
	if !t.Entity {
		return nil
	}
	var out []*ir.Field
	for _, f := range t.Fields {
		if Searchable(f) {
			out = append(out, f)
		}
	}
	return out
}

// Types are the types that have searchable fields, in the schema's order.
func Types(s *ir.Schema) []*ir.Type {
	var out []*ir.Type
	for _, t := range s.Entities() {
		if len(Fields(t)) > 0 {
			out = append(out, t)
		}
	}
	return out
}
