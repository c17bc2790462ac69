package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const there, evil = "https://portal.example.org", "https://evil.test"

// withOrigins is a server that browsers know as https://crm.example.com, and whose operator named one other site.
func withOrigins(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, echo)
	f.server.config.PublicURL, f.server.config.Origins = "https://crm.example.com", []string{there}
	f.handler = f.server.routes()
	return f
}

// cors are the headers by which a browser lets a page of another site read an answer.
func cors(h http.Header) string {
	var out []string
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

func TestPagesOfNamedSitesMayAsk(t *testing.T) {
	f := withOrigins(t)
	auth, kind := "Authorization: Bearer "+f.token, "Content-Type: application/json"
	for name, c := range map[string]struct {
		headers []string
		status  int
		allow   string
	}{
		"a named site":                      {[]string{auth, "Origin: " + there, "Sec-Fetch-Site: cross-site"}, 200, there},
		"a named site, in an old browser":   {[]string{auth, "Origin: " + there}, 200, there},
		"a named site, not signed in":       {[]string{"Origin: " + there, "Sec-Fetch-Site: cross-site"}, 401, there},
		"our own page":                      {[]string{auth, "Origin: https://crm.example.com", "Sec-Fetch-Site: same-origin"}, 200, ""},
		"our own page, in an old browser":   {[]string{auth, "Origin: https://crm.example.com"}, 200, ""},
		"our own page without encryption":   {[]string{auth, "Origin: http://crm.example.com"}, 403, ""},
		"another site":                      {[]string{auth, "Origin: " + evil, "Sec-Fetch-Site: cross-site"}, 403, ""},
		"a part of a named site's name":     {[]string{auth, "Origin: " + there + ".evil.test"}, 403, ""},
		"a sister of a named site":          {[]string{auth, "Origin: https://x.portal.example.org"}, 403, ""},
		"a named site and another":          {[]string{auth, "Origin: " + there, "Origin: " + evil}, 403, ""},
		"a file":                            {[]string{auth, "Origin: null"}, 403, ""},
		"the address behind the proxy":      {[]string{auth, "Origin: http://example.com"}, 403, ""},
		"another site that says it is none": {[]string{auth, "Origin: " + evil, "Sec-Fetch-Site: none"}, 403, ""},
		"our own page, opened by nobody":    {[]string{auth, "Origin: https://crm.example.com", "Sec-Fetch-Site: none"}, 200, ""},
		"an address that somebody typed":    {[]string{auth, "Sec-Fetch-Site: none"}, 200, ""},
		"no browser":                        {[]string{auth}, 200, ""},
	} {
		for _, method := range []string{"GET", "POST"} {
			w := f.do(method, "/graphql", "{}", append(c.headers, kind)...)
			h := w.Header()
			if w.Code != c.status || h.Get("Access-Control-Allow-Origin") != c.allow || (h.Get("Access-Control-Allow-Credentials") == "true") != (c.allow != "") ||
				h.Get("Vary") != "Origin" || c.allow == "" && cors(h) != "" || h.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s, %s: %d %v", name, method, w.Code, h)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	f := withOrigins(t)
	asks := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type", "Sec-Fetch-Site: cross-site"}
	w := f.do("OPTIONS", "/graphql", "", append(asks, "Origin: "+there)...)
	h := w.Header()
	if w.Code != 204 || w.Body.Len() > 0 || h.Get("Access-Control-Allow-Origin") != there || h.Get("Access-Control-Allow-Methods") != "GET, POST" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Type") || !strings.Contains(strings.Join(h.Values("Vary"), ", "), "Origin") {
		t.Errorf("a named site: %d %v %s", w.Code, h, w.Body)
	}
	for _, from := range []string{"Origin: " + evil, "Origin: null", "Origin: *", "X: y"} {
		if w := f.do("OPTIONS", "/graphql", "", append(asks, from)...); w.Code != 403 || cors(w.Header()) != "" {
			t.Errorf("%s: %d %v", from, w.Code, w.Header())
		}
	}
	if w := f.do("OPTIONS", "/", "", append(asks, "Origin: "+there)...); w.Code != 405 || cors(w.Header()) != "" {
		t.Errorf("elsewhere: %d %v", w.Code, w.Header())
	}
}

// Nothing that another site could have had a hand in is compressed together with personal data.
func TestAnswersAreNeverCompressed(t *testing.T) {
	f := newFixture(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("secret ", 1000))) })
	send := func(headers ...string) (string, http.Header) {
		w := f.do("POST", "/graphql", "{}", append(headers, "Authorization: Bearer "+f.token, "Content-Type: application/json")...)
		return w.Body.String(), w.Header()
	}
	want, _ := send()
	for _, accept := range []string{"gzip", "br", "zstd, gzip, deflate;q=0.5", "*", "gzip;q=1.0, identity;q=0"} {
		if got, h := send("Accept-Encoding: " + accept); got != want || h.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding: %s: %d bytes, %v", accept, len(got), h)
		}
	}
}

// What is too large is refused by what it says of itself, or when the bound is reached; in neither case is the rest read.
func TestTheRestOfALargeBodyIsNotRead(t *testing.T) {
	f := newFixture(t, echo)
	for name, length := range map[string]int64{"announced": 200 << 20, "in pieces": -1} {
		body := &counted{left: 200 << 20}
		r := httptest.NewRequest(http.MethodPost, "/graphql", body)
		r.Host, r.ContentLength = "localhost:8080", length
		r.Header.Set("Authorization", "Bearer "+f.token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != 413 || body.read > 4096 || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d after %d bytes, %v", name, w.Code, body.read, w.Header())
		}
	}
}
