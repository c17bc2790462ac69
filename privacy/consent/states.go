package consent

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
	"github.com/cloakroom-crm/cloakroom/ent/predicate"
)

// State is where a person stands towards one purpose.
type State struct {
	Purpose  *ir.Purpose
	Given    bool
	Objected bool
	Last     *Line // the last word about it; nil before any
}

// Restriction is whether processing is limited to what the person or the law asks for (Art. 18(2)), and since when.
type Restriction struct {
	Restricted bool
	Since      *Line // the line that restricts; nil where none does
	Informed   *Line // the line that says the person was told of the lifting to come; nil before
}

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Book is the ledger as it stands in a database, or in a transaction.
type Book struct {
	*Ledger
	client *ent.Client
	db     Querier
}

// In opens the ledger of a database. Client and db must be on the same transaction, or on none.
func (l *Ledger) In(client *ent.Client, db Querier) Book { return Book{l, client, db} }

// States returns where the subject stands now towards every purpose a person can decide about, in source order. Of a person with
// several rows the strictest counts. It is what reads decide by, and not what the ledger says: see Verify.
func (b Book) States(ctx context.Context, subject policy.SubjectID, now time.Time) ([]State, error) {
	state, err := b.Combined(ctx, subject, now)
	if err != nil {
		return nil, err
	}
	last, err := b.words(ctx, subject, now)
	if err != nil {
		return nil, err
	}
	return b.states(last, func(p *ir.Purpose, _ *Line) bool { return state&policy.PurposeBit(p) != 0 }), nil
}

// StatesAt returns where the subject stood at some moment, from the ledger alone.
func (b Book) StatesAt(ctx context.Context, subject policy.SubjectID, at time.Time) ([]State, error) {
	last, err := b.words(ctx, subject, at)
	if err != nil {
		return nil, err
	}
	return b.states(last, func(_ *ir.Purpose, line *Line) bool { return line != nil && stands(line, at) }), nil
}

func (l *Ledger) states(last map[int]*Line, set func(*ir.Purpose, *Line) bool) []State {
	var out []State
	for _, p := range l.schema.Purposes {
		if !p.Stated() {
			continue
		}
		s := State{Purpose: p, Last: last[p.Bit]}
		on := set(p, s.Last)
		s.Given, s.Objected = p.ByConsent() && on, p.Objectable() && on
		out = append(out, s)
	}
	return out
}

// stands reports whether a line, the last about its purpose, sets the purpose's bit at a moment. A consent that runs out does so
// at that moment, not after it.
func stands(line *Line, at time.Time) bool {
	return (line.Decision == Give || line.Decision == Object) && (line.ExpiresAt == nil || at.Before(*line.ExpiresAt))
}

// words are the last lines about each purpose up to a moment, by the purposes' numbers.
func (b Book) words(ctx context.Context, subject policy.SubjectID, at time.Time) (map[int]*Line, error) {
	lines, err := b.client.ConsentEntry.Query().
		Where(consententry.SubjectID(subject), consententry.AtLTE(at.UTC()), consententry.BitGTE(0)).
		Order(consententry.BySeq()).All(policy.WithCapability(ctx, "consent"))
	if err != nil {
		return nil, fmt.Errorf("read the consent ledger: %w", err)
	}
	last := map[int]*Line{}
	for _, line := range lines {
		last[line.Bit] = line
	}
	return last, nil
}

// last is the person's last line, of all or of a kind; nil where there is none.
func (b Book) last(ctx context.Context, subject policy.SubjectID, which ...predicate.ConsentEntry) (*Line, error) {
	line, err := b.client.ConsentEntry.Query().Where(consententry.SubjectID(subject)).Where(which...).
		Order(consententry.BySeq(entsql.OrderDesc())).First(policy.WithCapability(ctx, "consent"))
	switch {
	case ent.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the consent ledger: %w", err)
	}
	return line, nil
}

// Restriction returns whether the processing of the subject's data is restricted now.
func (b Book) Restriction(ctx context.Context, subject policy.SubjectID, now time.Time) (Restriction, error) {
	state, err := b.Combined(ctx, subject, now)
	if err != nil {
		return Restriction{}, err
	}
	r := Restriction{Restricted: state&policy.Restricted != 0}
	if !r.Restricted {
		return r, nil
	}
	if r.Since, err = b.last(ctx, subject, consententry.DecisionEQ(Restrict)); err != nil {
		return Restriction{}, err
	}
	informed, err := b.last(ctx, subject, consententry.DecisionEQ(Inform))
	if err != nil {
		return Restriction{}, err
	}
	if informed != nil && r.Since != nil && informed.Seq > r.Since.Seq {
		r.Informed = informed
	}
	return r, nil
}

// History returns the subject's lines after a number, oldest first, of one purpose or of all, and whether there are more.
func (b Book) History(ctx context.Context, subject policy.SubjectID, p *ir.Purpose, after int64, limit int) (lines []*Line, more bool, err error) {
	q := b.client.ConsentEntry.Query().Where(consententry.SubjectID(subject), consententry.SeqGT(after)).Order(consententry.BySeq()).Limit(limit + 1)
	if p != nil {
		q.Where(consententry.Bit(p.Bit))
	}
	lines, err = q.All(policy.WithCapability(ctx, "consent"))
	if err != nil {
		return nil, false, fmt.Errorf("read the consent ledger: %w", err)
	}
	if len(lines) > limit {
		return lines[:limit], true, nil
	}
	return lines, false, nil
}

// Line returns a line by its id. It fails with an error that ent.IsNotFound knows where there is none.
func (b Book) Line(ctx context.Context, id uuid.UUID) (*Line, error) {
	line, err := b.client.ConsentEntry.Get(policy.WithCapability(ctx, "consent"), id)
	if err != nil {
		return nil, fmt.Errorf("read the consent ledger: %w", err)
	}
	return line, nil
}

// Combined is the state of a person over all their rows, without consents that have run out. Nobody's is zero.
func (b Book) Combined(ctx context.Context, subject policy.SubjectID, now time.Time) (policy.State, error) {
	states, ends, err := b.standing(ctx, b.db, subject)
	return policy.Combine(policy.ConsentBits(b.schema), states...) &^ ends.Over(now.UnixMicro()), err
}

// each runs fn on every row of a query.
func each(ctx context.Context, db Querier, query string, args []any, fn func(scan func(...any) error) error) (err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
