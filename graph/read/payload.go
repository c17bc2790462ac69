package read

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Part is the content of one field of a mutation's payload: a row to read back, a text, or a consent.
type Part struct {
	Type    *ir.Type // with ID: the row, read back through the read path
	ID      string   // global id
	Text    string
	Consent *ConsentState
}

// PlanPayload finds fault with what a mutation is to give back before anything is written: an answer that fails after
// the write would let the client believe that nothing happened. rows are the payload's fields that show a row.
func (e *Engine) PlanPayload(ctx context.Context, typ string, rows map[string]*ir.Type) (err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return err
	}
	f := graphql.GetFieldContext(ctx).Field
	op := graphql.GetOperationContext(ctx)
	for _, sub := range graphql.CollectFields(op, f.Selections, []string{typ}) {
		if t := rows[sub.Name]; t != nil {
			if _, err := e.planRows(ctx, s, op, sub, pathOf(ctx)+"."+sub.Alias, t, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// Payload answers a mutation's root field: its selection over parts by field name. What was written is shown only as far
// as the viewer may read it.
func (e *Engine) Payload(ctx context.Context, typ string, parts map[string]Part) (o Object, err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return Object{}, err
	}
	f := graphql.GetFieldContext(ctx).Field
	op := graphql.GetOperationContext(ctx)
	enc := &encoder{buf: []byte{'{'}}
	for i, sub := range graphql.CollectFields(op, f.Selections, []string{typ}) {
		if i > 0 {
			enc.buf = append(enc.buf, ',')
		}
		enc.buf = append(enc.buf, `"`+sub.Alias+`":`...)
		part, ok := parts[sub.Name]
		switch {
		case sub.Name == "__typename":
			enc.buf = appendString(enc.buf, typ)
		case !ok:
			return Object{}, fmt.Errorf("%s has no field %s", typ, sub.Name)
		case part.Consent != nil:
			enc.consent(op, sub, *part.Consent)
		case part.Type != nil:
			rows, err := e.get(ctx, s, op, sub, pathOf(ctx)+"."+sub.Alias, part.Type, []string{part.ID})
			if err != nil {
				return Object{}, err
			}
			if rows[0].IsNull() {
				enc.buf = append(enc.buf, "null"...)
			} else {
				enc.buf = append(enc.buf, rows[0].json...)
			}
		default:
			enc.buf = appendString(enc.buf, part.Text)
		}
	}
	enc.buf = append(enc.buf, '}')
	return Object{json: enc.buf}, nil
}
