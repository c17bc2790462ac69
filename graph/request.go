package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// request is what somebody asks: a text, or the id of a registered one.
type request struct {
	query         string
	operationName string
	variables     map[string]any
	extensions    map[string]any
	document      string // id of a registered document

	overHTTP   bool   // the mode of documents holds
	byGET      bool   // it stood in a URL
	needsPOST  bool   // found out on the way: status 405
	registered bool   // query is the text of a registered document
	purpose    string // that the document was registered for
	doc        *ast.QueryDocument
	operation  operation   // as far as it was understood
	why        *ir.Purpose // once it is settled
	onceKey    string      // of Idempotency-Key
}

// errMalformed is all that is said of a request that is none. It repeats nothing: whoever sends half a request by mistake has
// often sent somebody's data, and errors end up in logs.
var errMalformed = errors.New("malformed request: send one JSON object with query, or with documentId, and if needed operationName, variables and extensions")

// errBatch is the one mistake worth a text of its own: many clients batch unless told not to.
var errBatch = errors.New("one request at a time: batches are not answered, because a batch would evade what bounds one operation")

// maxDepth is how deep JSON in a request may nest.
const maxDepth = 100

// decodeRequest reads the body of a request. It is strict where JSON leaves room: two members of one name, bytes that are
// not UTF-8, and text behind the object are refused, because two programs that read such a body differently (a proxy that
// checks it, and this one) would judge two different requests (RFC 8259 Section 4). Numbers keep their digits. Members it
// does not know are passed over, as the GraphQL over HTTP draft leaves them to extensions.
func decodeRequest(body []byte) (*request, error) {
	v, err := decodeJSON(body)
	if err != nil {
		return nil, err
	}
	if _, batch := v.([]any); batch {
		return nil, errBatch
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errMalformed
	}
	r := &request{}
	if !optional(members, "query", &r.query) || !optional(members, "operationName", &r.operationName) || !optional(members, "documentId", &r.document) ||
		!optional(members, "variables", &r.variables) || !optional(members, "extensions", &r.extensions) {
		return nil, errMalformed
	}
	_, named := members["documentId"].(string)
	return r, r.complete(named)
}

// decodeURL reads a request from the parameters of a URL, as strictly: a parameter stands there once, and variables and
// extensions are JSON objects.
func decodeURL(rawQuery string) (*request, error) {
	parameters, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, errMalformed
	}
	r := &request{byGET: true}
	named := false
	for name, values := range parameters {
		if len(values) != 1 || !utf8.ValidString(values[0]) {
			return nil, errMalformed
		}
		object := func() (map[string]any, bool) {
			v, err := decodeJSON([]byte(values[0]))
			m, ok := v.(map[string]any)
			return m, err == nil && (ok || v == nil)
		}
		ok := true
		switch name {
		case "query":
			r.query = values[0]
		case "operationName":
			r.operationName = values[0]
		case "documentId":
			r.document, named = values[0], true
		case "variables":
			r.variables, ok = object()
		case "extensions":
			r.extensions, ok = object()
		}
		if !ok {
			return nil, errMalformed
		}
	}
	return r, r.complete(named)
}

// complete settles which document is meant, and that one is.
func (r *request) complete(named bool) error {
	if named {
		var ok bool
		if r.document, ok = documentID(r.document); !ok {
			return errMalformed
		}
	}
	if p, there := r.extensions["persistedQuery"]; there && p != nil {
		m, ok := p.(map[string]any)
		if !ok {
			return errMalformed
		}
		id, _ := m["sha256Hash"].(string)
		if _, err := hex.DecodeString(id); err != nil || len(id) != 2*sha256.Size || strings.ToLower(id) != id || m["version"] != json.Number("1") || named && id != r.document {
			return errMalformed
		}
		r.document = id
	}
	if r.query == "" && r.document == "" {
		return errMalformed
	}
	return nil
}

// decodeJSON reads one JSON value, strictly.
func decodeJSON(text []byte) (any, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errMalformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, errMalformed
	}
	return v, nil
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
