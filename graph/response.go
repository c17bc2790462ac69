package graph

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// Encode renders a response. Data that the read path wrote is passed on as it is, not read and written once more. An
// operation that was not executed has no data, not even null (GraphQL §7.1).
func Encode(r *graphql.Response) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(r.Data) + 512)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // this is no HTML, and nosniff says so
	member := func(name string, v any) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":`)
		if raw, ok := v.(json.RawMessage); ok {
			b.Write(raw)
			return nil
		}
		if err := e.Encode(v); err != nil {
			return fmt.Errorf("encode the response: %w", err)
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
		return nil
	}
	b.WriteByte('{')
	if len(r.Errors) > 0 {
		if err := member("errors", r.Errors); err != nil {
			return nil, err
		}
	}
	if len(r.Data) > 0 {
		if err := member("data", r.Data); err != nil {
			return nil, err
		}
	}
	if len(r.Extensions) > 0 {
		if err := member("extensions", r.Extensions); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
