package consent

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// Signal is how a person's program opts out for them.
type Signal struct {
	Name   string // in optOut of @lawful
	Method Method // in the ledger
}

// GlobalPrivacyControl is the wish of a browser's user that their data is not sold, shared, or used across contexts.
var GlobalPrivacyControl = Signal{"GPC", GPC}

// optOuts names the lines of signals: each person has at most one for a purpose and a signal, whoever else records it at the moment.
var optOuts = uuid.MustParse("0190b1c2-6f4e-7d3a-9a55-3c1f0e8d7b60")

// Of returns the purposes that heed the signal, in source order.
func (s Signal) Of(schema *ir.Schema) []*ir.Purpose {
	var out []*ir.Purpose
	for _, p := range schema.Purposes {
		if s.HeededBy(p) {
			out = append(out, p)
		}
	}
	return out
}

// HeededBy reports whether a purpose heeds the signal.
func (s Signal) HeededBy(p *ir.Purpose) bool { return p.Stated() && slices.Contains(p.OptOut, s.Name) }

// Entry is what the signal says of a purpose: consent is withdrawn, also where none was given, so that the person can see that they
// were heard; to what is open to objection they object.
func (s Signal) Entry(subject policy.SubjectID, p *ir.Purpose, at time.Time) Entry {
	return Entry{ID: uuid.NewSHA1(optOuts, fmt.Appendf(nil, "%s %d %s", subject, p.Bit, s.Name)), Subject: subject, Decision: no(p), Purpose: p, At: at,
		Method: s.Method, Actor: BySystem}
}

// no is how a person says no to a purpose.
func no(p *ir.Purpose) Decision {
	if p.ByConsent() {
		return Withdraw
	}
	return Object
}

// No is what a person says who opts out of a purpose themselves; nil where their last word about it was the same.
func (b Book) No(ctx context.Context, subject policy.SubjectID, p *ir.Purpose, method Method, at time.Time) (*Entry, error) {
	last, err := b.last(ctx, subject, consententry.Bit(p.Bit))
	if err != nil || last != nil && last.Decision == no(p) {
		return nil, err
	}
	return &Entry{ID: guard.NewID(), Subject: subject, Decision: no(p), Purpose: p, At: at, Method: method, Actor: BySubject}, nil
}

// Unheard returns the purposes for which a person's signal was not recorded yet, and when it last was for another. What was recorded
// stays so, whatever the person decided since.
func (b Book) Unheard(ctx context.Context, subject policy.SubjectID, s Signal) (unheard []*ir.Purpose, last time.Time, err error) {
	lines, err := b.client.ConsentEntry.Query().Where(consententry.SubjectID(subject), consententry.MethodEQ(s.Method)).All(policy.WithCapability(ctx, "consent"))
	if err != nil {
		return nil, last, fmt.Errorf("read the consent ledger: %w", err)
	}
	for _, p := range s.Of(b.schema) {
		if !slices.ContainsFunc(lines, func(l *Line) bool { return l.Bit == p.Bit }) {
			unheard = append(unheard, p)
		}
	}
	for _, l := range lines {
		if l.At.After(last) {
			last = l.At
		}
	}
	return unheard, last, nil
}

// Lock has other decisions of the person wait for the end of the transaction. It fails with ErrUnknownSubject where there is nobody.
func (l *Ledger) Lock(ctx context.Context, tx *sql.Tx, subject policy.SubjectID) error {
	n, err := l.update(ctx, tx, subject, 0, 0, nil)
	if err == nil && n == 0 {
		err = ErrUnknownSubject
	}
	return err
}
