package read

import (
	"context"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// me answers who the viewer is: their records, if they are a data subject, and what they said about each purpose.
func (e *Engine) me(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	enc := &encoder{}
	enc.buf = append(enc.buf, '{')
	for i, sub := range graphql.CollectFields(op, f.Selections, []string{"Me"}) {
		if i > 0 {
			enc.buf = append(enc.buf, ',')
		}
		enc.buf = append(enc.buf, `"`+sub.Alias+`":`...)
		switch sub.Name {
		case "__typename":
			enc.buf = append(enc.buf, `"Me"`...)
		case "id":
			enc.buf = appendString(enc.buf, EncodeID("Me", viewerID(s)))
		case "role":
			enc.buf = appendString(enc.buf, s.Principal.Role)
		case "consents":
			if err := e.myConsents(ctx, s, op, sub, enc); err != nil {
				return Object{}, err
			}
		default:
			t := e.subjectType(sub.Name)
			if t == nil {
				return Object{}, fmt.Errorf("me has no field %s", sub.Name)
			}
			json, err := e.mine(ctx, s, op, sub, t, pathOf(ctx)+"."+sub.Alias)
			if err != nil {
				return Object{}, err
			}
			enc.buf = append(enc.buf, json...)
		}
	}
	enc.buf = append(enc.buf, '}')
	return Object{json: enc.buf}, nil
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

func (e *Engine) myConsents(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, enc *encoder) error {
	var states []ConsentState
	if e.consents != nil && s.Principal.IsSubject() {
		var err error
		if states, err = e.consents.States(ctx, s.Principal.Subject); err != nil {
			return fmt.Errorf("read own consents: %w", err)
		}
	}
	enc.buf = append(enc.buf, '[')
	for i, st := range states {
		if i > 0 {
			enc.buf = append(enc.buf, ',')
		}
		enc.consent(op, f, st)
	}
	enc.buf = append(enc.buf, ']')
	return nil
}

var basisNames = map[ir.Basis]string{
	ir.BasisConsent: "CONSENT", ir.BasisContract: "CONTRACT", ir.BasisLegalObligation: "LEGAL_OBLIGATION",
	ir.BasisVitalInterests: "VITAL_INTERESTS", ir.BasisPublicTask: "PUBLIC_TASK", ir.BasisLegitimateInterests: "LEGITIMATE_INTERESTS",
}

// consent writes a ConsentState with the selection of f.
func (enc *encoder) consent(op *graphql.OperationContext, f graphql.CollectedField, st ConsentState) {
	enc.buf = append(enc.buf, '{')
	for i, sub := range graphql.CollectFields(op, f.Selections, []string{"ConsentState"}) {
		if i > 0 {
			enc.buf = append(enc.buf, ',')
		}
		enc.buf = append(enc.buf, `"`+sub.Alias+`":`...)
		switch sub.Name {
		case "__typename":
			enc.buf = append(enc.buf, `"ConsentState"`...)
		case "purpose":
			enc.buf = appendString(enc.buf, st.Purpose.Name)
		case "basis":
			enc.buf = appendString(enc.buf, basisNames[st.Purpose.Basis])
		case "notice":
			enc.buf = appendString(enc.buf, st.Purpose.Notice)
		case "given":
			enc.buf = fmt.Appendf(enc.buf, "%t", st.Given)
		case "objected":
			enc.buf = fmt.Appendf(enc.buf, "%t", st.Objected)
		case "at":
			if st.At == nil {
				enc.buf = append(enc.buf, "null"...)
			} else {
				enc.buf = appendString(enc.buf, st.At.UTC().Format(time.RFC3339Nano))
			}
		default:
			enc.buf = append(enc.buf, "null"...)
		}
	}
	enc.buf = append(enc.buf, '}')
}
