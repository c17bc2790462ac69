package write

import (
	"context"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// addresses are the e-mail addresses in a person's records, in the order of the schema and then of the records. It is an act of the
// operator, who writes to the person, and not of a role. What does not open is left out: nobody is told that it is there.
func (b *Bulk) addresses(ctx context.Context, db read.Querier, s *ir.Schema, subject policy.SubjectID, now time.Time) (out []string, err error) {
	for _, t := range s.Entities() {
		for _, f := range t.Fields {
			if !t.Subject || f.Kind != ir.Column || f.Format != "EMAIL" {
				continue
			}
			if b.Keys.Moving(f) { // some values are elsewhere
				return nil, fmt.Errorf("read %s: its values are moving to another storage: %w", f.Coordinate(), keyring.ErrUnavailable)
			}
			values, err := b.values(ctx, db, f, subject, now)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", f.Coordinate(), err)
			}
			out = append(out, values...)
		}
	}
	return out, nil
}

// values are those of a field in a person's own records, but for what is past its period.
func (b *Bulk) values(ctx context.Context, db read.Querier, f *ir.Field, subject policy.SubjectID, now time.Time) (out []string, err error) {
	where := []*entsql.Predicate{entsql.EQ("subject_id", subject.String()), entsql.NotNull(f.Column)}
	for _, r := range append(f.Owner.Retains[:len(f.Owner.Retains):len(f.Owner.Retains)], f.Retains...) {
		if b.Keys.Moving(r.After) { // when the period began cannot be read yet
			return nil, keyring.ErrUnavailable
		}
		where = append(where, entsql.Or(entsql.IsNull(r.After.Column), entsql.GTE(r.After.Column, r.For.Cutoff(now))))
	}
	query, args := entsql.Dialect(b.Dialect).Select("id", f.Column).From(entsql.Table(f.Owner.Table)).Where(entsql.And(where...)).OrderBy("id").Query()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []sealedRow
	for rows.Next() {
		r := sealedRow{by: subject}
		if err := rows.Scan(&r.id, &r.cell); err != nil {
			return nil, err
		}
		found = append(found, r)
		if !f.Sealed() {
			out = append(out, string(r.cell))
		}
	}
	if err := rows.Err(); err != nil || !f.Sealed() || found == nil {
		return out, err
	}
	err = b.opened(ctx, f, found, func(_ sealedRow, plain any) {
		if text, ok := plain.(string); ok && text != "" {
			out = append(out, text)
		}
	})
	return out, err
}
