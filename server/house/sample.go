package house

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// AnySubject is the person of some record, for trying self-service out; false while there is nobody. It reads an opaque
// identifier and nothing about the person.
func (h *House) AnySubject(ctx context.Context) (policy.SubjectID, bool, error) {
	for _, t := range h.Schema.Entities() {
		if !t.Subject {
			continue
		}
		query, args := entsql.Dialect(h.store.Dialect).Select("subject_id").From(entsql.Table(t.Table)).OrderBy("id").Limit(1).Query()
		var id uuid.UUID
		err := h.store.DB.QueryRowContext(ctx, query, args...).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		return id, err == nil, err
	}
	return uuid.Nil, false, nil
}
