package graph_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
)

// registry are registered documents.
type registry struct {
	documents map[string]graph.Document
	err       error
	asked     int
}

func (r *registry) Document(_ context.Context, id string) (graph.Document, error) {
	r.asked++
	if r.err != nil {
		return graph.Document{}, r.err
	}
	if d, ok := r.documents[id]; ok {
		return d, nil
	}
	return graph.Document{}, graph.ErrNoDocument
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// with is the same world behind a door of another configuration.
func (w *world) with(t testing.TB, change func(*graph.Config)) *world {
	t.Helper()
	other := &world{store: w.store, keys: w.keys, now: w.now, log: w.log, minGroup: w.minGroup, change: change}
	other.Gateway = other.gateway(t, compiled(t))
	return other
}

// get sends the parameters of a URL.
func (w *world) get(values url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), nil)
	r.Header.Set("Accept", "application/graphql-response+json")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r.WithContext(policy.WithPrincipal(r.Context(), as("SALES_MANAGER"))))
	return rec
}

func params(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

const (
	known   = `query Canary { me { role } }` // says no purpose: it was registered for one
	listed  = `query Page($n: Int, $w: ContactWhere, $after: String, $id: ID = "x") @for(purpose: SALES) { contacts(first: $n, where: $w, after: $after) { totalCount } node(id: $id) { id } }`
	change  = `mutation @for(purpose: SALES) { deleteContact(id: "canary") { id } }`
	unknown = `query Canary @for(purpose: SALES) { me { id: role } }`
)

func registered() *registry {
	r := &registry{documents: map[string]graph.Document{}}
	for _, d := range []graph.Document{{Text: known, Purpose: "SALES"}, {Text: listed, Purpose: "SALES"}, {Text: change, Purpose: "SALES"}} {
		r.documents[digest(d.Text)] = d
	}
	r.documents["me-v1"] = graph.Document{Text: known, Purpose: "SALES"}
	return r
}

// Which texts are answered, in each mode, by POST.
func TestTrustedDocuments(t *testing.T) {
	base := first(t)
	persisted := func(id string) map[string]any {
		return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": id}}
	}
	const ok = ""
	for name, c := range map[string]struct {
		body               map[string]any
		open, log, enforce string // codes
	}{
		"an id":                           {map[string]any{"documentId": digest(known)}, ok, ok, ok},
		"an id that names its kind":       {map[string]any{"documentId": "sha256:" + digest(known)}, ok, ok, ok},
		"a name of the manifest":          {map[string]any{"documentId": "me-v1"}, ok, ok, ok},
		"a persisted query":               {map[string]any{"extensions": persisted(digest(known))}, ok, ok, ok},
		"both":                            {map[string]any{"documentId": digest(known), "extensions": persisted(digest(known))}, ok, ok, ok},
		"an id and its text":              {map[string]any{"documentId": digest(known), "query": known}, ok, ok, ok},
		"an id and another text":          {map[string]any{"documentId": digest(known), "query": unknown}, "BAD_INPUT", "BAD_INPUT", "BAD_INPUT"},
		"an id and its text with a blank": {map[string]any{"documentId": digest(known), "query": known + " "}, "BAD_INPUT", "BAD_INPUT", "BAD_INPUT"},
		"the text of a registered one":    {map[string]any{"query": known}, "PURPOSE_REQUIRED", ok, ok},
		"an unknown text":                 {map[string]any{"query": unknown}, ok, ok, "DOCUMENT_NOT_TRUSTED"},
		"an unknown id":                   {map[string]any{"documentId": digest(unknown)}, "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND"},
		"an id that would register":       {map[string]any{"extensions": persisted(digest(unknown)), "query": unknown}, ok, ok, "PERSISTED_QUERY_NOT_FOUND"},
		"an id that lies about its text":  {map[string]any{"extensions": persisted(digest("x")), "query": unknown}, "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND"},
		"what the schema is":              {map[string]any{"query": `{ __schema { types { name } } }`}, ok, ok, "DOCUMENT_NOT_TRUSTED"},
		"what is no document":             {map[string]any{"query": `{ canary`}, "GRAPHQL_PARSE_FAILED", "GRAPHQL_PARSE_FAILED", "DOCUMENT_NOT_TRUSTED"},
	} {
		for mode, want := range map[graph.DocumentMode]string{graph.DocumentsOpen: c.open, graph.DocumentsLog: c.log, graph.DocumentsEnforce: c.enforce} {
			w := base.with(t, func(g *graph.Config) { g.Mode, g.Documents = mode, registered() })
			body, err := json.Marshal(c.body)
			if err != nil {
				t.Fatal(err)
			}
			r := w.send(string(body))
			if got := codeIn(t, r.Body.Bytes()); got != want {
				t.Errorf("%s, mode %d: %q, want %q: %s", name, mode, got, want, r.Body)
			}
			if strings.Contains(strings.ToLower(r.Body.String()+w.log.String()), "canary") {
				t.Errorf("%s, mode %d: repeated: %s %s", name, mode, r.Body, w.log)
			}
		}
	}
}

func codeIn(t testing.TB, body []byte) string {
	t.Helper()
	var a struct {
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// Mode log tells which documents would be refused: by their digests, and each once.
func TestUntrustedDocumentsAreLoggedByDigest(t *testing.T) {
	w := first(t).with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsLog, registered() })
	for range 3 {
		w.send(request(unknown))
		w.send(request(known))
	}
	if got := w.log.String(); strings.Count(got, digest(unknown)) != 1 || strings.Contains(got, digest(known)) || strings.Contains(got, "role") {
		t.Errorf("log: %s", got)
	}
}

// Without a registry, and while it cannot be read, a strict server answers nothing.
func TestARegistryThatIsNotThereTrustsNothing(t *testing.T) {
	base := first(t)
	for name, c := range map[string]struct {
		documents graph.Documents
		code      string
		status    int
	}{
		"none":        {nil, "DOCUMENT_NOT_TRUSTED", 403},
		"unreachable": {&registry{err: errors.New("dial canary: refused")}, "UNAVAILABLE", 503},
	} {
		w := base.with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsEnforce, c.documents })
		r := w.send(request(known))
		if got := codeIn(t, r.Body.Bytes()); got != c.code || r.Code != c.status || strings.Contains(r.Body.String(), "canary") {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
	}
	// The zero value of the mode is the strict one; a call in process is not asked at all.
	w := base.with(t, func(g *graph.Config) { g.Mode = 0 })
	if r := w.send(request(unknown)); codeIn(t, r.Body.Bytes()) != "DOCUMENT_NOT_TRUSTED" {
		t.Errorf("a gateway that nobody configured: %s", r.Body)
	}
	w.ask(t, as("SALES_MANAGER"), unknown).ok(t)
}

// A URL asks for queries only, and outside of development it carries no text.
func TestOperationsInURLs(t *testing.T) {
	base := first(t)
	open := base.with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsOpen, registered() })
	strict := base.with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsEnforce, registered() })
	logging := base.with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsLog, registered() })
	page, id := digest(listed), digest(known)
	for name, c := range map[string]struct {
		w      *world
		values url.Values
		status int
		code   string
	}{
		"a text":                       {open, params("query", unknown), 200, ""},
		"a text with variables":        {open, params("query", listed, "variables", `{"n": 1, "after": null, "w": {"email": null}}`), 200, ""},
		"a text, strictly":             {strict, params("query", unknown), 405, "BAD_INPUT"},
		"a registered text, strictly":  {strict, params("query", known), 405, "BAD_INPUT"},
		"a text where they are logged": {logging, params("query", unknown), 405, "BAD_INPUT"},
		"an id":                        {strict, params("documentId", id), 200, ""},
		"a persisted query":            {strict, params("extensions", `{"persistedQuery": {"version": 1, "sha256Hash": "`+id+`"}}`), 200, ""},
		"an unknown id":                {strict, params("documentId", digest(unknown)), 400, "PERSISTED_QUERY_NOT_FOUND"},
		"a number":                     {strict, params("documentId", page, "variables", `{"n": 2}`), 200, ""},
		"an identifier":                {strict, params("documentId", page, "variables", `{"id": "x"}`), 200, ""},
		"a text as a value":            {strict, params("documentId", page, "variables", `{"after": "canary"}`), 405, "BAD_INPUT"},
		"a text within a value":        {strict, params("documentId", page, "variables", `{"w": {"email": {"eq": "canary"}}}`), 405, "BAD_INPUT"},
		"a text as a value, openly":    {open, params("documentId", page, "variables", `{"after": "canary"}`), 200, "BAD_CURSOR"},
		"a mutation":                   {open, params("query", change), 405, "BAD_INPUT"},
		"a registered mutation":        {strict, params("documentId", digest(change)), 405, "BAD_INPUT"},
		"which of two":                 {open, params("query", "query A @for(purpose: SALES) { me { role } } mutation B { __typename }", "operationName", "A"), 200, ""},
		"the other":                    {open, params("query", "query A @for(purpose: SALES) { me { role } } mutation B { __typename }", "operationName", "B"), 405, "BAD_INPUT"},
		"two queries":                  {open, params("query", unknown, "query", known), 400, "BAD_INPUT"},
		"variables that are no object": {open, params("query", unknown, "variables", `["canary"]`), 400, "BAD_INPUT"},
		"two variables of one name":    {open, params("query", unknown, "variables", `{"canary": 1, "canary": 2}`), 400, "BAD_INPUT"},
		"nothing":                      {open, nil, 400, "BAD_INPUT"},
		"bytes that are not UTF-8":     {open, params("query", "{ me { role } } #\xff"), 400, "BAD_INPUT"},
		"something else, beside":       {open, params("query", unknown, "canary", "canary"), 200, ""},
	} {
		r := c.w.get(c.values)
		if got := codeIn(t, r.Body.Bytes()); r.Code != c.status || got != c.code || (r.Header().Get("Allow") == "POST") != (c.status == 405) {
			t.Errorf("%s: %d %s, Allow: %s", name, r.Code, r.Body, r.Header().Get("Allow"))
		}
		if strings.Contains(strings.ToLower(r.Body.String()+c.w.log.String()), "canary") {
			t.Errorf("%s: repeated: %s %s", name, r.Body, c.w.log)
		}
	}
}

// What was registered is read and planned once, whatever else is sent in between.
func TestTrustedDocumentsStayParsed(t *testing.T) {
	w := first(t).with(t, func(g *graph.Config) { g.Mode, g.Documents = graph.DocumentsLog, registered() })
	body := `{"documentId": "` + digest(known) + `"}`
	before := w.send(body).Body.String()
	for i := range 1100 {
		w.send(request(strings.Repeat(" ", i+1) + unknown))
	}
	if got := testing.AllocsPerRun(5, func() { w.send(body) }); got > 400 {
		t.Errorf("%v allocations: it was parsed again", got)
	}
	if after := w.send(body).Body.String(); after != before {
		t.Errorf("%s, then %s", before, after)
	}
}
