package read

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Part is the content of one field of a mutation's payload: a row to read back, or a value.
type Part struct {
	Type  *ir.Type // with ID: the row, read back through the read path
	ID    string   // global id
	Value any      // a text, or as StatePart and its like make it
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
	return e.answer(op, f, record{typ, func(sub graphql.CollectedField) (any, error) {
		part, ok := parts[sub.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s has no field %s", typ, sub.Name)
		case part.Type == nil:
			return part.Value, nil
		}
		rows, err := e.get(ctx, s, op, sub, pathOf(ctx)+"."+sub.Alias, part.Type, []string{part.ID})
		if err != nil {
			return nil, err
		}
		return rows[0], nil
	}})
}
