// Package model names the answers of the API: one generated type per GraphQL object, each an opaque read.Object. They have
// no fields to fill; a resolver gets one from package read or it has none.
package model
