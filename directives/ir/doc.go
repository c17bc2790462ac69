// Package ir is the compiled schema as plain data: every type, field and rule a schema developer wrote, resolved,
// checked, and carrying its source position. It is what everything else in Cloakroom derives from.
//
// A *Schema is immutable once the compiler returns it, and safe for concurrent use. Slices are in source order and names
// are unique, so that whatever is generated from it is the same every time.
package ir
