package read

import (
	"errors"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// record is an object of the API that is no stored row: its fields are worked out one by one as they are asked for.
type record struct {
	typ   string
	field func(f graphql.CollectedField) (any, error)
}

// record writes r with the selection of f.
func (e *encoder) record(op *graphql.OperationContext, f graphql.CollectedField, r record) {
	e.buf = append(e.buf, '{')
	for i, sub := range graphql.CollectFields(op, f.Selections, []string{r.typ}) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, '"')
		e.buf = append(e.buf, sub.Alias...)
		e.buf = append(e.buf, `":`...)
		if sub.Name == "__typename" {
			e.buf = appendString(e.buf, r.typ)
			continue
		}
		v, err := r.field(sub)
		if err != nil {
			e.fail(err)
			return
		}
		e.made(op, sub, v)
	}
	e.buf = append(e.buf, '}')
}

// made writes what a field of a record is: nil, a text, a truth, a number, a moment, a record, records, or an Object.
func (e *encoder) made(op *graphql.OperationContext, f graphql.CollectedField, v any) {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case string:
		e.buf = appendString(e.buf, v)
	case bool:
		e.buf = fmt.Appendf(e.buf, "%t", v)
	case int64:
		e.buf = fmt.Appendf(e.buf, "%d", v)
	case time.Time:
		e.buf = appendString(e.buf, v.UTC().Format(time.RFC3339Nano))
	case record:
		e.record(op, f, v)
	case []record:
		e.buf = append(e.buf, '[')
		for i, r := range v {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.record(op, f, r)
		}
		e.buf = append(e.buf, ']')
	case Object:
		if v.IsNull() {
			e.buf = append(e.buf, "null"...)
		} else {
			e.buf = append(e.buf, v.json...)
		}
	default:
		e.fail(fmt.Errorf("%T is no value of a record", v))
	}
}

// answer is the record as the answer of a root field.
func (e *Engine) answer(op *graphql.OperationContext, f graphql.CollectedField, r record) (Object, error) {
	enc := &encoder{}
	enc.record(op, f, r)
	if enc.err != nil {
		return Object{}, enc.err
	}
	return Object{json: enc.buf}, nil
}

// textOr is s, or null where there is none.
func textOr(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// errNoField is what the schema and this package disagree about.
var errNoField = errors.New("the engine does not know this field")
