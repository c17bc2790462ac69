package read

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// me answers who the viewer is: their records, if they are a data subject, and what they said about each purpose.
func (e *Engine) me(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	return e.answer(op, f, record{"Me", func(sub graphql.CollectedField) (any, error) {
		switch sub.Name {
		case "id":
			return EncodeID("Me", viewerID(s)), nil
		case "role":
			return s.Principal.Role, nil
		case "consents":
			return e.myConsents(ctx, s)
		}
		t := e.subjectType(sub.Name)
		if t == nil {
			return nil, fmt.Errorf("me has no field %s", sub.Name)
		}
		json, err := e.mine(ctx, s, op, sub, t, pathOf(ctx)+"."+sub.Alias)
		return Object{json: json}, err
	}})
}

// viewerID is stable for an identity and tells nothing about it.
func viewerID(s *Session) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("viewer:"+s.Principal.ID))
}

func (e *Engine) subjectType(plural string) *ir.Type {
	for _, t := range e.schema.Types {
		if t.Subject && t.Plural == plural {
			return t
		}
	}
	return nil
}

// mine is a page of the viewer's own records of t, in whatever purpose: a viewer without a subject has none.
func (e *Engine) mine(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type, path string) ([]byte, error) {
	pl, err := e.planned(ctx, s, op, f, t, path, func(p *planner) error {
		p.plan.conn = p.connection(t, f, path, func(lv *level) {
			lv.where = append(lv.where, text(column(lv.alias, "subject_id")+" = ?", argFunc(ownSubject)))
		})
		return p.prepare(p.plan.conn)
	})
	if err != nil {
		return nil, err
	}
	r := e.newRun(ctx, s, pl)
	enc := &encoder{r: r}
	err = e.fetchAndEncode(r, pl.conn, func(res *results) error {
		enc.connection(pl.conn, "", res)
		r.refuse(place(ctx, path))
		return enc.err
	})
	return enc.buf, err
}

func (e *Engine) myConsents(ctx context.Context, s *Session) ([]record, error) {
	if !s.Principal.IsSubject() {
		return []record{}, nil
	}
	states, err := e.book.States(ctx, s.Principal.Subject, s.Now)
	if err != nil {
		return nil, fmt.Errorf("read own consents: %w", err)
	}
	return e.statesOf(ctx, states), nil
}
