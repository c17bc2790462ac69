// Package schema declares what Ent stores: one generated file per @entity of the SDL, and by hand the records Cloakroom
// keeps for itself. Every schema carries guard.Policy.
package schema
