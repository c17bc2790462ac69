package live_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

const theirConsents = `{ me { consents { purpose last { method } } } }`

// heeding is how many purposes heed the signal.
func (s *site) heeding() int { return len(consent.GlobalPrivacyControl.Of(s.house.Schema)) }

// customer is somebody with a record, known by their name.
func (s *site) customer(name string) {
	s.t.Helper()
	_, id, err := read.DecodeID(s.create(name))
	if err != nil {
		s.t.Fatal(err)
	}
	s.people.set(name, &policy.Principal{ID: name, Role: "CUSTOMER", Subject: id})
}

type answer struct {
	status      int
	later, text string
}

// post asks with headers.
func (s *site) post(token, query string, headers http.Header) answer {
	s.t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query})
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if headers != nil {
		req.Header = headers.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Retry-After"), string(text)}
}

// optedOut is how many purposes somebody's browser opted out of for them, as they see it without it.
func (s *site) optedOut(token string) int {
	s.t.Helper()
	text := s.post(token, theirConsents, nil).text
	if !strings.Contains(text, "MARKETING") {
		s.t.Fatal(text)
	}
	return strings.Count(text, `"method":"GPC"`)
}

func TestBrowsersOptOut(t *testing.T) {
	s := open(t, nil)
	for name, c := range map[string]struct {
		headers http.Header
		want    int
	}{
		"with the header":      {http.Header{"Sec-Gpc": {"1"}}, s.heeding()},
		"in lower case":        {http.Header{"sec-gpc": {"1"}}, s.heeding()},
		"without":              {nil, 0},
		"with nothing in it":   {http.Header{"Sec-Gpc": {""}}, 0},
		"with a no":            {http.Header{"Sec-Gpc": {"0"}}, 0},
		"with a word":          {http.Header{"Sec-Gpc": {"true"}}, 0},
		"with two in one":      {http.Header{"Sec-Gpc": {"1, 1"}}, 0},
		"twice":                {http.Header{"Sec-Gpc": {"1", "1"}}, 0},
		"with another meaning": {http.Header{"Sec-Gpc": {"1;x=1"}}, 0},
		"with a sign":          {http.Header{"Sec-Gpc": {"+1"}}, 0},
		"with another header":  {http.Header{"Dnt": {"1"}}, 0},
	} {
		s.customer(name)
		if a := s.post(name, theirConsents, c.headers); a.status != http.StatusOK || strings.Count(a.text, `"method":"GPC"`) != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		if n := s.optedOut(name); n != c.want {
			t.Errorf("%s: later %d, want %d", name, n, c.want)
		}
	}
	if a := s.post("m", `query @for(purpose: SALES) { me { role } }`, http.Header{"Sec-Gpc": {"1"}}); a.status != http.StatusOK {
		t.Error("staff:", a.status, a.text)
	}
}

func TestBrowsersOptOutByEveryWay(t *testing.T) {
	s := open(t, nil)
	signal := http.Header{"Sec-Gpc": {"1"}}
	for way, come := range map[string]func(who string){
		"a request that is none": func(who string) { s.post(who, "", signal) },
		"a stream of events": func(who string) {
			s.streamWith(http.Header{"Authorization": {"Bearer " + who}, "Sec-Gpc": {"1"}}, theirConsents).ready()
		},
		"a WebSocket": func(who string) {
			ws, _, err := s.dial(signal, "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
			if err != nil {
				t.Fatal(err)
			}
			ws.send(`{"type":"connection_init","payload":{"authorization":"Bearer ` + who + `"}}`)
			ws.want("connection_ack")
		},
		"a WebSocket that is known before it says who": func(who string) {
			ws, _, err := s.dial(http.Header{"Sec-Gpc": {"1"}, "Cookie": {"session=" + who}}, "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
			if err != nil {
				t.Fatal(err)
			}
			ws.send(`{"type":"connection_init"}`)
			ws.want("connection_ack")
		},
	} {
		s.customer(way)
		come(way)
		if n := s.optedOut(way); n != s.heeding() {
			t.Errorf("%s: %d, want %d", way, n, s.heeding())
		}
	}
}

func TestWhoCannotBeHeardIsNotAnswered(t *testing.T) {
	s := open(t, nil)
	s.customer("ada")
	s.customer("zoe")
	signal := http.Header{"Sec-Gpc": {"1"}}
	s.post("ada", theirConsents, signal)
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "crm.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	lock, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	a := s.post("zoe", theirConsents, signal)
	if a.status != http.StatusServiceUnavailable || a.later == "" || !strings.Contains(a.text, `"UNAVAILABLE"`) || strings.Contains(a.text, "data") {
		t.Error("it cannot be recorded:", a.status, a.text)
	}
	if a := s.post("ada", theirConsents, signal); a.status != http.StatusOK {
		t.Error("it was recorded before:", a.status, a.text)
	}
	if _, err := lock.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if a := s.post("zoe", theirConsents, signal); a.status != http.StatusOK || strings.Count(a.text, `"method":"GPC"`) != s.heeding() {
		t.Error("it can be recorded again:", a.status, a.text)
	}
	if log := s.log.String(); !strings.Contains(log, "an opt-out could not be recorded") || strings.Contains(log, "zoe") {
		t.Error(log)
	}
}

func TestSupportOfGPCIsTold(t *testing.T) {
	s := open(t, nil)
	resp, err := s.Client().Get(s.URL + "/.well-known/gpc.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var told map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatal(resp.Status, resp.Header, err)
	}
	day, _ := told["lastUpdate"].(string)
	if told["gpc"] != true || len(told) != 2 || len(day) != len("2026-11-30") {
		t.Error(told)
	}
}
