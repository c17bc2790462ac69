package consent

import (
	"context"
	"database/sql"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consentexpiry"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// mark changes the privacy state of all the subject's rows, of whatever type.
func (l *Ledger) mark(ctx context.Context, tx *sql.Tx, e Entry) error {
	set, clear := effect(e.Decision, e.Purpose)
	n, err := l.update(ctx, tx, e.Subject, set, clear, nil)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrUnknownSubject
	}
	if e.Purpose == nil || !e.Purpose.ByConsent() {
		return nil
	}
	old, err := l.expiries(ctx, tx, e.Subject)
	if err != nil || len(old) == 0 && e.ExpiresAt.IsZero() {
		return err
	}
	bit, now := policy.PurposeBit(e.Purpose), e.At.UnixMicro()
	until, over := guard.Never, policy.State(0)
	for mask, at := range old {
		switch {
		case mask == bit:
		case at <= now:
			over |= mask
		default:
			until = min(until, at)
		}
	}
	if err := l.forget(ctx, tx, e.Subject, bit|over); err != nil {
		return err
	}
	if !e.ExpiresAt.IsZero() {
		at := e.ExpiresAt.UnixMicro()
		if err := l.note(ctx, tx, e.Subject, bit, at); err != nil {
			return err
		}
		until = min(until, at)
	}
	_, err = l.update(ctx, tx, e.Subject, 0, over, &until)
	return err
}

// update sets and clears bits on every row of the person, and when the first of their consents runs out. It returns the number of rows.
func (l *Ledger) update(ctx context.Context, tx *sql.Tx, subject policy.SubjectID, set, clear policy.State, until *int64) (n int64, err error) {
	for _, t := range l.subjects() {
		u := entsql.Dialect(l.dialect).Update(t.Table).
			Set("privacy_state", entsql.ExprFunc(func(b *entsql.Builder) {
				b.WriteByte('(').Ident("privacy_state").WriteString(fmt.Sprintf(" | (%d)) & (%d)", int64(set), int64(^clear)))
			}))
		if until != nil {
			u.Set("consent_until", *until)
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

// expiries are the moments at which the person's consents run out, in microseconds since 1970, by their bits.
func (l *Ledger) expiries(ctx context.Context, db Querier, subject policy.SubjectID) (map[policy.State]int64, error) {
	query, args := entsql.Dialect(l.dialect).Select(consentexpiry.FieldMask, consentexpiry.FieldUntil).From(entsql.Table(consentexpiry.Table)).
		Where(entsql.EQ(consentexpiry.FieldSubjectID, subject.String())).Query()
	out := map[policy.State]int64{}
	err := each(ctx, db, query, args, func(scan func(...any) error) error {
		var mask, until int64
		if err := scan(&mask, &until); err != nil {
			return err
		}
		out[policy.State(mask)] = until
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read when consents run out: %w", err)
	}
	return out, nil
}

func (l *Ledger) forget(ctx context.Context, tx *sql.Tx, subject policy.SubjectID, bits policy.State) error {
	query, args := entsql.Dialect(l.dialect).Delete(consentexpiry.Table).Where(entsql.And(entsql.EQ(consentexpiry.FieldSubjectID, subject.String()),
		entsql.P(func(b *entsql.Builder) {
			b.Ident(consentexpiry.FieldMask).WriteString(fmt.Sprintf(" & (%d) <> 0", int64(bits)))
		}))).Query()
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("forget when a consent ran out: %w", err)
	}
	return nil
}

func (l *Ledger) note(ctx context.Context, tx *sql.Tx, subject policy.SubjectID, bit policy.State, until int64) error {
	query, args := entsql.Dialect(l.dialect).Insert(consentexpiry.Table).
		Columns(consentexpiry.FieldID, consentexpiry.FieldSubjectID, consentexpiry.FieldMask, consentexpiry.FieldUntil).
		Values(guard.NewID().String(), subject.String(), int64(bit), until).Query()
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("note when a consent runs out: %w", err)
	}
	return nil
}
