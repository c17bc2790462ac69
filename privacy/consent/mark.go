package consent

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// mark changes the privacy state of all the subject's rows, of whatever type.
func (l *Ledger) mark(ctx context.Context, tx *sql.Tx, e Entry) error {
	var bit policy.State
	if e.Purpose != nil {
		bit = policy.PurposeBit(e.Purpose)
	}
	set, clear := effect(e.Decision, bit)
	n, err := l.update(ctx, tx, e.Subject, set, clear, nil) // locks them
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrUnknownSubject
	}
	if e.Purpose == nil || !e.Purpose.ByConsent() {
		return nil
	}
	_, ends, err := l.standing(ctx, tx, e.Subject)
	if err != nil || len(ends) == 0 && e.ExpiresAt.IsZero() {
		return err
	}
	delete(ends, bit)
	if !e.ExpiresAt.IsZero() {
		ends[bit] = e.ExpiresAt.UnixMicro()
	}
	_, err = l.update(ctx, tx, e.Subject, 0, runOut(ends, e.At.UnixMicro())&^bit, ends)
	return err
}

// runOut takes out of ends what has run out, and returns its bits.
func runOut(ends policy.Ends, now int64) policy.State {
	over := ends.Over(now)
	maps.DeleteFunc(ends, func(bit policy.State, _ int64) bool { return bit&over != 0 })
	return over
}

// update sets and clears bits on every row of the person, and says when consents run out unless ends is nil. It returns the number
// of rows.
func (l *Ledger) update(ctx context.Context, tx *sql.Tx, subject policy.SubjectID, set, clear policy.State, ends policy.Ends) (n int64, err error) {
	for _, t := range l.subjects() {
		u := entsql.Dialect(l.dialect).Update(t.Table).
			Set("privacy_state", entsql.ExprFunc(func(b *entsql.Builder) {
				b.WriteByte('(').Ident("privacy_state").WriteString(fmt.Sprintf(" | (%d)) & (%d)", int64(set), int64(^clear)))
			}))
		if ends != nil {
			u.Set("consent_until", first(ends))
			if text := ends.String(); text != "" {
				u.Set("consent_ends", text)
			} else {
				u.SetNull("consent_ends")
			}
		}
		query, args := u.Where(entsql.EQ("subject_id", subject.String())).Query()
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return 0, fmt.Errorf("set privacy state in %s: %w", t.Table, err)
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("set privacy state in %s: %w", t.Table, err)
		}
		n += rows
	}
	return n, nil
}

// allOver stands for ends that cannot be read: then every consent has run out.
func (l *Ledger) allOver() policy.Ends { return policy.Ends{policy.ConsentBits(l.schema): 0} }

// first is when the first consent runs out.
func first(ends policy.Ends) int64 {
	return slices.Min(append(slices.Collect(maps.Values(ends)), guard.Never))
}

// subjects are the types whose rows are people.
func (l *Ledger) subjects() []*ir.Type {
	var out []*ir.Type
	for _, t := range l.schema.Types {
		if t.Subject {
			out = append(out, t)
		}
	}
	return out
}

// standing is what the rows of a person say: the state of each, and when consents run out.
func (l *Ledger) standing(ctx context.Context, db Querier, subject policy.SubjectID) (states []policy.State, ends policy.Ends, err error) {
	ends = policy.Ends{}
	for _, t := range l.subjects() {
		query, args := entsql.Dialect(l.dialect).Select("privacy_state", "consent_ends").From(entsql.Table(t.Table)).
			Where(entsql.EQ("subject_id", subject.String())).Query()
		err := each(ctx, db, query, args, func(scan func(...any) error) error {
			var (
				state int64
				text  sql.NullString
			)
			if err := scan(&state, &text); err != nil {
				return err
			}
			states = append(states, policy.State(state))
			own, err := policy.ParseEnds(text.String)
			if err != nil {
				own = l.allOver()
			}
			for bit, at := range own { // of two, the earlier
				if had, known := ends[bit]; !known || at < had {
					ends[bit] = at
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("read privacy state in %s: %w", t.Table, err)
		}
	}
	return states, ends, nil
}
