package live_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/live"
)

// people says who a token is, and can change its mind.
type people struct {
	mu    sync.Mutex
	known map[string]policy.Principal
	err   error
	asked int
}

func (p *people) Authenticate(r *http.Request) (policy.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.err != nil {
		return policy.Principal{}, p.err
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if c, err := r.Cookie("session"); err == nil && token == "" {
		token = c.Value
	}
	if who, ok := p.known[token]; ok {
		return who, nil
	}
	return policy.Principal{}, errors.New("no such session")
}

func (p *people) set(token string, who *policy.Principal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if who == nil {
		delete(p.known, token)
		return
	}
	p.known[token] = *who
}

func (p *people) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// site is a server with an empty database.
type site struct {
	*httptest.Server
	t      testing.TB
	people *people
	house  *house.House
	hub    *live.Hub
	leave  chan struct{}
	log    *record
	dir    string
}

var manager = policy.Principal{ID: "manager", Role: "SALES_MANAGER"}

func open(t testing.TB, change func(*live.Config)) *site { return within(t, 30*time.Second, change) }

// within is a server whose requests must end in time.
func within(t testing.TB, limit time.Duration, change func(*live.Config)) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, leave: make(chan struct{}), log: &record{}, dir: dir}
	s.people = &people{known: map[string]policy.Principal{"m": manager, "officer": {ID: "officer", Role: "PRIVACY_OFFICER"},
		"marketer": {ID: "marketer", Role: "MARKETER"}}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	c := server.Default()
	c.Data, c.Timeout, c.PublicURL = dir, time.Second, ""
	var err error
	if s.house, err = house.Open(t.Context(), house.Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "crm.db"), Log: log,
		Gateway: func(g *graph.Config) { c.Gateway(g); g.Mode = graph.DocumentsOpen }}); err != nil {
		t.Fatal(err)
	}
	known := func(role string) bool { return s.house.Schema.Role(role) != nil }
	srv := server.New(c, server.Parts{GraphQL: s.house.Gateway, Identity: s.people, Log: log, KnownRole: known, Live: s.house.Gateway, Events: s.house.Gateway.Events(), Signals: s.house.Gateway,
		Streams: func(l *live.Config) {
			l.Leaving = s.leave
			if change != nil {
				change(l)
			}
		}})
	s.hub = srv.Streams()
	s.Server = httptest.NewUnstartedServer(srv.Handler())
	s.Config.ReadTimeout, s.Config.WriteTimeout = limit, limit
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := s.house.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask carries out an operation as whoever a token is.
func (s *site) ask(token, query string) map[string]any {
	s.t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query})
	req, err := http.NewRequest(http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		Data   map[string]any
		Errors []any
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || len(out.Errors) > 0 {
		s.t.Fatal(query, err, out.Errors)
	}
	return out.Data
}

func (s *site) create(name string) string {
	s.t.Helper()
	data := s.ask("m", `mutation @for(purpose: SALES) { createContact(input: {firstName: "`+name+`", email: "x@example.com", region: "EMEA"}) { contact { id } } }`)
	return data["createContact"].(map[string]any)["contact"].(map[string]any)["id"].(string)
}

// stream is an open stream of events.
type stream struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Scanner
	stop context.CancelFunc
}

const contacts = `subscription @for(purpose: SALES) { contactChanged { kind node { firstName } } }`

func (s *site) stream(token, query string) *stream {
	s.t.Helper()
	return s.streamWith(http.Header{"Authorization": {"Bearer " + token}}, query)
}

func (s *site) streamWith(credentials http.Header, query string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	s.t.Cleanup(cancel)
	body, _ := json.Marshal(map[string]any{"query": query})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = credentials.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return &stream{s.t, resp, bufio.NewScanner(resp.Body), cancel}
}

// next is the next event as `name data`, without extensions; comments count as `:`.
func (s *stream) next() string {
	s.t.Helper()
	var lines []string
	for s.in.Scan() {
		if line := s.in.Text(); line != "" {
			lines = append(lines, line)
			continue
		}
		if len(lines) == 1 {
			return lines[0]
		}
		name, data := strings.TrimPrefix(lines[0], "event: "), strings.TrimPrefix(lines[1], "data: ")
		return strings.TrimSpace(name + " " + shape(data))
	}
	return "end"
}

// shape is what of an answer a test looks at.
func shape(text string) string {
	var answer struct {
		Data   map[string]json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return text
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0].Extensions.Code
	}
	for _, v := range answer.Data {
		return string(v)
	}
	return ""
}

func (s *stream) want(what ...string) {
	s.t.Helper()
	for _, want := range what {
		got := s.next()
		for got == ":" && want != ":" {
			got = s.next()
		}
		if got != want {
			s.t.Fatalf("%s, want %s", got, want)
		}
	}
}

// ready waits until a stream is open on the server: its answer has begun.
func (s *stream) ready() *stream {
	s.t.Helper()
	if s.resp.StatusCode != http.StatusOK || s.resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || s.resp.Header.Get("Cache-Control") != "no-store" {
		s.t.Fatal(s.resp.Status, s.resp.Header)
	}
	return s
}

func TestEvents(t *testing.T) {
	s := within(t, 500*time.Millisecond, func(c *live.Config) { c.Ping = 50 * time.Millisecond })
	f := s.stream("m", contacts).ready()
	f.want(":")
	time.Sleep(1200 * time.Millisecond) // longer than the server's deadlines for requests
	s.create("Ada")
	f.want(`next {"kind":"CREATED","node":{"firstName":"Ada"}}`)
	f.stop()
	until(t, "the stream is gone", func() bool { return s.house.Gateway.Streams() == 0 && s.hub.Connections() == 0 })
}

func TestEventsOfOneAnswer(t *testing.T) {
	s := open(t, nil)
	s.stream("m", `query @for(purpose: SALES) { contacts { totalCount } }`).ready().want(`next {"totalCount":0}`, "complete", "end")
	s.stream("m", `{ nonsense }`).ready().want(`next GRAPHQL_VALIDATION_FAILED`, "complete", "end")
	s.stream("m", `subscription { contactChanged { kind } }`).ready().want(`next PURPOSE_REQUIRED`, "complete", "end")
	s.stream("m", `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada"}) { contact { firstName } } }`).ready().
		want(`next {"contact":{"firstName":"Ada"}}`, "complete", "end")
	if f := s.stream("nobody", contacts); f.resp.StatusCode != http.StatusUnauthorized {
		t.Error(f.resp.Status)
	}
	if f := s.stream("m", contacts+strings.Repeat(" ", 300<<10)); f.resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(f.resp.Status)
	}
}

// A mutation that is repeated with its key is one act, also where its answer is a stream.
func TestMutationsAreRepeatedOnStreams(t *testing.T) {
	s := open(t, nil)
	sent := http.Header{"Authorization": {"Bearer m"}, "Idempotency-Key": {"a-key"}}
	const create = `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada"}) { contact { id } } }`
	once, again := s.streamWith(sent, create).next(), s.streamWith(sent, create).next()
	if !strings.HasPrefix(once, "next {") || again != once {
		t.Errorf("%s, then %s", once, again)
	}
	s.streamWith(sent, strings.Replace(create, "Ada", "Eve", 1)).want("next IDEMPOTENCY_MISMATCH", "complete", "end")
	sent.Add("Idempotency-Key", "another")
	if f := s.streamWith(sent, create); f.resp.StatusCode != http.StatusBadRequest {
		t.Error("two keys", f.resp.Status)
	}
}

func TestARevokedSessionHearsNothingMore(t *testing.T) {
	s := open(t, nil)
	a, b, c := s.stream("m", contacts).ready(), s.stream("m", contacts).ready(), s.stream("officer", `subscription { contactChanged { kind } }`).ready()
	ws := s.socket("m")
	ws.subscribe("1", contacts)
	until(t, "all are open", func() bool { return s.house.Gateway.Streams() == 4 })
	s.people.set("m", nil)
	s.revoke("some session")
	a.want("next UNAUTHENTICATED", "complete", "end")
	b.want("next UNAUTHENTICATED", "complete", "end")
	ws.want(`1 error UNAUTHENTICATED`)
	ws.closed(4401)
	s.people.set("m", &manager)
	s.create("Ada")
	c.want(`next {"kind":"CREATED"}`)
	s.revoke("officer") // by its own id, without asking
	c.want("next UNAUTHENTICATED", "complete", "end")
}

// A session that ends without a notice ends its streams with the next event.
func TestASessionIsLookedAtAnewForEachEvent(t *testing.T) {
	s := open(t, nil)
	a := s.stream("m", contacts).ready()
	ws := s.socket("m")
	ws.subscribe("1", contacts)
	until(t, "both are open", func() bool { return s.house.Gateway.Streams() == 2 })
	other := manager
	other.ID = "other"
	s.people.set("other", &other)
	s.people.set("m", nil)
	s.ask("other", `mutation @for(purpose: SALES) { createContact(input: {firstName: "Ada"}) { contact { id } } }`)
	a.want("next UNAUTHENTICATED", "complete", "end")
	ws.want(`1 error UNAUTHENTICATED`)
}

// A connection lasts for an hour, and sessions and roles may not: each operation of a WebSocket is answered as whoever asks now.
func TestASessionIsLookedAtAnewForEachOperation(t *testing.T) {
	s := open(t, nil)
	me := func(purpose string) string { return `query @for(purpose: ` + purpose + `) { me { role } }` }
	officer := policy.Principal{ID: "officer", Role: "PRIVACY_OFFICER"}
	ws := s.socket("officer")
	ws.subscribe("1", me("PRIVACY_REQUEST"))
	ws.want(`1 next {"role":"PRIVACY_OFFICER"}`, "1 complete")
	s.people.set("officer", &policy.Principal{ID: "officer", Role: "MARKETER"})
	ws.subscribe("2", me("MARKETING"))
	ws.want(`2 next {"role":"MARKETER"}`, "2 complete")
	s.people.fail(&read.Error{Code: read.CodeUnavailable, Message: "try again later"})
	ws.subscribe("3", me("MARKETING"))
	ws.want(`3 error UNAVAILABLE`)
	s.people.fail(nil)
	ws.subscribe("4", me("MARKETING"))
	ws.want(`4 next {"role":"MARKETER"}`, "4 complete")
	s.people.set("officer", &policy.Principal{ID: "somebody else", Role: "PRIVACY_OFFICER"})
	ws.subscribe("5", me("PRIVACY_REQUEST"))
	ws.want(`5 error UNAUTHENTICATED`)
	ws.closed(4401)
	s.people.set("officer", &officer)
	ws = s.socket("officer")
	s.people.set("officer", nil)
	ws.subscribe("1", me("PRIVACY_REQUEST"))
	ws.want(`1 error UNAUTHENTICATED`)
	ws.closed(4401)
}

// Whoever is named by a notice does not stay until all others have been asked about.
func TestARevokedIdentityDoesNotWaitForOthers(t *testing.T) {
	held, release := make(chan struct{}, 100), make(chan struct{})
	s := open(t, func(c *live.Config) { c.Identity = slow{c.Identity, held, release} })
	defer close(release)
	for range 20 {
		s.stream("officer", `subscription { contactChanged { kind } }`).ready()
	}
	a := s.stream("m", contacts).ready()
	s.revoke("manager")
	<-held // somebody is being asked about
	a.want("next UNAUTHENTICATED", "complete", "end")
}

// slow is an authenticator that does not answer before it is released.
type slow struct {
	identity.Authenticator
	held    chan struct{}
	release chan struct{}
}

func (s slow) Authenticate(r *http.Request) (policy.Principal, error) {
	select {
	case s.held <- struct{}{}:
	default:
	}
	<-s.release
	return s.Authenticator.Authenticate(r)
}

// A cookie counts only with the word of the browser which page asks, also when it is looked at again.
func TestCookiesAreLookedAtAgain(t *testing.T) {
	directory := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "ory_kratos_session=m" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "session", "active": true, "expires_at": time.Now().Add(time.Hour), "identity": map[string]any{
			"id": "manager", "schema_id": "person", "schema_url": "", "traits": nil, "metadata_public": map[string]any{"cloakroom": map[string]any{"role": "SALES_MANAGER"}}}})
	}))
	defer directory.Close()
	s := open(t, func(c *live.Config) {
		kratos, err := identity.NewKratos(identity.KratosConfig{URL: directory.URL, Timeout: 5 * time.Second, Roles: staff{}})
		if err != nil {
			t.Fatal(err)
		}
		c.Identity = kratos
	})
	sent := func(headers ...string) http.Header {
		h := http.Header{"Cookie": {"session=m; ory_kratos_session=m"}}
		for _, name := range headers {
			h.Set(name, map[string]string{"Origin": s.URL, "Sec-Fetch-Site": "same-origin"}[name])
		}
		return h
	}
	for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
		f := s.streamWith(sent(header), contacts).ready()
		until(t, "it is open", func() bool { return s.house.Gateway.Streams() == 1 })
		s.revoke("somebody")
		s.create("Ada")
		f.want(`next {"kind":"CREATED","node":{"firstName":"Ada"}}`)
		f.stop()
		until(t, "it is gone", func() bool { return s.house.Gateway.Streams() == 0 })
	}
	for name, code := range map[string]int{"Origin": 0, "": 4403} {
		h := sent()
		if name != "" {
			h = sent(name)
		}
		ws, _, err := s.dial(h, "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
		if err != nil {
			t.Fatal(err)
		}
		ws.send(`{"type":"connection_init"}`)
		if code != 0 {
			ws.closed(code)
			continue
		}
		ws.want("connection_ack")
		ws.subscribe("1", `query @for(purpose: SALES) { me { role } }`)
		ws.want(`1 next {"role":"SALES_MANAGER"}`, "1 complete")
	}
}

// staff are the roles of a directory without customers.
type staff struct{}

func (staff) Kind(string) (known, customer bool) { return true, false }

// A panic ends the operation it happened in, and nothing else.
func TestAPanicEndsOneOperation(t *testing.T) {
	s := open(t, func(c *live.Config) { c.Gateway = panics{c.Gateway} })
	ws := s.socket("m")
	ws.subscribe("1", "panic anna@example.com")
	ws.want(`1 error INTERNAL`)
	ws.subscribe("1", `query @for(purpose: SALES) { me { role } }`)
	ws.want(`1 next {"role":"SALES_MANAGER"}`, "1 complete")
	if log := s.log.String(); !strings.Contains(log, "msg=panic") || strings.Contains(log, "anna") {
		t.Error(log)
	}
}

// record is a log that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// panics is a gateway with a fault.
type panics struct{ live.Gateway }

func (p panics) Open(ctx context.Context, body []byte, keys []string, who graph.Who) (*graph.Stream, error) {
	if bytes.Contains(body, []byte("panic")) {
		panic(string(body))
	}
	return p.Gateway.Open(ctx, body, keys, who)
}

func TestWithdrawnConsentIsMaskedFromThen(t *testing.T) {
	s := open(t, nil)
	id := s.create("Ada")
	say := func(what string) {
		s.ask("officer", `mutation { `+what+`Consent(input: {subject: "`+id+`", purpose: MARKETING, method: TELEPHONE, evidence: "call 7"}) { entryId } }`)
	}
	const q = `subscription @for(purpose: MARKETING) { contactChanged { kind node { email } } }`
	say("give")
	f := s.stream("marketer", q).ready()
	s.ask("m", `mutation @for(purpose: SALES) { updateContact(id: "`+id+`", input: {email: "ada@example.com"}) { contact { id } } }`)
	f.want(`next {"kind":"UPDATED","node":{"email":"ada@example.com"}}`)
	say("withdraw")
	if got := f.next(); !strings.Contains(got, "UPDATED") || strings.Contains(got, "ada@") {
		t.Error(got)
	}
}

func TestLeavingEndsStreams(t *testing.T) {
	s := open(t, nil)
	a := s.stream("m", contacts).ready()
	ws := s.socket("m")
	ws.subscribe("1", contacts)
	until(t, "both are open", func() bool { return s.house.Gateway.Streams() == 2 })
	close(s.leave)
	a.want("next UNAVAILABLE", "complete", "end")
	ws.want(`1 error UNAVAILABLE`)
	ws.closed(int(websocket.StatusGoingAway))
	if f := s.stream("m", contacts); f.resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(f.resp.Status)
	}
}

func TestNothingLastsForever(t *testing.T) {
	s := open(t, func(c *live.Config) { c.Life = 300 * time.Millisecond })
	a := s.stream("m", contacts).ready()
	ws := s.socket("m")
	ws.subscribe("1", contacts)
	a.want("next UNAVAILABLE", "complete", "end")
	ws.want(`1 error UNAVAILABLE`)
	ws.closed(int(websocket.StatusGoingAway))
}

func TestConnectionsAreCounted(t *testing.T) {
	s := open(t, nil)
	var all []*stream
	for range 50 {
		all = append(all, s.stream("m", contacts).ready())
	}
	if f := s.stream("m", contacts); f.resp.StatusCode != http.StatusTooManyRequests {
		t.Error(f.resp.Status)
	}
	s.stream("officer", `subscription { contactChanged { kind } }`).ready()
	all[0].stop()
	until(t, "one is gone", func() bool { return s.hub.Connections() == 50 })
	s.stream("m", contacts).ready()
}

// A client that takes nothing is cut off, and keeps nobody waiting.
func TestASlowClientIsCutOff(t *testing.T) {
	s := open(t, func(c *live.Config) { c.Write = 300 * time.Millisecond; c.Ping = 100 * time.Millisecond })
	slow := s.stream("m", `subscription @for(purpose: SALES) { contactChanged { kind node { firstName notes } } }`).ready()
	until(t, "it is open", func() bool { return s.house.Gateway.Streams() == 1 })
	long := strings.Repeat("x", 9000)
	id := s.create("Ada")
	for i := range 2000 {
		if s.house.Gateway.Streams() == 0 {
			return
		}
		s.ask("m", `mutation @for(purpose: SALES) { updateContact(id: "`+id+`", input: {notes: "`+fmt.Sprint(i)+long+`"}) { contact { id } } }`)
	}
	t.Error("still there", slow.resp.Status)
}

func TestThousandIdleStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a thousand connections")
	}
	s := open(t, nil)
	for i := range 1000 {
		who := manager
		who.ID = fmt.Sprint("manager ", i)
		s.people.set(fmt.Sprint(i), &who)
	}
	measure := func() (uint64, int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	before, routines := measure()
	var all []*stream
	for i := range 1000 {
		all = append(all, s.stream(fmt.Sprint(i), contacts).ready())
	}
	after, more := measure()
	s.people.mu.Lock()
	asked := s.people.asked
	s.people.mu.Unlock()
	t.Logf("1000 idle streams, client and server in one process: %d KiB and %d goroutines each", (after-before)/1000>>10, (more-routines)/1000)
	begun := time.Now()
	s.create("Ada")
	for _, f := range all {
		f.want(`next {"kind":"CREATED","node":{"firstName":"Ada"}}`)
	}
	t.Logf("all of them were told within %s", time.Since(begun).Round(time.Millisecond))
	if asked != 1000 {
		t.Errorf("who asks was found out %d times before anything happened", asked)
	}
}

// socket is a WebSocket whose client keeps to the protocol, or not.
type socket struct {
	t  testing.TB
	ws *websocket.Conn
}

func (s *site) dial(headers http.Header, protocols ...string) (*socket, *http.Response, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+"/graphql", &websocket.DialOptions{HTTPHeader: headers, Subprotocols: protocols})
	if err != nil {
		return nil, resp, err
	}
	s.t.Cleanup(func() { _ = ws.CloseNow() })
	return &socket{s.t, ws}, resp, nil
}

func (s *site) socket(token string) *socket {
	s.t.Helper()
	ws, _, err := s.dial(nil, "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
	if err != nil {
		s.t.Fatal(err)
	}
	ws.send(`{"type":"connection_init","payload":{"authorization":"Bearer ` + token + `"}}`)
	ws.want("connection_ack")
	return ws
}

func (s *socket) send(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) subscribe(id, query string) {
	s.t.Helper()
	payload, _ := json.Marshal(map[string]any{"query": query})
	s.send(`{"id":"` + id + `","type":"subscribe","payload":` + string(payload) + `}`)
}

func (s *socket) read() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, data, err := s.ws.Read(ctx)
	if err != nil {
		return "", err
	}
	var m struct {
		ID, Type string
		Payload  json.RawMessage
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", err
	}
	switch {
	case m.Type == "error":
		return m.ID + " error " + shape(`{"errors":`+string(m.Payload)+`}`), nil
	case m.Payload != nil:
		return m.ID + " " + m.Type + " " + shape(string(m.Payload)), nil
	}
	return strings.TrimSpace(m.ID + " " + m.Type), nil
}

func (s *socket) want(what ...string) {
	s.t.Helper()
	for _, want := range what {
		if got, err := s.read(); got != want {
			s.t.Fatalf("%s (%v), want %s", got, err, want)
		}
	}
}

func (s *socket) closed(code int) {
	s.t.Helper()
	if got, err := s.read(); int(websocket.CloseStatus(err)) != code {
		s.t.Fatalf("%s %v, want it closed with %d", got, err, code)
	}
}

func TestWebSocket(t *testing.T) {
	s := open(t, func(c *live.Config) { c.Ping = 100 * time.Millisecond })
	ws := s.socket("m")
	ws.send(`{"type":"ping"}`)
	ws.want("pong")
	ws.subscribe("a", contacts)
	ws.subscribe("b", `query @for(purpose: SALES) { contacts { totalCount } }`)
	ws.want(`b next {"totalCount":0}`, "b complete")
	ws.subscribe("b", `{ nonsense }`) // the name is free again
	ws.want(`b error GRAPHQL_VALIDATION_FAILED`)
	ws.send(`{"id":"c","type":"subscribe","payload":{"query":1}}`)
	ws.want(`c error BAD_INPUT`)
	until(t, "it is open", func() bool { return s.house.Gateway.Streams() == 1 })
	s.create("Ada")
	ws.want(`a next {"kind":"CREATED","node":{"firstName":"Ada"}}`)
	ws.send(`{"id":"a","type":"complete"}`)
	until(t, "it is gone", func() bool { return s.house.Gateway.Streams() == 0 })
	ws.subscribe("a", contacts)
	until(t, "it is open again", func() bool { return s.house.Gateway.Streams() == 1 })
	_ = ws.ws.CloseNow()
	until(t, "the connection is gone", func() bool { return s.house.Gateway.Streams() == 0 && s.hub.Connections() == 0 })
}

func TestWebSocketsKeepToTheProtocol(t *testing.T) {
	s := open(t, func(c *live.Config) {
		c.Init, c.Idle, c.Ping = 300*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond
	})
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct {
		send []string
		code int
	}{
		"no word":                     {nil, 4408},
		"a subscription first":        {[]string{`{"id":"1","type":"subscribe","payload":{"query":"{ me { id } }"}}`}, 4401},
		"somebody unknown":            {[]string{`{"type":"connection_init","payload":{"authorization":"Bearer x"}}`}, 4403},
		"nobody":                      {[]string{`{"type":"connection_init"}`}, 4403},
		"no JSON":                     {[]string{`{`}, 4400},
		"an init of another shape":    {[]string{`{"type":"connection_init","payload":[]}`}, 4400},
		"two inits":                   {[]string{hello, hello}, 4429},
		"an init larger than a token": {[]string{`{"type":"connection_init","payload":{"authorization":"Bearer ` + strings.Repeat("x", 9<<10) + `"}}`}, int(websocket.StatusMessageTooBig)},
		"an unknown type":             {[]string{hello, `{"type":"start"}`}, 4400},
		"a subscription without name": {[]string{hello, `{"type":"subscribe","payload":{"query":"{ me { id } }"}}`}, 4400},
		"a long name":                 {[]string{hello, `{"id":"` + long + `","type":"subscribe","payload":{"query":"{ me { id } }"}}`}, 4400},
		"a name twice":                {[]string{hello, live1, live1}, 4409},
		"too large":                   {[]string{hello, `{"id":"1","type":"subscribe","payload":{"query":"` + strings.Repeat(" ", 300<<10) + `"}}`}, int(websocket.StatusMessageTooBig)},
		"nothing to do":               {[]string{hello}, int(websocket.StatusNormalClosure)},
	} {
		t.Run(name, func(t *testing.T) {
			ws, _, err := s.dial(nil, "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
			if err != nil {
				t.Fatal(err)
			}
			ws.t = t
			for _, m := range c.send {
				ws.send(m)
			}
			for {
				got, err := ws.read()
				if err == nil {
					continue
				}
				if code := int(websocket.CloseStatus(err)); code != c.code || strings.Contains(err.Error(), "xxx") {
					t.Errorf("%s %v, want it closed with %d", got, err, c.code)
				}
				return
			}
		})
	}
	if ws, _, err := s.dial(nil); err == nil { //nolint:bodyclose // of a WebSocket there is none
		ws.closed(4406)
	}
}

// Whoever has not said who they are yet takes a place of few, and gives it back when that is known, or over.
func TestStrangersAreCounted(t *testing.T) {
	s := open(t, func(c *live.Config) { c.Strangers = 2 })
	come := func() (*socket, *http.Response, error) { return s.dial(nil, "graphql-transport-ws") }
	var silent []*socket
	for range 2 {
		ws, _, err := come() //nolint:bodyclose // of a WebSocket there is none
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, ws)
	}
	if _, resp, err := come(); err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" { //nolint:bodyclose // the dialer has read it
		t.Fatal("a third is let in", err)
	}
	silent[0].send(hello)
	silent[0].want("connection_ack")
	s.socket("m") // who is known takes no place
	_ = silent[1].ws.CloseNow()
	until(t, "both places are free", func() bool {
		var all []*socket
		for range 2 {
			if ws, _, err := come(); err == nil { //nolint:bodyclose // of a WebSocket there is none
				all = append(all, ws)
			}
		}
		for _, ws := range all {
			_ = ws.ws.CloseNow()
		}
		return len(all) == 2
	})
}

const (
	hello = `{"type":"connection_init","payload":{"authorization":"Bearer m"}}`
	live1 = `{"id":"1","type":"subscribe","payload":{"query":"subscription @for(purpose: SALES) { contactChanged { kind } }"}}`
)

func TestPagesOfOthersDoNotConnect(t *testing.T) {
	s := open(t, nil)
	cookie := http.Header{"Cookie": {"session=m"}}
	with := func(origin string) http.Header {
		h := cookie.Clone()
		h.Set("Origin", origin)
		return h
	}
	if _, resp, err := s.dial(with("https://evil.example"), "graphql-transport-ws"); err == nil || resp.StatusCode != http.StatusForbidden { //nolint:bodyclose // of a WebSocket there is none
		t.Error("another site's page connects", err)
	}
	ws, _, err := s.dial(with(s.URL), "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
	if err != nil {
		t.Fatal(err)
	}
	ws.send(`{"type":"connection_init"}`)
	ws.want("connection_ack")
	// Whoever says who they are is that, and not whom a cookie names.
	ws, _, err = s.dial(with(s.URL), "graphql-transport-ws") //nolint:bodyclose // of a WebSocket there is none
	if err != nil {
		t.Fatal(err)
	}
	ws.send(`{"type":"connection_init","payload":{"authorization":"Bearer officer"}}`)
	ws.want("connection_ack")
	ws.subscribe("1", `{ me { role } }`)
	ws.want(`1 next {"role":"PRIVACY_OFFICER"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, resp, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+"/graphql?token=m", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}); err == nil || resp.StatusCode != http.StatusBadRequest { //nolint:bodyclose // of a WebSocket there is none
		t.Error("a token in a URL", err)
	}
}

func (s *site) revoke(id string) {
	s.t.Helper()
	if err := s.house.Gateway.Events().Publish(s.t.Context(), graph.TopicRevoked, []byte(id)); err != nil {
		s.t.Fatal(err)
	}
}

func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what + ": not within 5 s")
		}
	}
}
