package identity

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheDevelopmentIdentityAnswersOnThisMachineOnly(t *testing.T) {
	h := Loopback(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, c := range map[string]struct {
		host, header string
		want         int
	}{
		"localhost":                 {"localhost:8080", "", 200},
		"without a port":            {"localhost", "", 200},
		"IPv4":                      {"127.0.0.1:8080", "", 200},
		"another of them":           {"127.1.2.3", "", 200},
		"IPv6":                      {"[::1]:8080", "", 200},
		"IPv6 without a port":       {"[::1]", "", 200},
		"a name that was rebound":   {"evil.example:8080", "", 403},
		"a name that begins so":     {"localhost.evil.example", "", 403},
		"an address that begins so": {"127.0.0.1.evil.example", "", 403},
		"another machine":           {"192.0.2.1:8080", "", 403},
		"no host":                   {"", "", 403},
		"behind a proxy":            {"localhost", "X-Forwarded-For", 403},
		"behind one of today":       {"localhost", "Forwarded", 403},
		"behind one that says Via":  {"localhost", "Via", 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, "")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
