package graph

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Any body is a request or the one fixed error. What is a request means the same to every reader of JSON, and comes out
// the same when it is written again.
func FuzzDecodeRequest(f *testing.F) {
	for _, body := range []string{
		`{"query": "{ me { id } }"}`,
		`{"query": "query Q($n: Int) { me { id } }", "operationName": "Q", "variables": {"n": 1, "big": 12345678901234567890, "list": [{}, null]}, "extensions": {}}`,
		`{"query": "{ me { id } }", "query": "{ __typename }"}`,
		`{"query": "{ me { id } }", "QUERY": "{ __typename }", "variables": null}`,
		`{"variables": {"a": {"b": 1, "b": 2}}, "query": "x"}`,
		`{"query": 1}`, `{"query": ""}`, `{}`, `[]`, `null`, ``, `{"query": "x"} {}`, "{\"query\": \"\xff\"}", `{"query": "\ud800"}`,
		`{"query": "x", "variables": {"a": ` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}`,
		"\ufeff" + `{"query": "x"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodeRequest(body)
		if err != nil {
			if !errors.Is(err, errMalformed) || p != nil {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if p.Query == "" {
			t.Fatal("a request without a query")
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("others do not read it at all: %v", err)
		}
		if plain["query"] != p.Query || plain["operationName"] != nil && plain["operationName"] != p.OperationName {
			t.Fatalf("others read %v in it", plain)
		}
		again, err := json.Marshal(map[string]any{"query": p.Query, "operationName": p.OperationName, "variables": p.Variables, "extensions": p.Extensions})
		if err != nil {
			t.Fatal(err)
		}
		q, err := decodeRequest(again)
		if err != nil || q.Query != p.Query || q.OperationName != p.OperationName || !reflect.DeepEqual(q.Variables, p.Variables) || !reflect.DeepEqual(q.Extensions, p.Extensions) {
			t.Fatalf("%s came back as %+v, %v", again, q, err)
		}
	})
}
