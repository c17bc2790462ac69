package door

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var (
	requests = flag.Int("door.requests", 20_000, "malformed requests to send")
	seed     = flag.Uint64("door.seed", 0, "where to begin; 0: the same place every time")
)

// Whatever is sent, the answer is one that a client of GraphQL understands, no server error, not kept by anybody, and repeats
// nothing; and neither does the log.
func TestMalformedRequests(t *testing.T) {
	d := open(t, nil)
	in := newInventor(*seed, d.token(t, "SALES_MANAGER"))
	n := *requests
	if testing.Short() {
		n = min(n, 2000)
	}
	began, codes := time.Now(), map[string]int{}
	for i := range n {
		s := in.request()
		code, complaint := s.judge(d)
		if complaint != "" {
			t.Fatalf("request %d (-door.seed %d): %s\n%s", i, *seed, complaint, s)
		}
		codes[code]++
		if i%1000 == 999 || i == n-1 {
			if written := d.log.String(); tells(written) {
				t.Fatalf("request %d or one of the thousand before it is in the log", i)
			}
			d.log.mu.Lock()
			d.log.b.Reset()
			d.log.mu.Unlock()
		}
	}
	t.Logf("%d requests in %v: %v", n, time.Since(began).Round(time.Millisecond), codes)
	for _, code := range []string{"BAD_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "COST_EXCEEDED", "UNAUTHENTICATED", "FORBIDDEN", "executed"} {
		if codes[code] < n/2000 {
			t.Errorf("only %d requests were answered %s: they are not malformed in many ways", codes[code], code)
		}
	}
}

// Every kind of mistake the judge is there for, it sees.
func TestTheJudgeNotices(t *testing.T) {
	good := `{"errors":[{"message":"no","extensions":{"code":"BAD_INPUT"}}]}`
	answer := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	s := sent{method: "POST", path: "/graphql"}
	escaped, _ := json.Marshal(oddCanary)
	for name, c := range map[string]struct {
		h   http.Handler
		bad bool
	}{
		"a good answer":          {answer(400, good), false},
		"an executed operation":  {answer(200, `{"data":{"me":null},"extensions":{}}`), false},
		"a server error":         {answer(500, good), true},
		"unavailable":            {answer(503, good), true},
		"no JSON":                {answer(400, "no"), true},
		"an empty answer":        {answer(400, ""), true},
		"JSON of another kind":   {answer(400, `[]`), true},
		"neither data nor error": {answer(200, `{}`), true},
		"an error without code":  {answer(400, `{"errors":[{"message":"no"}]}`), true},
		"an error without text":  {answer(400, `{"errors":[{"extensions":{"code":"BAD_INPUT"}}]}`), true},
		"kept by caches":         {answer(400, good, "Cache-Control", "public"), true},
		"another type":           {answer(400, good, "Content-Type", "text/html"), true},
		"compressed":             {answer(400, good, "Content-Encoding", "gzip"), true},
		"an echo":                {answer(400, strings.Replace(good, "no", canary, 1)), true},
		"an echo in capitals":    {answer(400, strings.Replace(good, "no", strings.ToUpper(canary), 1)), true},
		"an escaped echo":        {answer(400, strings.Replace(good, `"no"`, string(escaped), 1)), true},
		"an echo in a header":    {answer(400, good, "X-Request", canary), true},
		"a panic":                {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no") }), true},
	} {
		if _, complaint := s.judge(c.h); (complaint != "") != c.bad {
			t.Errorf("%s: %q", name, complaint)
		}
	}
}

// sent is a request as it is sent.
type sent struct {
	method, path, query string
	headers             [][2]string
	body                []byte
}

// String is for whoever looks for the mistake.
func (s sent) String() string {
	return fmt.Sprintf("%s %s?%s\n%q\n%q", s.method, s.path, s.query, s.headers, s.body)
}

// judge sends the request, and says by which code it was answered, and what is wrong with the answer.
func (s sent) judge(h http.Handler) (code, complaint string) {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(s.body))
	r.Host = "127.0.0.1" // the development identity answers to names of this machine only
	r.Method, r.URL.Path, r.URL.RawQuery = s.method, s.path, s.query
	r.RequestURI = s.path + "?" + s.query
	for _, header := range s.headers {
		r.Header.Add(header[0], header[1])
	}
	w := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil {
			complaint = fmt.Sprintf("panic: %v", v)
		}
	}()
	h.ServeHTTP(w, r)
	body, head := w.Body.String(), w.Header()
	kind := head.Get("Content-Type")
	switch {
	case w.Code >= 500:
		return "", fmt.Sprintf("status %d: %s", w.Code, body)
	case tells(body) || tells(fmt.Sprint(head)):
		return "", fmt.Sprintf("it is repeated: %v %s", head, body)
	case head.Get("Cache-Control") != "no-store" || head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Content-Encoding") != "":
		return "", fmt.Sprintf("headers: %v", head)
	case kind != "application/json" && kind != "application/json; charset=utf-8" && kind != "application/graphql-response+json; charset=utf-8":
		return "", fmt.Sprintf("content type %s: %s", kind, body)
	}
	var a struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return "", fmt.Sprintf("%v: %s", err, body)
	}
	if a.Data == nil && len(a.Errors) == 0 {
		return "", "neither data nor an error: " + body
	}
	code = "executed"
	for _, e := range a.Errors {
		if e.Message == "" || e.Extensions.Code == "" {
			return "", "an error without a code: " + body
		}
		if e.Extensions.Code == "INTERNAL" {
			return "", "an internal error: " + body
		}
		code = e.Extensions.Code
	}
	return code, ""
}

// Canaries are in every request. The second has what is written in several ways.
const (
	canary    = "qzCanaryzq"
	oddCanary = `qz"<é>\zq`
)

var tellTales = func() []string {
	escaped, _ := json.Marshal(oddCanary)
	plain := strings.Trim(string(escaped), `"`)
	return []string{strings.ToLower(canary), strings.ToLower(oddCanary), strings.ToLower(plain), `qz\"<é>`, `qz\"\u003c`, `qz%22`, `qz\u0022`}
}()

// tells reports whether a canary is in a text.
func tells(text string) bool {
	text = strings.ToLower(text)
	for _, c := range tellTales {
		if strings.Contains(text, c) {
			return true
		}
	}
	return false
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
