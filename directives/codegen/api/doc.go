// Package api says how a compiled schema looks from outside: the names of the generated GraphQL types and fields, which
// fields an input takes, and which may be filtered and sorted by.
//
// The generator writes the SDL from these rules and the engines read requests by them, so both ends agree by
// construction. The package is pure and imports nothing but ir.
//
// A filter is a read of the field. The rules here say what the API offers at all; whether this viewer may use it for this
// purpose is decided per request.
package api
