package house

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// VerifyConsents compares the privacy state of every row with the consent ledger, see consent.Ledger.Verify.
func (h *House) VerifyConsents(ctx context.Context, report func(consent.Difference), done func(consent.Checked)) (consent.Checked, error) {
	return h.Gateway.VerifyConsents(ctx, report, done)
}

// RestoreConsents makes the privacy state of a person's rows what the consent ledger says.
func (h *House) RestoreConsents(ctx context.Context, subject policy.SubjectID) error {
	return h.Gateway.RestoreConsents(ctx, subject)
}
