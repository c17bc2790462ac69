package house

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// SampleQuery is a first question about people that the role may ask of this schema, with its purpose; false when there is
// none. It is made from the schema, so that it fits whatever schema the program was built with.
func (h *House) SampleQuery(role *ir.Role) (query string, ok bool) {
	for _, t := range h.Schema.Entities() {
		if !t.Subject {
			continue
		}
		for _, p := range h.Schema.Purposes {
			r := policy.Request{Schema: h.Schema, Role: role, Purpose: p}
			if !role.Purposes().Has(p) || !policy.RowsOf(t, ir.Read, r).Allowed {
				continue
			}
			fields := strings.Join(someFields(t), " ")
			if p.IsSelfService() {
				return fmt.Sprintf("query @for(purpose: %s) { me { %s { nodes { %s } } } }", p.Name, t.Plural, fields), true
			}
			return fmt.Sprintf("query @for(purpose: %s) { %s(first: 3) { nodes { %s } } }", p.Name, t.Plural, fields), true
		}
	}
	return "", false
}

// someFields are a handful of a type's scalars, those about the person first: they are the ones that differ by role.
func someFields(t *ir.Type) []string {
	var personal, rest []string
	for _, f := range t.Fields {
		switch {
		case f.Kind != ir.Column:
		case f.Pii != nil:
			personal = append(personal, f.Name)
		default:
			rest = append(rest, f.Name)
		}
	}
	all := append(personal, rest...)
	if len(all) == 0 {
		return []string{"id"}
	}
	return all[:min(5, len(all))]
}

// People are some persons to try self-service out as, fewer where there are not so many. It reads opaque identifiers and
// nothing about anybody.
func (h *House) People(ctx context.Context, limit int) ([]policy.SubjectID, error) {
	var ids []policy.SubjectID
	for _, t := range h.Schema.Entities() {
		if !t.Subject || len(ids) >= limit {
			continue
		}
		query, args := entsql.Dialect(h.store.Dialect).Select("subject_id").From(entsql.Table(t.Table)).OrderBy("id").Limit(limit).Query()
		more, err := column[uuid.UUID](ctx, h.store.DB, query, args)
		if err != nil {
			return nil, fmt.Errorf("look for people: %w", err)
		}
		for _, id := range more {
			if !slices.Contains(ids, id) && len(ids) < limit {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Values are what a column holds, the commonest first and not all if there are many. It must be a column that is hidden from
// nobody.
func (h *House) Values(ctx context.Context, f *ir.Field) ([]string, error) {
	name := f.PlainColumn()
	d := entsql.Dialect(h.store.Dialect)
	query, args := d.Select(name).From(entsql.Table(f.Owner.Table)).Where(entsql.NotNull(name)).GroupBy(name).
		OrderExpr(entsql.Expr("COUNT(*) DESC")).OrderBy(name).Limit(20).Query()
	values, err := column[string](ctx, h.store.DB, query, args)
	if err != nil {
		return nil, fmt.Errorf("look for values of %s: %w", f.Coordinate(), err)
	}
	return values, nil
}

// column reads the one column of a query.
func column[T any](ctx context.Context, db *sql.DB, query string, args []any) (out []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
