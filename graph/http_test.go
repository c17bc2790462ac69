package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// send posts a body as SALES_MANAGER and wants to know by the status whether it was executed.
func (w *world) send(body string, headers ...string) *httptest.ResponseRecorder {
	return w.post(body, append(headers, "Accept: application/graphql-response+json")...)
}

// post posts a body as SALES_MANAGER. Headers are `Name: value`.
func (w *world) post(body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req.WithContext(policy.WithPrincipal(req.Context(), as("SALES_MANAGER"))))
	return rec
}

func request(query string) string {
	b, _ := json.Marshal(map[string]string{"query": query})
	return string(b)
}

// first opens the gateway on one database: what is tested does not reach it.
func first(t *testing.T) *world { return databases(t)[0].open(t) }

// What is not a request is refused with one text, whatever was sent: neither the answer nor the log repeats it.
func TestMalformedRequestsAreNotRepeated(t *testing.T) {
	w := first(t)
	const malformed = `{"errors":[{"message":"malformed request: send one JSON object with query, or with documentId, and if needed operationName, variables and extensions","extensions":{"code":"BAD_INPUT"}}]}`
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for name, body := range map[string]string{
		"nothing":                    ``,
		"cut off":                    `{"query": "Canary`,
		"not JSON":                   `Canary`,
		"a string":                   `"Canary"`,
		"null":                       `null`,
		"no query":                   `{"canary": "{ me { role } }"}`,
		"an empty query":             `{"query": ""}`,
		"a query that is no text":    `{"query": {"Canary": 1}}`,
		"another spelling":           `{"Query": "{ Canary }"}`,
		"variables that are a list":  `{"query": "{ me { role } }", "variables": ["Canary"]}`,
		"variables that are a text":  `{"query": "{ me { role } }", "variables": "Canary"}`,
		"a name that is no text":     `{"query": "{ me { role } }", "operationName": 4711}`,
		"extensions that are a text": `{"query": "{ me { role } }", "extensions": "Canary"}`,
		"something behind it":        `{"query": "{ me { role } }"} {"Canary": 1}`,
		"a brace behind it":          `{"query": "{ me { role } }"}}`,
		"two queries":                `{"query": "{ Canary }", "query": "{ me { role } }"}`,
		"two queries, one escaped":   `{"query": "{ Canary }", "\u0071uery": "{ me { role } }"}`,
		"two variables of one name":  `{"query": "{ me { role } }", "variables": {"Canary": {"a": 1, "a": 2}}}`,
		"two within a list":          `{"query": "{ me { role } }", "variables": {"Canary": [{"a": 1, "a": 2}]}}`,
		"a byte order mark":          "\ufeff" + `{"query": "{ Canary }"}`,
		"an id that is none":         `{"documentId": "Canary bird"}`,
		"an id and another":          `{"documentId": "Canary", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "` + strings.Repeat("a0", 32) + `"}}}`,
		"a digest that is none":      `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "Canary"}}}`,
		"a version to come":          `{"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "` + strings.Repeat("a0", 32) + `"}}}`,
		"bytes that are not UTF-8":   "{\"query\": \"{ Canary\xff }\"}",
		"UTF-16":                     "{\x00\"\x00C\x00a\x00n\x00a\x00r\x00y\x00",
		"too deep":                   `{"query": "{ me { role } }", "variables": {"Canary": ` + deep + `}}`,
	} {
		r := w.send(body)
		if r.Code != 400 || strings.TrimSpace(r.Body.String()) != malformed {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
		if got := strings.ToLower(r.Body.String() + w.log.String()); strings.Contains(got, "canary") || strings.Contains(got, "4711") {
			t.Errorf("%s is repeated: %s", name, got)
		}
	}
	for name, body := range map[string]string{
		"nulls":           `{"query": "query Q @for(purpose: SALES) { me { role } }", "operationName": null, "variables": null, "extensions": null}`,
		"everything":      `{"extensions": {}, "variables": {}, "operationName": "Q", "query": "query Q @for(purpose: SALES) { me { role } }"}`,
		"something else":  ` {"query": "query Q @for(purpose: SALES) { me { role } }", "id": 7} ` + "\n",
		"an escaped name": `{"\u0071uery": "query Q @for(purpose: SALES) { me { role } }"}`,
	} {
		if r := w.send(body); r.Code != 200 || !strings.HasPrefix(r.Body.String(), `{"data":{"me":{"role":"SALES_MANAGER"}}`) {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
	}
}

// Numbers arrive as they are written.
func TestVariablesKeepTheirDigits(t *testing.T) {
	w := first(t)
	const q = `query($n: Int) @for(purpose: SALES) { contacts(first: $n) { totalCount } }`
	for n, want := range map[string]string{"1": `"data":{"contacts"`, "1.5": "BAD_INPUT GRAPHQL_VALIDATION_FAILED", "99999999999999999999": "BAD_INPUT GRAPHQL_VALIDATION_FAILED"} {
		got := w.send(`{"query": "` + q + `", "variables": {"n": ` + n + `}}`).Body.String()
		ok := false
		for _, one := range strings.Fields(want) {
			ok = ok || strings.Contains(got, one)
		}
		if !ok || strings.Contains(got, "INTERNAL") {
			t.Errorf("%s: %s", n, got)
		}
	}
}

// The media type and the status follow the GraphQL over HTTP draft: with application/graphql-response+json the status
// tells whether the operation was executed, with application/json it does not.
func TestMediaTypeAndStatus(t *testing.T) {
	w := first(t)
	const legacy, modern = "application/json", "application/graphql-response+json"
	good, wrong, why := request(`query @for(purpose: SALES) { me { role } }`), request(`{ nonsense }`), request(`{ me { role } }`)
	foreign := request(`query @for(purpose: ANALYTICS) { me { role } }`)
	for _, c := range []struct {
		body, accept, kind string
		status             int
	}{
		{good, "", legacy, 200},
		{good, "*/*", legacy, 200},
		{good, "application/*", legacy, 200},
		{good, "*/*, application/json;q=0.5", modern, 200},
		{good, legacy, legacy, 200},
		{good, legacy + ", " + modern, modern, 200},
		{good, modern + ";q=0.1, " + legacy, legacy, 200},
		{good, modern + ";q=0, */*", legacy, 200},
		{good, "text/html, application/json;q=0.9;charset=utf-8", legacy, 200},
		{good, "APPLICATION/JSON", legacy, 200},
		{good, "text/html", modern, 406},
		{good, "application/json;q=0", modern, 406},
		{good, "*/*;q=0", modern, 406},
		{good, "nonsense", modern, 406},
		{wrong, modern, modern, 400},
		{wrong, legacy, legacy, 200},
		{request("{ {"), legacy, legacy, 200},
		{request("{ {"), modern, modern, 400},
		{why, modern, modern, 400},
		{foreign, modern, modern, 403},
		{foreign, legacy, legacy, 200},
		{"{", legacy, legacy, 400},
		{"{", modern, modern, 400},
	} {
		var headers []string
		if c.accept != "" {
			headers = []string{"Accept: " + c.accept}
		}
		r := w.post(c.body, headers...)
		if kind := r.Header().Get("Content-Type"); r.Code != c.status || kind != c.kind+"; charset=utf-8" {
			t.Errorf("Accept %q, %s: %d %s %s", c.accept, c.body, r.Code, kind, r.Body)
		}
		if c.body != good && strings.Contains(r.Body.String(), `"data"`) {
			t.Errorf("an operation that was not executed has data: %s", r.Body)
		}
	}
	if r := w.post(good, "Accept: text/html", "Accept: "+legacy); r.Code != 200 {
		t.Errorf("two Accept headers: %d", r.Code)
	}
	// An error below a nullable place is data all the same.
	if r := w.send(request(`query @for(purpose: SALES) { contact(id: "nobody") { id } }`)); !strings.Contains(r.Body.String(), `"data":`) || r.Code != 200 {
		t.Errorf("executed: %d %s", r.Code, r.Body)
	}
}

// Errors of a document say what is wrong and where, in words of ours and of the schema.
func TestInvalidOperationsAreExplainedWithoutQuotes(t *testing.T) {
	w := first(t)
	type want struct{ query, code, text string }
	for name, c := range map[string]want{
		"syntax":                 {`{ contacts(first: "Canary" `, "GRAPHQL_PARSE_FAILED", "not a GraphQL document"},
		"a stray character":      {"{ me { role } } \x07Canary", "GRAPHQL_PARSE_FAILED", "not a GraphQL document"},
		"an unknown field":       {`{ contacts { nodes { canary } } }`, "GRAPHQL_VALIDATION_FAILED", "does not have: Contact"},
		"a field nearly right":   {`{ contacts { nodes { emial } } }`, "GRAPHQL_VALIDATION_FAILED", "does not have: Contact"},
		"an unknown argument":    {`{ contacts(canary: 1) { totalCount } }`, "GRAPHQL_VALIDATION_FAILED", "does not have"},
		"a missing argument":     {`{ contact { id } }`, "GRAPHQL_VALIDATION_FAILED", "required argument is missing: contact, id, ID!"},
		"an unknown directive":   {`{ me @canary { role } }`, "GRAPHQL_VALIDATION_FAILED", "no such directive"},
		"an unknown type":        {`query($c: Canary) { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "no such type"},
		"an unknown fragment":    {`{ me { ...Canary } }`, "GRAPHQL_VALIDATION_FAILED", "no such fragment"},
		"an unused fragment":     {`{ me { role } } fragment Canary on Me { role }`, "GRAPHQL_VALIDATION_FAILED", "fragment is not used"},
		"an undefined variable":  {`{ contact(id: $canary) { id } }`, "GRAPHQL_VALIDATION_FAILED", "variable is not declared"},
		"an unused variable":     {`query($canary: Int) { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "variable is not used"},
		"an enum":                {`query @for(purpose: Canary) { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "value does not fit"},
		"an enum nearly right":   {`query @for(purpose: SALE) { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "value does not fit its place: Purpose"},
		"a text for a number":    {`{ contacts(first: "Canary") { totalCount } }`, "GRAPHQL_VALIDATION_FAILED", "value does not fit"},
		"an unknown input field": {`{ contacts(where: {canary: {eq: "Canary"}}) { totalCount } }`, "GRAPHQL_VALIDATION_FAILED", "value does not fit its place: ContactWhere"},
		"a leaf with fields":     {`{ me { role { canary } } }`, "GRAPHQL_VALIDATION_FAILED", ""},
		"an object without":      {`{ me }`, "GRAPHQL_VALIDATION_FAILED", "selection"},
		"two meanings":           {`{ canary: me { role } canary: contacts { totalCount } }`, "GRAPHQL_VALIDATION_FAILED", "one name"},
		"two of a name":          {`query Canary { me { role } } query Canary { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "same name"},
		"which of two":           {`query Canary { me { role } } query Bird { me { role } }`, "GRAPHQL_VALIDATION_FAILED", "operationName must name one"},
		"no operation":           {`fragment Canary on Me { role }`, "GRAPHQL_VALIDATION_FAILED", "no operation"},
		"a variable's default":   {`query($c: Int = "Canary") { contacts(first: $c) { totalCount } }`, "GRAPHQL_VALIDATION_FAILED", "value does not fit"},
		"a cycle":                {`{ me { ...Canary } } fragment Canary on Me { ...Canary }`, "GRAPHQL_VALIDATION_FAILED", "itself"},
	} {
		got := w.send(request(c.query)).Body.String()
		var r struct {
			Errors []struct {
				Message    string
				Locations  []struct{ Line int }
				Path       any
				Extensions map[string]any
			}
		}
		if err := json.Unmarshal([]byte(got), &r); err != nil || len(r.Errors) == 0 {
			t.Fatalf("%s: %s", name, got)
		}
		found := false
		for _, e := range r.Errors {
			found = found || strings.Contains(e.Message, c.text)
			if e.Extensions["code"] != c.code || e.Path != nil || strings.ContainsAny(e.Message, "\"`") {
				t.Errorf("%s: %+v", name, e)
			}
			if len(e.Locations) == 0 && name != "which of two" && name != "no operation" {
				t.Errorf("%s has no location: %+v", name, e)
			}
		}
		low := strings.ToLower(got + w.log.String())
		if !found || strings.Contains(low, "canary") || strings.Contains(low, "did you mean") || strings.Contains(low, "emial") || strings.Contains(low, "bird") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A variable's value is not repeated, and neither are names the sender made up.
func TestInvalidVariablesAreExplainedWithoutQuotes(t *testing.T) {
	w := first(t)
	for name, c := range map[string]struct{ query, variables, text string }{
		"missing":          {`query($canary: ID!) { contact(id: $canary) { id } }`, `{}`, "variable"},
		"null":             {`query($canary: ID!) { contact(id: $canary) { id } }`, `{"canary": null}`, "variable"},
		"of another type":  {`query($canary: Int) { contacts(first: $canary) { totalCount } }`, `{"canary": "Canary"}`, "variable"},
		"an unknown field": {`query($w: ContactWhere) { contacts(where: $w) { totalCount } }`, `{"w": {"canary": "Canary"}}`, "variable"},
		"a field inside":   {`query($w: ContactWhere) { contacts(where: $w) { totalCount } }`, `{"w": {"email": {"eq": ["Canary"]}}}`, "email, eq"},
		"an enum":          {`query($canary: Purpose!) @for(purpose: $canary) { me { role } }`, `{"canary": "Canary"}`, "Purpose"},
	} {
		r := w.send(`{"query": "` + c.query + `", "variables": ` + c.variables + `}`)
		got := r.Body.String()
		if r.Code != 400 || !strings.Contains(got, "GRAPHQL_VALIDATION_FAILED") || !strings.Contains(got, c.text) || !strings.Contains(got, `"locations":[{"line":1,`) {
			t.Errorf("%s: %d %s", name, r.Code, got)
		}
		if strings.Contains(strings.ToLower(got+w.log.String()), "canary") || strings.Contains(got, `"path"`) {
			t.Errorf("%s is repeated: %s", name, got)
		}
	}
}
