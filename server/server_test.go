package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/server/health"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

type fixture struct {
	handler http.Handler
	admin   http.Handler
	server  *Server
	token   string
	log     *buffer
	down    error  // what the database says
	words   string // what anybody may know of it
}

func newFixture(t *testing.T, graphql http.HandlerFunc) *fixture {
	t.Helper()
	dev, err := identity.NewDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{log: &buffer{}}
	if f.token, err = dev.Issue(policy.Principal{ID: "x", Role: "ADMIN"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Listen, c.Admin, c.Limits.Body, c.LogLevel = "127.0.0.1:0", "127.0.0.1:0", 100, "debug"
	f.server = New(c, Parts{GraphQL: graphql, Identity: dev,
		Checks:    []health.Check{{Name: "database", Look: func(context.Context) (string, error) { return f.words, f.down }}},
		KnownRole: func(r string) bool { return r == "ADMIN" }, Sample: Sample{"ADMIN", "{ me { role } }"}, Log: NewLogger(f.log, c)})
	f.handler, f.admin = f.server.routes(), f.server.adminRoutes()
	return f
}

// run opens the doors and serves.
func (f *fixture) run(ctx context.Context) error {
	doors, err := Open(ctx, f.server.config, f.server.log)
	if err != nil {
		return err
	}
	return f.server.Run(ctx, doors)
}

// do sends a request; headers are `Name: value`.
func (f *fixture) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	return f.at(f.handler, method, path, body, headers...)
}

func (f *fixture) at(door http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8080"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w
}

// counted is a long body that knows how much of it was read.
type counted struct{ left, read int }

func (c *counted) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	c.left, c.read = c.left-n, c.read+n
	return n, nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p, _ := policy.PrincipalFrom(r.Context())
	_, _ = io.WriteString(w, p.Role+" "+string(body))
}

func TestGraphQLRoute(t *testing.T) {
	f := newFixture(t, echo)
	auth, kind := "Authorization: Bearer "+f.token, "Content-Type: application/json"
	for name, c := range map[string]struct {
		method  string
		body    string
		headers []string
		status  int
		text    string
	}{
		"an operation":               {"POST", `{"query":"{me{id}}"}`, []string{auth, kind}, 200, `ADMIN {"query"`},
		"with a charset":             {"POST", `{}`, []string{auth, kind + "; charset=UTF-8"}, 200, "ADMIN {}"},
		"from our own page":          {"POST", `{}`, []string{auth, kind, "Sec-Fetch-Site: same-origin", "Origin: http://localhost:8080"}, 200, "ADMIN {}"},
		"from another site's page":   {"POST", `{}`, []string{auth, kind, "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, 403, "FORBIDDEN"},
		"from an old browser":        {"POST", `{}`, []string{auth, kind, "Origin: https://evil.test"}, 403, "FORBIDDEN"},
		"without a token":            {"POST", `{}`, []string{kind}, 401, "UNAUTHENTICATED"},
		"as a form":                  {"POST", `{}`, []string{auth, "Content-Type: text/plain"}, 415, "BAD_INPUT"},
		"as multipart":               {"POST", `{}`, []string{auth, "Content-Type: multipart/form-data; boundary=x"}, 415, "BAD_INPUT"},
		"without a type":             {"POST", `{}`, []string{auth}, 415, "BAD_INPUT"},
		"in another charset":         {"POST", `{}`, []string{auth, kind + "; charset=utf-16"}, 415, "BAD_INPUT"},
		"too large":                  {"POST", strings.Repeat("x", 101), []string{auth, kind}, 413, "larger than 100 bytes"},
		"just large enough":          {"POST", strings.Repeat("x", 100), []string{auth, kind}, 200, "xxx"},
		"by GET":                     {"GET", "", []string{auth}, 200, "ADMIN "},
		"by GET, from another site":  {"GET", "", []string{auth, "Sec-Fetch-Site: cross-site"}, 403, "FORBIDDEN"},
		"by GET, from a sister site": {"GET", "", []string{auth, "Sec-Fetch-Site: same-site"}, 403, "FORBIDDEN"},
		"by GET, from an old frame":  {"GET", "", []string{auth, "Origin: null"}, 403, "FORBIDDEN"},
		"by GET, typed":              {"GET", "", []string{auth, "Sec-Fetch-Site: none"}, 200, "ADMIN "},
		"by GET, without a token":    {"GET", "", nil, 401, "UNAUTHENTICATED"},
		"by HEAD":                    {"HEAD", "", []string{auth}, 405, "BAD_INPUT"},
		"two origins":                {"POST", `{}`, []string{auth, kind, "Origin: http://localhost:8080", "Origin: https://evil.test"}, 403, "FORBIDDEN"},
		"two content types":          {"POST", `{}`, []string{auth, kind, "Content-Type: text/plain"}, 415, "BAD_INPUT"},
		"an empty charset":           {"POST", `{}`, []string{auth, kind + `; charset=""`}, 415, "BAD_INPUT"},
		"compressed":                 {"POST", `{}`, []string{auth, kind, "Content-Encoding: gzip"}, 415, "BAD_INPUT"},
		"a method that is not known": {"BREW", "", []string{auth}, 405, "BAD_INPUT"},
	} {
		w := f.do(c.method, "/graphql", c.body, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Vary") == "" && c.method != "HEAD" && c.method != "BREW" {
			t.Errorf("%s: headers are missing: %v", name, w.Header())
		}
	}
}

func TestACrowdIsRefusedBeforeItIsRead(t *testing.T) {
	ends, under := make(chan struct{}), make(chan struct{})
	h := uncrowded(2)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		under <- struct{}{}
		<-ends
	}))
	ask := func(accept string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/graphql", iotest.ErrReader(errors.New("read")))
		r.Header.Set("Accept", accept)
		h.ServeHTTP(w, r)
		return w
	}
	var all sync.WaitGroup
	for _, accept := range []string{"text/event-stream", "application/json", "application/json"} {
		all.Go(func() { ask(accept) })
		<-under
	}
	if w := ask("application/json"); w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "UNAVAILABLE") {
		t.Errorf("the third: %d %v %s", w.Code, w.Header(), w.Body)
	}
	close(ends)
	all.Wait()
	all.Go(func() { <-under })
	if w := ask("application/json"); w.Code != 200 {
		t.Errorf("when they have gone: %d", w.Code)
	}
	all.Wait()
}

func TestMethodsThatAreNotAllowedNameTheOnesThatAre(t *testing.T) {
	f := newFixture(t, echo)
	for _, c := range []struct{ method, path, allow, text string }{
		{"PUT", "/graphql?canary", "GET, POST", "sent by POST"},
		{"OPTIONS", "/graphql", "GET, POST", "sent by POST"},
		{"POST", "/", "GET", "not allowed here"},
		{"DELETE", "/healthz", "GET", "not allowed here"},
	} {
		w := f.do(c.method, c.path, "")
		if w.Code != 405 || strings.Join(w.Header().Values("Allow"), ", ") != c.allow || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s %s: %d, Allow: %q, %s", c.method, c.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

func TestLogsHoldNothingThatWasSent(t *testing.T) {
	f := newFixture(t, func(w http.ResponseWriter, r *http.Request) { panic("canary-panic") })
	w := f.do("POST", "/graphql?canary-query", `{"query":"canary-body"}`, "Authorization: Bearer "+f.token, "Content-Type: application/json", "X-Canary: canary-header")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"INTERNAL"`) {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
	f.do("GET", "/canary-path", "")
	f.do("CANARY-METHOD", "/", "")
	f.do("POST", "/graphql", "canary-body", "Authorization: Bearer canary-token", "Content-Type: application/json")
	got := f.log.String()
	if strings.Count(got, "msg=request") != 4 || !strings.Contains(got, "msg=panic what=string") {
		t.Fatalf("four requests and a panic were not all logged:\n%s", got)
	}
	if strings.Contains(strings.ToLower(got+w.Body.String()), "canary") || strings.Contains(got, f.token) {
		t.Fatalf("what was sent is in the log or the answer:\n%s", got)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	f := newFixture(t, echo)
	ready := func() *httptest.ResponseRecorder { return f.at(f.admin, "GET", "/readyz", "") }
	if w := ready(); w.Code != 200 || w.Body.String() != "ready\ndatabase: up\n" {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	f.words = "sealed fields are withheld: the root key is not there"
	if w := ready(); w.Code != 200 || w.Body.String() != "ready, but sealed fields are withheld: the root key is not there\ndatabase: degraded\n" {
		t.Errorf("without keys: %d %s", w.Code, w.Body)
	}
	f.words, f.down = "the database does not answer", errors.New("dial db.internal: refused")
	w := ready()
	if w.Code != 503 || w.Body.String() != "not ready: the database does not answer\ndatabase: down\n" || !strings.Contains(f.log.String(), "db.internal") {
		t.Errorf("without a database: %d %s", w.Code, w.Body)
	}
	if w := f.do("GET", "/readyz", ""); w.Code != 404 {
		t.Errorf("what we depend on is told to anybody: %d %s", w.Code, w.Body)
	}
	for _, door := range []http.Handler{f.handler, f.admin} {
		if w := f.at(door, "GET", "/healthz", ""); w.Code != 200 {
			t.Errorf("a database that is away is no reason to restart: %d", w.Code)
		}
	}
	f.words, f.down = "", nil
	f.server.leaving.unready.Store(true)
	if w := ready(); w.Code != 503 || !strings.HasPrefix(w.Body.String(), "not ready: shutting down\n") {
		t.Errorf("while shutting down: %d %s", w.Code, w.Body)
	}
}

// What a server depends on is told to whoever operates it, and to no page that their browser has open.
func TestNoPageReadsTheAdminAddress(t *testing.T) {
	f := newFixture(t, echo)
	open := Default()
	open.Admin = "0.0.0.0:8081"
	everywhere := New(open, Parts{Log: f.server.log}).adminRoutes()
	begins := starting(f.server.config, f.server.log, true)
	for name, c := range map[string]struct {
		headers         []string
		local, anywhere int
	}{
		"a program":                       {nil, 200, 200},
		"by address":                      {[]string{"Host: 127.0.0.1:8081"}, 200, 200},
		"by address, IPv6":                {[]string{"Host: [::1]:8081"}, 200, 200},
		"an address that somebody typed":  {[]string{"Sec-Fetch-Site: none"}, 200, 200},
		"and reads again":                 {[]string{"Sec-Fetch-Site: same-origin"}, 200, 200},
		"a name that was rebound":         {[]string{"Host: evil.test:8081"}, 403, 200},
		"no name":                         {[]string{"Host: "}, 403, 200},
		"a page of another site":          {[]string{"Sec-Fetch-Site: cross-site"}, 403, 403},
		"a page of another port":          {[]string{"Sec-Fetch-Site: same-site"}, 403, 403},
		"a page, and a word too many":     {[]string{"Sec-Fetch-Site: none", "Sec-Fetch-Site: none"}, 403, 403},
		"a page in an old browser":        {[]string{"Origin: " + evil}, 403, 403},
		"a file":                          {[]string{"Origin: null"}, 403, 403},
		"a page that says it was none":    {[]string{"Origin: " + evil, "Sec-Fetch-Site: none"}, 403, 403},
		"a page that went by a redirect":  {[]string{"Origin: http://localhost:8080", "Sec-Fetch-Site: same-origin"}, 403, 403},
		"a name that an operator gave it": {[]string{"Host: gateway.internal:8081"}, 403, 200},
	} {
		for door, want := range map[http.Handler]int{f.admin: c.local, begins: c.local, everywhere: c.anywhere} {
			if w := f.at(door, "GET", "/healthz", "", c.headers...); w.Code != want || want == 403 && !strings.Contains(w.Body.String(), `"FORBIDDEN"`) {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	}
}

func TestStartPageNeedsNothingFromElsewhere(t *testing.T) {
	w := newFixture(t, echo).do("GET", "/", "")
	page := w.Body.String()
	if w.Code != 200 || !strings.Contains(page, "dev token --data ./data --role ADMIN") || !strings.Contains(page, "{ me { role } }") || !strings.Contains(page, "http://localhost:8080/graphql") {
		t.Fatalf("%d %s", w.Code, page)
	}
	if regexp.MustCompile(`(?i)<script|src=|href=|style=|@import|url\(`).MatchString(page) {
		t.Error("the page loads something, which its policy forbids")
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "<script>"
	odd := httptest.NewRecorder()
	newFixture(t, echo).handler.ServeHTTP(odd, r)
	if strings.Contains(odd.Body.String(), "<script") {
		t.Error("the host is not escaped")
	}
	if p := w.Header().Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "sha256-") {
		t.Errorf("policy: %s", p)
	}
}

func TestRunAnswersAndFinishesWhatItBegan(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "finished")
	})
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.run(ctx) }()
	url := awaitURL(t, f.log)

	answer := make(chan string, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodPost, url+"/graphql", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+f.token)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	for !strings.Contains(f.log.String(), "shutting down") {
		time.Sleep(time.Millisecond)
	}
	if w := f.at(f.admin, "GET", "/readyz", ""); w.Code != 503 {
		t.Errorf("a server that shuts down says it is ready: %d", w.Code)
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("a request that had begun was answered %q", got)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if !strings.Contains(f.log.String(), "DEVELOPMENT IDENTITY") {
		t.Error("the development identity did not say so")
	}
}

// TestRunLeavesInOrder: readiness says no, requests are still taken for a while, long answers are asked to end, and the admin
// door is the last to close.
func TestRunLeavesInOrder(t *testing.T) {
	var f *fixture
	entered := make(chan struct{})
	f = newFixture(t, func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) == "short" {
			_, _ = io.WriteString(w, "short")
			return
		}
		close(entered)
		<-f.server.Draining()
		resp, err := http.Get(f.adminURL(t) + "/readyz")
		if err != nil {
			t.Error("the admin door closed before the answers ended:", err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.WriteString(w, "come back, "+resp.Status)
	})
	f.server.config.Drain = 300 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.run(ctx) }()
	url := awaitURL(t, f.log)
	ask := func(body string) string {
		r, _ := http.NewRequest(http.MethodPost, url+"/graphql", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+f.token)
		r.Header.Set("Content-Type", "application/json")
		r.Close = true
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		got, _ := io.ReadAll(resp.Body)
		return string(got)
	}
	long := make(chan string, 1)
	go func() { long <- ask("long") }()
	<-entered
	began := time.Now()
	stop()
	for !strings.Contains(f.log.String(), "shutting down") {
		time.Sleep(time.Millisecond)
	}
	if got := ask("short"); got != "short" {
		t.Errorf("a request that a balancer sent meanwhile: %s", got)
	}
	if got := <-long; got != "come back, 503 Service Unavailable" || time.Since(began) < 300*time.Millisecond {
		t.Errorf("a long answer ended after %s: %s", time.Since(began), got)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

func (f *fixture) adminURL(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`msg=ready url=\S+ admin=(\S+)`).FindStringSubmatch(f.log.String())
	if m == nil {
		t.Fatalf("no admin address:\n%s", f.log)
	}
	return m[1]
}

func TestAddressesThatAreTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for setting, set := range map[string]func(*Config, string){"listen": func(c *Config, a string) { c.Listen = a }, "admin": func(c *Config, a string) { c.Admin = a }} {
		f := newFixture(t, echo)
		set(&f.server.config, taken.Addr().String())
		if err := f.run(context.Background()); err == nil || !strings.Contains(err.Error(), "name another address with --"+setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func TestDoorsSayThatTheServerStarts(t *testing.T) {
	f := newFixture(t, echo)
	doors, err := Open(t.Context(), f.server.config, f.server.log)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(d *door, method, path, want string, status int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.listener.Addr().String()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || !strings.Contains(string(body), want) || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %v %s %s, want %d %s", method, path, err, resp.Status, body, status, want)
		}
	}
	ask(doors.public, "GET", "/healthz", "ok", 200)
	ask(doors.public, "POST", "/graphql", `"UNAVAILABLE"`, 503)
	ask(doors.public, "GET", "/readyz", `"UNAVAILABLE"`, 503)
	ask(doors.admin, "GET", "/healthz", "ok", 200)
	ask(doors.admin, "GET", "/readyz", "not ready: starting\n", 503)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- f.server.Run(ctx, doors) }()
	awaitURL(t, f.log)
	ask(doors.admin, "GET", "/readyz", "ready\n", 200)
	ask(doors.public, "POST", "/graphql", `"UNAUTHENTICATED"`, 401)
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

func awaitURL(t *testing.T, log *buffer) string {
	t.Helper()
	ready := regexp.MustCompile(`msg=ready url=(\S+)`)
	for range 5000 {
		if m := ready.FindStringSubmatch(log.String()); m != nil {
			return m[1]
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never ready:\n%s", log)
	return ""
}

func TestRunRefusesDevelopmentIdentityOnOpenAddresses(t *testing.T) {
	f := newFixture(t, echo)
	f.server.config.Listen = "0.0.0.0:0" // as if a name had been resolved to it: Validate refuses the address itself
	if err := f.run(context.Background()); !errors.Is(err, errNotLoopback) {
		t.Fatal(err)
	}
}

func TestNewLogger(t *testing.T) {
	var b bytes.Buffer
	c := Default()
	c.Log, c.LogLevel = "json", "warn"
	l := NewLogger(&b, c)
	l.Info("quiet")
	l.Log(context.Background(), slog.LevelWarn, "loud")
	if got := b.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"msg":"loud"`) {
		t.Error(got)
	}
}
