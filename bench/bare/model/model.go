// Package model is what GraphQL knows and Ent does not: pages and filters.
package model

import "github.com/cloakroom-crm/cloakroom/bench/bare/ent"

// ContactConnection is a page of people.
type ContactConnection struct {
	Nodes []*ent.Contact
	All   *ent.ContactQuery // without the page, for the total
}

// AccountConnection is a page of accounts.
type AccountConnection struct{ Nodes []*ent.Account }

// ActivityConnection is a page of activities.
type ActivityConnection struct{ Nodes []*ent.Activity }

// ContactWhere filters people. Nil does not ask.
type ContactWhere struct {
	Country *string
	Region  *string
}

// AccountWhere filters accounts.
type AccountWhere struct{ Region *string }

// CountryCount is a line of the aggregate.
type CountryCount struct {
	Country string  `json:"country"`
	Count   int     `json:"count"`
	Average float64 `json:"average"`
}
