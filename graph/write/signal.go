package write

import (
	"context"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// longest is how long a read can be under way: the longest time there may be for one request.
const longest = time.Hour

// Leave records that a person opts out of a purpose, unless that was their last word about it. It returns when no read is under way any
// more that does not know it, or an error; nobody there is consent.ErrUnknownSubject.
func (e *Engine) Leave(ctx context.Context, subject policy.SubjectID, p *ir.Purpose, method consent.Method, now time.Time) error {
	return e.Within(ctx, func(w Writing) error {
		if err := e.Ledger.Lock(w, w.Tx, subject); err != nil {
			return err
		}
		w.MustBeSeen(nil)
		entry, err := e.Ledger.In(w.Client, w.Tx).No(w, subject, p, method, now)
		if err != nil || entry == nil {
			return err
		}
		return e.record(w, *entry)
	})
}

// OptOut records, once for each purpose and for good, that a person's program opted out for them. It returns when no read is under way
// any more that does not know it, or an error; nobody there is consent.ErrUnknownSubject.
func (e *Engine) OptOut(ctx context.Context, subject policy.SubjectID, s consent.Signal, now time.Time) error {
	unheard, last, err := e.Ledger.In(clientOn(e.DB, e.Dialect), e.DB).Unheard(ctx, subject, s)
	if err != nil || len(unheard) == 0 && now.Sub(last) > longest {
		return err
	}
	return e.Within(ctx, func(w Writing) error {
		if err := e.Ledger.Lock(w, w.Tx, subject); err != nil {
			return err
		}
		// Again: another request of the same person may have been first.
		unheard, _, err := e.Ledger.In(w.Client, w.Tx).Unheard(w, subject, s)
		if err != nil {
			return err
		}
		w.MustBeSeen(nil)
		for _, p := range unheard {
			if err := e.record(w, s.Entry(subject, p, now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// record adds a decision to the ledger, in a transaction that has succeeded when every read knows it.
func (e *Engine) record(w Writing, entry consent.Entry) error {
	if _, err := e.Ledger.Record(w, w.Client, w.Tx, entry); err != nil {
		return err
	}
	w.Standing(entry.Subject)
	w.MustBeSeen(e.Ledger.Has(entry.ID))
	return nil
}
