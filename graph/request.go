package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// errMalformed is all that is said of a body that is no request. It repeats nothing: whoever sends half a request by
// mistake has often sent somebody's data, and errors end up in logs.
var errMalformed = errors.New("malformed request: send one JSON object with query, and if needed operationName, variables and extensions")

// maxDepth is how deep JSON in a request may nest.
const maxDepth = 100

// decodeRequest reads the body of a request. It is strict where JSON leaves room: two members of one name, bytes that are
// not UTF-8, and text behind the object are refused, because two programs that read such a body differently (a proxy that
// checks it, and this one) would judge two different requests (RFC 8259 Section 4). Numbers keep their digits. Members it
// does not know are passed over, as the GraphQL over HTTP draft leaves them to extensions.
func decodeRequest(body []byte) (*graphql.RawParams, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errMalformed
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, errMalformed
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errMalformed
	}
	p := &graphql.RawParams{}
	if !optional(members, "query", &p.Query) || p.Query == "" || !optional(members, "operationName", &p.OperationName) ||
		!optional(members, "variables", &p.Variables) || !optional(members, "extensions", &p.Extensions) {
		return nil, errMalformed
	}
	return p, nil
}

// optional stores a member that is there and not null; false if it is of another type.
func optional[T any](members map[string]any, name string, into *T) bool {
	v := members[name]
	if v == nil {
		return true
	}
	t, ok := v.(T)
	*into = t
	return ok
}

// decodeValue reads one value of valid JSON, refusing objects with two members of one name.
func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil || depth > maxDepth {
		return nil, errMalformed
	}
	switch token {
	case json.Delim('{'):
		out := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ := name.(string)
			if _, twice := out[key]; twice {
				return nil, errMalformed
			}
			if out[key], err = decodeValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err := d.Token()
		return out, err
	}
	return token, nil
}
