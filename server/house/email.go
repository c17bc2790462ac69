package house

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// SubjectByEmail returns the one person whose records have one of the addresses, which somebody has proved to be theirs. The
// addresses are normalised as the schema does. Nobody, and several people, are ok false: which of them it is, an address does not
// say. Several records of one person are one person.
func (h *House) SubjectByEmail(ctx context.Context, addresses []string) (id policy.SubjectID, ok bool, err error) {
	for _, t := range h.Schema.Entities() {
		for _, f := range t.Fields {
			if !t.Subject || f.Kind != ir.Column || f.Format != "EMAIL" || f.Pii == nil || f.Pii.Find < ir.FindExact {
				continue
			}
			for _, address := range addresses {
				found, err := h.Gateway.SubjectsWith(ctx, f, address)
				if err != nil {
					return uuid.Nil, false, err
				}
				for _, one := range found {
					if id != uuid.Nil && id != one {
						return uuid.Nil, false, nil
					}
					id = one
				}
			}
		}
	}
	return id, id != uuid.Nil, nil
}

// Kind reports whether the schema has a role, and whether it is one of customers: it works for nothing but SELF_SERVICE.
func (h *House) Kind(role string) (known, customer bool) {
	r := h.Schema.Role(role)
	if r == nil {
		return false, false
	}
	for _, p := range h.Schema.Purposes {
		if r.Purposes().Has(p) {
			if !p.IsSelfService() {
				return true, false
			}
			customer = true
		}
	}
	return true, customer
}
