package house

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// What VerifyConsents finds, and how far it is.
type (
	Difference = consent.Difference
	Checked    = consent.Checked
)

// VerifyConsents compares the privacy state of every row with the consent ledger, see consent.Ledger.Verify.
func (h *House) VerifyConsents(ctx context.Context, report func(Difference), done func(Checked)) (Checked, error) {
	return h.Gateway.VerifyConsents(ctx, report, done)
}

// RestoreConsents makes the privacy state of a person's rows what the consent ledger says.
func (h *House) RestoreConsents(ctx context.Context, subject policy.SubjectID) error {
	return h.Gateway.RestoreConsents(ctx, subject)
}
