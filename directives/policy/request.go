package policy

import (
	"errors"
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Request is the part of a request that decisions depend on: who, in which role, and why. Two requests that are equal
// share plans.
type Request struct {
	Schema  *ir.Schema
	Role    *ir.Role
	Purpose *ir.Purpose
	Subject bool // a data subject asks: rows are limited to their own
	// StepUp is what the session has proved, as far as the schema asks: see Assured. The zero StepUp proved nothing.
	StepUp ir.StepUp
}

// Errors of NewRequest. Both refuse the whole operation before any data is touched.
var (
	ErrPurposeRequired = errors.New("name the purpose of this operation")
	ErrForbidden       = errors.New("not allowed")
)

// NewRequest settles role and purpose. An empty purpose name means the role's only purpose, and is ErrPurposeRequired
// when the role has several. A role the schema lacks, a purpose it lacks, or one outside the role's clearance is
// ErrForbidden.
func NewRequest(s *ir.Schema, p Principal, purpose string) (Request, error) {
	role := s.Role(p.Role)
	if role == nil {
		return Request{}, fmt.Errorf("%w: the schema has no such role", ErrForbidden)
	}
	cleared := role.Purposes()
	var why *ir.Purpose
	if purpose == "" {
		for _, c := range s.Purposes {
			if cleared.Has(c) {
				if why != nil {
					return Request{}, fmt.Errorf("%w with @for(purpose: …): role %s works for %s", ErrPurposeRequired, role.Name, purposeNames(s, cleared))
				}
				why = c
			}
		}
		if why == nil {
			return Request{}, fmt.Errorf("%w: role %s is cleared for no purpose", ErrForbidden, role.Name)
		}
	} else if why = s.Purpose(purpose); why == nil || !cleared.Has(why) {
		return Request{}, fmt.Errorf("%w: role %s works for %s", ErrForbidden, role.Name, purposeNames(s, cleared))
	}
	return Request{Schema: s, Role: role, Purpose: why, Subject: p.IsSubject()}, nil
}

// SelfService reports whether the request is a data subject's look at their own data.
func (r Request) SelfService() bool { return r.Purpose.IsSelfService() }

// LimitedToSubject reports whether only rows of the viewer's own subject exist.
func (r Request) LimitedToSubject() bool { return r.Subject || r.SelfService() }
