package graph

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
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
	for _, body := range []string{
		`{"documentId": "sha256:aa"}`, `{"documentId": ""}`, `{"documentId": "a b"}`, `[{"query": "x"}]`,
		`{"query": "x", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "` + strings.Repeat("a0", 32) + `"}}}`,
		`{"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "` + strings.Repeat("a0", 32) + `"}}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodeRequest(body)
		if err != nil {
			if !errors.Is(err, errMalformed) && !errors.Is(err, errBatch) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if p.query == "" && p.document == "" {
			t.Fatal("a request without a document")
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("others do not read it at all: %v", err)
		}
		if query, _ := plain["query"].(string); query != p.query || plain["operationName"] != nil && plain["operationName"] != p.operationName {
			t.Fatalf("others read %v in it", plain)
		}
		members := map[string]any{"query": p.query, "operationName": p.operationName, "variables": p.variables, "extensions": p.extensions}
		if p.document != "" {
			members["documentId"] = p.document
		}
		again, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		q, err := decodeRequest(again)
		if err != nil || !same(p, q) {
			t.Fatalf("%s came back as %+v, %v", again, q, err)
		}
		// A URL says the same.
		values := url.Values{}
		for name, v := range members {
			if text, ok := v.(string); ok {
				values.Set(name, text)
				continue
			}
			object, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			values.Set(name, string(object))
		}
		u, err := decodeURL(values.Encode())
		if err != nil || !same(p, u) || !u.byGET {
			t.Fatalf("%s came back from a URL as %+v, %v", again, u, err)
		}
	})
}

func same(a, b *request) bool {
	return a.query == b.query && a.operationName == b.operationName && a.document == b.document &&
		reflect.DeepEqual(a.variables, b.variables) && reflect.DeepEqual(a.extensions, b.extensions)
}

// Any query string is a request or a fixed error.
func FuzzDecodeURL(f *testing.F) {
	for _, q := range []string{"query={me{role}}", "query=a&query=b", "variables={}&query=x", "query=%ff", "query=%zz", "documentId=abc", "documentId=", "query=x;y", "", "query=x&extensions=[]", "query=x&variables=null", "query=x&unknown=1&unknown=2"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		r, err := decodeURL(q)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		if !r.byGET || r.query == "" && r.document == "" || !utf8.ValidString(r.query) {
			t.Fatalf("%+v", r)
		}
	})
}
