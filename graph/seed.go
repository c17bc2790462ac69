package graph

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/write"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// Bulk returns the store imports write to.
func (g *Gateway) Bulk() *write.Bulk { return &write.Bulk{Store: g.writes.Store} }

// Past is the ledger that consents of the past are imported to.
func (g *Gateway) Past() *write.Past {
	return &write.Past{Bulk: *g.Bulk(), Schema: g.schema, Ledger: g.ledger}
}

// Seed loads demo data (see importer.LoadDemo) with the consents in it. Loading twice changes nothing the second time.
func (g *Gateway) Seed(ctx context.Context, name string, yaml []byte) error {
	consents, err := importer.LoadDemo(ctx, g.schema, name, yaml, g.now(), g.Bulk())
	if err != nil {
		return fmt.Errorf("load demo data: %w", err)
	}
	for _, c := range consents {
		if err := g.consentTo(ctx, c); err != nil {
			return fmt.Errorf("load demo data: %w", err)
		}
	}
	return nil
}

// consentTo records what a demo person consented to and has not yet been recorded.
func (g *Gateway) consentTo(ctx context.Context, c importer.Consent) error {
	subject, err := write.SubjectOf(ctx, g.store.DB, g.store.Dialect, c.Type, c.ID)
	if err != nil {
		return err
	}
	states, err := g.ledger.In(g.store.Client, g.store.DB).States(ctx, subject, g.now())
	if err != nil {
		return err
	}
	given := map[*ir.Purpose]bool{}
	for _, s := range states {
		given[s.Purpose] = s.Given
	}
	for _, name := range c.Purposes {
		p := g.schema.Purpose(name)
		if p == nil || given[p] {
			continue
		}
		err := g.writes.Within(ctx, func(w write.Writing) error {
			w.Standing(subject)
			_, err := g.ledger.Record(w, w.Client, w.Tx, consent.Entry{Subject: subject, Decision: consent.Give, Purpose: p, At: g.now(),
				Method: consent.Import, Actor: consent.BySystem, Evidence: "demo data"})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// VerifyConsents compares the privacy state of every row with the consent ledger, see consent.Ledger.Verify.
func (g *Gateway) VerifyConsents(ctx context.Context, report func(consent.Difference), done func(consent.Checked)) (consent.Checked, error) {
	return g.ledger.Verify(ctx, g.store.DB, g.now(), report, done)
}

// RestoreConsents makes the privacy state of a person's rows what the consent ledger says, see consent.Ledger.Restore.
func (g *Gateway) RestoreConsents(ctx context.Context, subject policy.SubjectID) error {
	return g.writes.Within(ctx, func(w write.Writing) error {
		w.Standing(subject)
		w.MustBeSeen(nil)
		return g.ledger.Restore(w, w.Tx, subject, g.now())
	})
}

// Subject returns the natural person that row id of a @subject type is.
func (g *Gateway) Subject(ctx context.Context, t *ir.Type, id uuid.UUID) (policy.SubjectID, error) {
	return write.SubjectOf(ctx, g.store.DB, g.store.Dialect, t, id)
}

// SubjectsWith returns the people who have a value in a field of a @subject type, found by equality.
func (g *Gateway) SubjectsWith(ctx context.Context, f *ir.Field, value string) ([]policy.SubjectID, error) {
	return g.Bulk().SubjectsWith(policy.WithCapability(ctx, "sign-in"), f, value)
}
