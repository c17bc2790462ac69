package write

import (
	"context"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// SubjectsWith returns the people whose rows of f's type have a value in f, each once. It looks under a system capability: who
// somebody is has to be known before anything can be asked in their name. A value that f does not accept is nobody's.
func (b *Bulk) SubjectsWith(ctx context.Context, f *ir.Field, value string) ([]uuid.UUID, error) {
	v, err := format.Parse(f, value)
	if err != nil || v == nil {
		return nil, nil
	}
	if b.Keys.Moving(f) { // some values are elsewhere: an answer might miss a second person
		return nil, fmt.Errorf("look up %s: its values are moving to another storage: %w", f.Coordinate(), keyring.ErrUnavailable)
	}
	seen := map[uuid.UUID]bool{}
	var out []uuid.UUID
	add := func(id uuid.UUID) {
		if id != uuid.Nil && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	if !f.Sealed() {
		query, args := entsql.Dialect(b.Dialect).Select("subject_id").From(entsql.Table(f.Owner.Table)).Where(entsql.EQ(f.Column, v)).Query()
		rows, err := b.DB.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
		}
		defer rows.Close()
		for rows.Next() {
			var id uuid.NullUUID
			if err := rows.Scan(&id); err != nil {
				return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
			}
			add(id.UUID)
		}
		return out, rows.Err()
	}
	indexes, err := b.Keys.Blind(ctx, f, v)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
	}
	wanted := make([]any, len(indexes))
	for i, n := range indexes {
		wanted[i] = n
	}
	query, args := entsql.Dialect(b.Dialect).Select("id", "subject_id", f.Column, f.IndexColumn()).From(entsql.Table(f.Owner.Table)).
		Where(entsql.In(f.IndexColumn(), wanted...)).Query()
	rows, err := b.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
	}
	candidates, err := sealedRows(rows)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
	}
	// Strays that only share the index are told apart by opening them; who is erased does not open.
	err = b.opened(ctx, f, candidates, func(r sealedRow, plain any) {
		if format.Same(f, plain, v) {
			add(r.by)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", f.Coordinate(), err)
	}
	return out, nil
}
