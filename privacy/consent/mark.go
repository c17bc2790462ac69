package consent

import (
	"context"
	"database/sql"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/consentexpiry"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// mark changes the privacy state of all the subject's rows, of whatever type.
func (l *Ledger) mark(ctx context.Context, tx *sql.Tx, e Entry) error {
	var bit policy.State
	if e.Purpose != nil {
		bit = policy.PurposeBit(e.Purpose)
	}
	set, clear := effect(e.Decision, bit)
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
	ends, err := l.expiriesOf(ctx, tx, e.Subject)
	if err != nil || len(ends) == 0 && e.ExpiresAt.IsZero() {
		return err
	}
	delete(ends, bit)
	gone, until := over(ends, e.At.UnixMicro()), guard.Never
	for mask, at := range ends {
		if mask&gone == 0 {
			until = min(until, at)
		}
	}
	if err := l.forget(ctx, tx, e.Subject, bit|gone); err != nil {
		return err
	}
	if !e.ExpiresAt.IsZero() {
		at := e.ExpiresAt.UnixMicro()
		if err := l.note(ctx, tx, e.Subject, bit, at); err != nil {
			return err
		}
		until = min(until, at)
	}
	_, err = l.update(ctx, tx, e.Subject, 0, gone, &until)
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

// expiriesOf are the moments at which a person's consents run out, in microseconds since 1970, by their bits.
func (l *Ledger) expiriesOf(ctx context.Context, db Querier, subject policy.SubjectID) (map[policy.State]int64, error) {
	all, err := l.expiries(ctx, db, []any{subject.String()})
	if err != nil {
		return nil, fmt.Errorf("read when consents run out: %w", err)
	}
	return all[subject], nil
}

// expiries are those of several people.
func (l *Ledger) expiries(ctx context.Context, db Querier, people []any) (map[uuid.UUID]map[policy.State]int64, error) {
	query, args := entsql.Dialect(l.dialect).Select(consentexpiry.FieldSubjectID, consentexpiry.FieldMask, consentexpiry.FieldUntil).
		From(entsql.Table(consentexpiry.Table)).Where(entsql.In(consentexpiry.FieldSubjectID, people...)).Query()
	out := map[uuid.UUID]map[policy.State]int64{}
	err := each(ctx, db, query, args, func(scan func(...any) error) error {
		var (
			subject     uuid.UUID
			mask, until int64
		)
		if err := scan(&subject, &mask, &until); err != nil {
			return err
		}
		if out[subject] == nil {
			out[subject] = map[policy.State]int64{}
		}
		out[subject][policy.State(mask)] = until
		return nil
	})
	return out, err
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
