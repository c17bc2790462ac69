package house

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Errors of SubjectOf.
var (
	ErrNoSubject      = errors.New("want the subject's UUID, or the API's id of a record that is a person")
	ErrUnknownSubject = errors.New("nobody in this database has that id")
)

// ParseSubject reads a subject's UUID in its one canonical form.
func ParseSubject(text string) (policy.SubjectID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && id != uuid.Nil && id.String() == text
}

// SubjectOf returns the person that text names, by their UUID or by the id the API shows of a record that is a person.
func (h *House) SubjectOf(ctx context.Context, text string) (policy.SubjectID, error) {
	if id, ok := ParseSubject(text); ok {
		return id, h.knows(ctx, id)
	}
	name, row, err := read.DecodeID(text)
	if err != nil {
		return uuid.Nil, ErrNoSubject
	}
	t := h.Schema.Type(name)
	if t == nil || !t.Subject {
		return uuid.Nil, ErrNoSubject
	}
	id, err := h.Gateway.Subject(ctx, t, row)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, ErrUnknownSubject
	}
	return id, err
}

// knows is nil if some record is that person.
func (h *House) knows(ctx context.Context, id policy.SubjectID) error {
	for _, t := range h.Schema.Entities() {
		if !t.Subject {
			continue
		}
		query, args := entsql.Dialect(h.store.Dialect).Select("id").From(entsql.Table(t.Table)).Where(entsql.EQ("subject_id", id)).Limit(1).Query()
		var row uuid.UUID
		switch err := h.store.DB.QueryRowContext(ctx, query, args...).Scan(&row); {
		case err == nil:
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("look for a person: %w", err)
		}
	}
	return ErrUnknownSubject
}
