package graph_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// put stores a row and returns its id.
func (w *world) put(t testing.TB, typ string, values map[string]any) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	res, err := w.Bulk().Upsert(context.Background(), w.Schema().Type(typ), []importer.Row{{ID: id, Create: true, Values: values}})
	if err != nil || res.Created != 1 {
		t.Fatalf("put %s: %+v %v", typ, res, err)
	}
	return id
}

// setState overwrites the privacy state of a person's rows of a type's table.
func (w *world) setState(t testing.TB, typ string, id uuid.UUID, s policy.State) {
	t.Helper()
	_, err := w.store.DB.Exec(`UPDATE "` + w.Schema().Type(typ).Table + `" SET privacy_state = ` + json.Number(itoa(int64(s))).String() + ` WHERE id = '` + id.String() + `'`)
	if err != nil {
		t.Fatal(err)
	}
}

func itoa(v int64) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// reply is a decoded response.
type reply struct {
	raw  string
	Data map[string]any
	Errs []struct {
		Message    string
		Extensions map[string]any
	}
	Extensions struct{ Privacy []read.Note }
}

// ask runs an operation as ROLE with attributes k=v.
func (w *world) ask(t testing.TB, p policy.Principal, query string, vars ...any) reply {
	t.Helper()
	variables := map[string]any{}
	for i := 0; i+1 < len(vars); i += 2 {
		variables[vars[i].(string)] = vars[i+1]
	}
	resp := w.Do(policy.WithPrincipal(context.Background(), p), query, variables)
	raw, err := json.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	var wire struct {
		Data       map[string]any
		Errors     json.RawMessage
		Extensions struct{ Privacy []read.Note }
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	r.raw, r.Data, r.Extensions = string(raw), wire.Data, wire.Extensions
	if wire.Errors != nil {
		if err := json.Unmarshal(wire.Errors, &r.Errs); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// ok fails the test if the operation had errors.
func (r reply) ok(t testing.TB) reply {
	t.Helper()
	if len(r.Errs) > 0 {
		t.Fatal(r.raw)
	}
	return r
}

// code is the first error's code.
func (r reply) code() string {
	if len(r.Errs) == 0 {
		return ""
	}
	code, _ := r.Errs[0].Extensions["code"].(string)
	return code
}

// at follows a path of keys and list indices.
func (r reply) at(path string) any {
	var v any = r.Data
	for _, step := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// why is the note on a path.
func (r reply) why(path string) read.Note {
	for _, n := range r.Extensions.Privacy {
		if n.Path == path {
			return n
		}
	}
	return read.Note{}
}

func as(role string, attrs ...string) policy.Principal {
	p := policy.Principal{ID: role, Role: role, Attrs: map[string]any{}, AAL: 2, AuthenticatedAt: today}
	for i := 0; i+1 < len(attrs); i += 2 {
		p.Attrs[attrs[i]] = attrs[i+1]
	}
	return p
}
