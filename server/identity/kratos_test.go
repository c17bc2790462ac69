package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

type roles struct{}

func (roles) Kind(role string) (known, customer bool) {
	return role == "AGENT" || role == "CUSTOMER", role == "CUSTOMER"
}

type people map[string][]policy.SubjectID

func (p people) SubjectByEmail(_ context.Context, addresses []string) (id policy.SubjectID, ok bool, err error) {
	for _, a := range addresses {
		for _, one := range p[a] {
			if id != uuid.Nil && id != one {
				return uuid.Nil, false, nil
			}
			id = one
		}
	}
	return id, id != uuid.Nil, nil
}

// fake is a Kratos that can be made to misbehave.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	asked  int
	status int
	answer map[string]any
	hang   chan struct{}
	seen   http.Header
}

func session(change ...func(map[string]any)) map[string]any {
	s := map[string]any{
		"id": "session-1", "active": true, "expires_at": time.Now().Add(time.Hour).UTC(), "authenticated_at": time.Now().Add(-time.Minute).UTC(),
		"authenticator_assurance_level": "aal1",
		"identity": map[string]any{"id": "identity-1", "schema_id": "person", "schema_url": "http://x", "state": "active", "traits": map[string]any{"email": "ada@example.org", "role": "ADMIN"},
			"metadata_public": map[string]any{"cloakroom": map[string]any{"role": "AGENT", "attrs": map[string]any{"region": "EMEA", "level": 3, "teams": []string{"a", "b"}}}}},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func identityOf(s map[string]any) map[string]any { return s["identity"].(map[string]any) }

func entryIn(v any) func(map[string]any) {
	return func(s map[string]any) { identityOf(s)["metadata_public"] = map[string]any{"cloakroom": v} }
}

func newFake(t *testing.T) *fake {
	f := &fake{status: 200, answer: session()}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.asked++
		f.seen = r.Header.Clone()
		status, answer, hang := f.status, f.answer, f.hang
		f.mu.Unlock()
		if hang != nil {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) set(status int, answer map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.answer = status, answer
}

func (f *fake) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func events(t *testing.T) *shared.Shared {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := shared.Open(t.Context(), shared.Options{Store: db, Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func authenticator(t *testing.T, url string, change ...func(*KratosConfig)) *Kratos {
	c := KratosConfig{URL: url, Cache: time.Minute, Timeout: 2 * time.Second, Roles: roles{}, Subjects: people{}, Events: events(t).Events, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	k, err := NewKratos(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func status(err error) int {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Status
	}
	if err != nil {
		return -1
	}
	return 200
}

// cause is what the log is told of a refusal.
func cause(err error) error {
	var r *Refusal
	errors.As(err, &r)
	return r.cause
}

func TestOneCredentialAndNothingElse(t *testing.T) {
	f := newFake(t)
	k := authenticator(t, f.URL)
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"a session token":           {[]string{"X-Session-Token", "t"}, 200},
		"a bearer token":            {[]string{"Authorization", "bearer t"}, 200},
		"a cookie from a page":      {[]string{"Cookie", "ory_kratos_session=t", "Origin", "https://crm.example.com"}, 200},
		"a cookie, by Sec-Fetch":    {[]string{"Cookie", "ory_kratos_session=t; other=1", "Sec-Fetch-Site", "same-origin"}, 200},
		"a cookie from nowhere":     {[]string{"Cookie", "ory_kratos_session=t"}, 403},
		"nothing":                   {nil, 401},
		"forged headers":            {[]string{"X-User", "ada", "X-Forwarded-User", "ada", "X-Kratos-Authenticated-Identity-Id", "identity-1", "X-Role", "ADMIN", "Remote-User", "ada"}, 401},
		"two kinds":                 {[]string{"X-Session-Token", "t", "Authorization", "Bearer t"}, 401},
		"two session tokens":        {[]string{"X-Session-Token", "t", "X-Session-Token", "t"}, 401},
		"two cookies":               {[]string{"Cookie", "ory_kratos_session=t; ory_kratos_session=u", "Origin", "https://a"}, 401},
		"a token and another way":   {[]string{"X-Session-Token", "t", "Authorization", "Basic YTpi"}, 401},
		"another scheme":            {[]string{"Authorization", "Basic YTpi"}, 401},
		"an empty token":            {[]string{"X-Session-Token", ""}, 401},
		"a token with another line": {[]string{"X-Session-Token", "a\r\nX-Admin: 1"}, 401},
		"a token with a cookie":     {[]string{"X-Session-Token", "a;b=c"}, 401},
		"a token without end":       {[]string{"X-Session-Token", strings.Repeat("a", maxCredential+1)}, 401},
	} {
		p, err := k.Authenticate(request(c.headers...))
		if status(err) != c.want {
			t.Errorf("%s: %d %v", name, status(err), err)
		}
		if err == nil && p.Role != "AGENT" {
			t.Errorf("%s: %s", name, p.Role)
		}
	}
	// Beside a good credential they change nothing either.
	p, err := k.Authenticate(request("X-Session-Token", "t", "X-Role", "CUSTOMER", "X-Forwarded-User", "eve"))
	if err != nil || p.Role != "AGENT" || p.ID != "identity-1" {
		t.Errorf("%+v %v", p.Role, err)
	}
	if _, err := authenticator(t, f.URL).Authenticate(request("Cookie", "ory_kratos_session=mine; secret=other", "Origin", "https://a")); err != nil || f.seen.Get("Cookie") != "ory_kratos_session=mine" {
		t.Errorf("other cookies are passed on: %q %v", f.seen.Get("Cookie"), err)
	}
}

func TestWhatASessionSays(t *testing.T) {
	f := newFake(t)
	ada, eve := uuid.New(), uuid.New()
	records := people{"ada@example.org": {ada, ada}, "team@example.org": {ada, eve}, "eve@example.org": {eve}}
	addresses := func(all ...any) func(map[string]any) {
		return func(s map[string]any) { identityOf(s)["verifiable_addresses"] = all }
	}
	address := func(value string, verified bool) map[string]any {
		status := "sent"
		if verified {
			status = "completed"
		}
		return map[string]any{"value": value, "verified": verified, "via": "email", "status": status}
	}
	customer := entryIn(map[string]any{"role": "CUSTOMER"})
	with := func(name string, v any) func(map[string]any) { return func(s map[string]any) { s[name] = v } }
	for name, c := range map[string]struct {
		s       map[string]any
		want    int
		subject policy.SubjectID
	}{
		"staff":                         {session(), 200, uuid.Nil},
		"inactive":                      {session(with("active", false)), 401, uuid.Nil},
		"nothing about being active":    {session(with("active", nil)), 401, uuid.Nil},
		"over":                          {session(with("expires_at", time.Now().Add(-time.Second).UTC())), 401, uuid.Nil},
		"without end":                   {session(with("expires_at", nil)), 401, uuid.Nil},
		"of nobody":                     {session(with("identity", nil)), 401, uuid.Nil},
		"of somebody who was shut out":  {session(func(s map[string]any) { identityOf(s)["state"] = "inactive" }), 401, uuid.Nil},
		"no metadata":                   {session(func(s map[string]any) { identityOf(s)["metadata_public"] = nil }), 403, uuid.Nil},
		"a role in the traits alone":    {session(entryIn(nil)), 403, uuid.Nil},
		"a role beside ours":            {session(func(s map[string]any) { identityOf(s)["metadata_public"] = map[string]any{"role": "AGENT"} }), 403, uuid.Nil},
		"a role that is gone":           {session(entryIn(map[string]any{"role": "INTERN"})), 403, uuid.Nil},
		"a misspelt member":             {session(entryIn(map[string]any{"role": "AGENT", "atrs": map[string]any{}})), 403, uuid.Nil},
		"a text where an object goes":   {session(entryIn("AGENT")), 403, uuid.Nil},
		"an attribute that is built in": {session(entryIn(map[string]any{"role": "AGENT", "attrs": map[string]any{"role": "ADMIN"}})), 403, uuid.Nil},
		"an attribute too deep":         {session(entryIn(map[string]any{"role": "AGENT", "attrs": map[string]any{"a": map[string]any{}}})), 403, uuid.Nil},
		"staff with a subject":          {session(entryIn(map[string]any{"role": "AGENT", "subject": ada.String()})), 403, uuid.Nil},
		"a customer by subject":         {session(entryIn(map[string]any{"role": "CUSTOMER", "subject": ada.String()})), 200, ada},
		"a subject that is none":        {session(entryIn(map[string]any{"role": "CUSTOMER", "subject": "ada"})), 403, uuid.Nil},
		"a subject that is nobody":      {session(entryIn(map[string]any{"role": "CUSTOMER", "subject": uuid.Nil.String()})), 403, uuid.Nil},
		"a verified address":            {session(customer, addresses(address("ada@example.org", true))), 200, ada},
		"one that is not verified":      {session(customer, addresses(address("ada@example.org", false))), 403, uuid.Nil},
		"one that is both":              {session(customer, addresses(map[string]any{"value": "ada@example.org", "verified": false, "via": "email", "status": "completed"})), 403, uuid.Nil},
		"a telephone":                   {session(customer, addresses(map[string]any{"value": "ada@example.org", "verified": true, "via": "sms", "status": "completed"})), 403, uuid.Nil},
		"an address of two people":      {session(customer, addresses(address("team@example.org", true))), 403, uuid.Nil},
		"addresses of two people":       {session(customer, addresses(address("ada@example.org", true), address("eve@example.org", true))), 403, uuid.Nil},
		"an address of nobody":          {session(customer, addresses(address("bob@example.org", true))), 403, uuid.Nil},
		"an explicit subject wins":      {session(entryIn(map[string]any{"role": "CUSTOMER", "subject": ada.String()}), addresses(address("eve@example.org", true))), 200, ada},
	} {
		f.set(200, c.s)
		p, err := authenticator(t, f.URL, func(k *KratosConfig) { k.Subjects = records }).Authenticate(request("X-Session-Token", "t"))
		if status(err) != c.want || p.Subject != c.subject {
			t.Errorf("%s: %d %v", name, status(err), err)
		}
		if err != nil && (strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "INTERN")) {
			t.Errorf("%s: the error repeats what stands in the entry: %v", name, err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for level, want := range map[any]int{"aal0": 0, "aal1": 1, "aal2": 2, "aal9": 0, nil: 0} {
		f.set(200, session(with("authenticator_assurance_level", level), with("authenticated_at", at)))
		p, err := authenticator(t, f.URL).Authenticate(request("X-Session-Token", "t"))
		if err == nil && (p.AAL != want || !p.AuthenticatedAt.Equal(at)) || err != nil && want > 0 {
			t.Errorf("%v: %d at %s %v", level, p.AAL, p.AuthenticatedAt, err)
		}
	}
	f.set(200, session())
	p, err := authenticator(t, f.URL).Authenticate(request("X-Session-Token", "t"))
	if err != nil || fmt.Sprint(p.Attrs) != "map[level:3 region:EMEA teams:[a b]]" || p.Attrs["level"] != int64(3) {
		t.Errorf("%v %v", p.Attrs, err)
	}
}

func TestAKratosThatIsAwayLetsNobodyIn(t *testing.T) {
	f := newFake(t)
	for name, answer := range map[string]struct {
		status int
		body   map[string]any
	}{
		"an error":            {500, map[string]any{"error": map[string]any{"message": "ada@example.org"}}},
		"too many questions":  {429, map[string]any{}},
		"a page moved":        {302, map[string]any{}},
		"another server":      {404, map[string]any{}},
		"an answer of no use": {200, map[string]any{"hello": 1}},
	} {
		f.set(answer.status, answer.body)
		k := authenticator(t, f.URL)
		_, err := k.Authenticate(request("X-Session-Token", "t"))
		if status(err) != 503 || strings.Contains(fmt.Sprint(cause(err)), "ada") {
			t.Errorf("%s: %v, because of %v", name, err, cause(err))
		}
		var told *read.Error // what a stream ends with
		if !errors.As(err, &told) || told.Code != read.CodeUnavailable {
			t.Errorf("%s: clients are told %v", name, told)
		}
		// It is not remembered as anything.
		f.set(200, session())
		if _, err := k.Authenticate(request("X-Session-Token", "t")); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	k := authenticator(t, f.URL)
	f.Close()
	w := httptest.NewRecorder()
	Middleware(k, func(string) bool { return true })(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let in") })).
		ServeHTTP(w, request("X-Session-Token", "t"))
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"UNAVAILABLE"`) || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if words, err := k.Ready(t.Context()); err == nil || words == "" {
		t.Error("readiness does not say so")
	}
}

// A Kratos that hangs is given up on in time, and does not pile up what waits for it.
func TestAKratosThatHangs(t *testing.T) {
	f := newFake(t)
	f.hang = make(chan struct{})
	defer close(f.hang)
	k := authenticator(t, f.URL, func(c *KratosConfig) { c.Timeout = 200 * time.Millisecond })
	var all sync.WaitGroup
	var refused atomic.Int64
	began := time.Now()
	for i := range 500 {
		all.Go(func() {
			if _, err := k.Authenticate(request("X-Session-Token", fmt.Sprint("t", i))); status(err) == 503 {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if took > 20*time.Second || refused.Load() != 500 { // one after the other it is a hundred
		t.Errorf("%d refused after %s", refused.Load(), took)
	}
	if n := f.times(); n > maxLookups*(3+int(took/(200*time.Millisecond))) { // those of the first, as many again as places came free, and of who came last
		t.Errorf("%d questions were asked in %s", n, took)
	}
}

// Whoever signs out waits for a place like whoever signs in, and one without a credential asks nothing of Kratos.
func TestSigningOutTakesAPlace(t *testing.T) {
	f := newFake(t)
	k := authenticator(t, f.URL, func(c *KratosConfig) { c.Timeout = 100 * time.Millisecond })
	for range maxLookups {
		k.places <- struct{}{}
	}
	if err := k.SignOut(request("X-Session-Token", "t")); status(err) != 503 {
		t.Errorf("no place: %v", err)
	}
	<-k.places
	if err := k.SignOut(request()); status(err) != 401 {
		t.Errorf("no credential: %v", err)
	}
	if n := f.times(); n != 0 {
		t.Errorf("%d questions", n)
	}
	if err := k.SignOut(request("X-Session-Token", "t")); err != nil || len(k.places) != maxLookups-1 {
		t.Errorf("a place: %v, and %d are taken", err, len(k.places))
	}
}

func TestALookUpIsRememberedForSecondsAndRevokedAtOnce(t *testing.T) {
	f := newFake(t)
	bus := events(t)
	now := time.Now()
	var hears atomic.Bool
	hears.Store(true)
	k := authenticator(t, f.URL, func(c *KratosConfig) {
		c.Events, c.Cache, c.Now, c.Hears = bus.Events, 5*time.Second, func() time.Time { return now }, hears.Load
	})
	ask := func(want, times int, what string) {
		t.Helper()
		before := f.times()
		_, err := k.Authenticate(request("X-Session-Token", "t"))
		if status(err) != want || f.times()-before != times {
			t.Errorf("%s: %d, %d questions", what, status(err), f.times()-before)
		}
	}
	ask(200, 1, "first")
	ask(200, 0, "second")
	if _, err := k.Authenticate(request("Authorization", "Bearer t")); err != nil || f.times() != 2 {
		t.Error("one kind of credential is remembered as another")
	}
	now = now.Add(5 * time.Second)
	ask(200, 1, "when its time is over")
	f.set(401, map[string]any{})
	ask(200, 0, "gone, and nobody told us")
	for _, id := range []string{"session-1", "identity-1"} {
		if err := k.Revoke(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		ask(401, 1, "revoked: "+id)
		ask(401, 1, "refusals are not remembered")
		f.set(200, session())
		ask(200, 1, "there again")
		f.set(401, map[string]any{})
	}
	// From another replica, through the bus.
	if err := bus.Events.Publish(t.Context(), "revoked", []byte("somebody-else")); err != nil {
		t.Fatal(err)
	}
	ask(200, 0, "somebody else was revoked")
	if err := bus.Events.Publish(t.Context(), "revoked", []byte("identity-1")); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(2 * time.Second)
	for {
		if _, err := k.Authenticate(request("X-Session-Token", "t")); status(err) == 401 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a revocation of another replica is not heard")
		}
		time.Sleep(time.Millisecond)
	}
	f.set(200, session())
	ask(200, 1, "there again")
	hears.Store(false)
	ask(200, 1, "while notices do not arrive, nothing is believed")
	hears.Store(true)
	bus.Close()
	time.Sleep(20 * time.Millisecond)
	ask(200, 1, "the bus has ended")
	ask(200, 1, "and nothing is remembered")

	short := authenticator(t, f.URL, func(c *KratosConfig) { c.Now = func() time.Time { return now } })
	f.set(200, session(func(s map[string]any) { s["expires_at"] = now.Add(time.Second).UTC() }))
	before := f.times()
	for range 2 {
		_, _ = short.Authenticate(request("X-Session-Token", "t"))
	}
	now = now.Add(time.Second)
	_, err := short.Authenticate(request("X-Session-Token", "t"))
	if f.times() != before+2 || status(err) != 401 {
		t.Errorf("believed beyond its own end: %v", err)
	}
}

// An answer from before a revocation is not kept after it, nor shared with who asks after it.
func TestARevocationDuringALookUp(t *testing.T) {
	f := newFake(t)
	k := authenticator(t, f.URL)
	f.hang = make(chan struct{})
	first := make(chan error, 1)
	go func() { _, err := k.Authenticate(request("X-Session-Token", "t")); first <- err }()
	for f.times() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := k.Revoke(t.Context(), "identity-1"); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	hang := f.hang
	f.hang, f.status = nil, 401
	f.mu.Unlock()
	if _, err := k.Authenticate(request("X-Session-Token", "t")); status(err) != 401 {
		t.Errorf("who asks after a revocation shares an answer from before: %v", err)
	}
	close(hang)
	if err := <-first; status(err) != 200 && status(err) != 401 { // it asked before
		t.Error(err)
	}
	if _, err := k.Authenticate(request("X-Session-Token", "t")); status(err) != 401 {
		t.Errorf("an answer from before is kept: %v", err)
	}
}

// Doubt about one session is about no other; what was being looked up of that one meanwhile is neither kept nor shared, however
// often it is doubted.
func TestDoubtIsAboutOneSession(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	k := authenticator(t, f.URL, func(c *KratosConfig) { c.Cache, c.Now = 5*time.Second, func() time.Time { return now } })
	ask := func(token string, times int, what string) {
		t.Helper()
		before := f.times()
		if _, err := k.Authenticate(request("X-Session-Token", token)); err != nil || f.times()-before != times {
			t.Errorf("%s: %d questions, %v", what, f.times()-before, err)
		}
	}
	hold := func(token string) (release func()) {
		hang, done, before := make(chan struct{}), make(chan struct{}), f.times()
		f.mu.Lock()
		f.hang = hang
		f.mu.Unlock()
		go func() {
			defer close(done)
			_, _ = k.Authenticate(request("X-Session-Token", token))
		}()
		for f.times() == before {
			time.Sleep(time.Millisecond)
		}
		f.mu.Lock()
		f.hang = nil
		f.mu.Unlock()
		return func() { close(hang); <-done }
	}
	ask("other", 1, "first")
	release := hold("third")
	k.doubt(request("X-Session-Token", "t"))
	release()
	ask("third", 0, "another look-up under way is kept")
	ask("other", 0, "what is known of others is kept")

	release = hold("t")
	k.doubt(request("X-Session-Token", "t"))
	again := hold("t") // not shared
	k.doubt(request("X-Session-Token", "t"))
	ask("t", 1, "after the doubt")
	ask("t", 0, "which is remembered")
	f.mu.Lock()
	identityOf(f.answer)["id"] = "from before"
	f.mu.Unlock()
	release()
	again()
	if p, err := k.Authenticate(request("X-Session-Token", "t")); err != nil || p.ID != "identity-1" {
		t.Errorf("an answer from before is kept: %s %v", p.ID, err)
	}
	now = now.Add(5 * time.Second)
	ask("t", 1, "when its time is over")
	ask("t", 0, "and remembered again")
}

func TestManyAtOnceAreOneQuestion(t *testing.T) {
	f := newFake(t)
	f.hang = make(chan struct{})
	k := authenticator(t, f.URL)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			p, err := k.Authenticate(request("X-Session-Token", "t"))
			if err != nil {
				t.Error(err)
				return
			}
			p.Attrs["region"] = "mine" // each has its own
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(f.hang)
	all.Wait()
	if n := f.times(); n != 1 {
		t.Errorf("%d questions", n)
	}
	if p, _ := k.Authenticate(request("X-Session-Token", "t")); p.Attrs["region"] != "EMEA" {
		t.Error("one request changed what another one sees")
	}
}

func TestRealSessions(t *testing.T) {
	server := ory.Start(t)
	person, other := uuid.New(), uuid.New()
	k := authenticator(t, server.Public, func(c *KratosConfig) {
		c.Subjects = people{"ada@example.org": {person}, "eve@example.org": {other}}
	})
	by := func(token string) (policy.Principal, error) { return k.Authenticate(request("X-Session-Token", token)) }

	agent := server.Create(t, ory.Person{Email: "rep@example.com", Public: map[string]any{"cloakroom": map[string]any{"role": "AGENT", "attrs": map[string]any{"region": "EMEA", "level": 3}}}})
	token := server.Token(t, agent)
	p, err := by(token)
	if err != nil || p.ID != agent.ID || p.Role != "AGENT" || p.AAL != 1 || p.Attrs["region"] != "EMEA" || p.Attrs["level"] != int64(3) || time.Since(p.AuthenticatedAt) > time.Minute || p.IsSubject() {
		t.Fatalf("%+v %v %v", p.Attrs, p, err)
	}
	if q, err := k.Authenticate(request("Authorization", "Bearer "+token)); err != nil || q.ID != agent.ID {
		t.Errorf("the same as a bearer token: %v", err)
	}
	cookie := server.Cookie(t, agent)
	if q, err := k.Authenticate(request("Cookie", cookie.Name+"="+cookie.Value, "Origin", "https://crm.example.com")); err != nil || q.ID != agent.ID {
		t.Errorf("by cookie: %v", err)
	}
	if _, err := by("ory_st_madeup"); status(err) != 401 {
		t.Errorf("a made-up token: %v", err)
	}
	wrong := *agent
	wrong.Password = "another"
	if _, err := server.Server.Token(t.Context(), &wrong); err == nil {
		t.Error("a wrong password signs in")
	}

	// A second factor by one-time password.
	server.StepUp(t, agent, token)
	if err := k.Revoke(t.Context(), agent.ID); err != nil {
		t.Fatal(err)
	}
	if p, err = by(token); err != nil || p.AAL != 2 || time.Since(p.AuthenticatedAt) > time.Minute {
		t.Errorf("after a step-up: AAL %d, %v", p.AAL, err)
	}

	// Revoked: at once, once we are told, and without being told within the time a look-up is believed.
	server.Revoke(t, agent)
	if err := k.Revoke(t.Context(), agent.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := by(token); status(err) != 401 {
		t.Errorf("a revoked session: %v", err)
	}

	// Customers, by their verified address.
	customer := map[string]any{"cloakroom": map[string]any{"role": "CUSTOMER"}}
	ada := server.Create(t, ory.Person{Email: "ada@example.org", Verified: true, Public: customer})
	if p, err := by(server.Token(t, ada)); err != nil || p.Subject != person {
		t.Errorf("a verified address: %v", err)
	}
	eve := server.Create(t, ory.Person{Email: "eve@example.org", Public: customer})
	if _, err := by(server.Token(t, eve)); status(err) != 403 {
		t.Errorf("an address that is not verified: %v", err)
	}
	nobody := server.Create(t, ory.Person{Email: "nobody@example.org", Verified: true})
	if _, err := by(server.Token(t, nobody)); status(err) != 403 {
		t.Errorf("no role: %v", err)
	}

	// Without Kratos nobody is let in, and with it again everybody who was.
	fresh := server.Token(t, ada)
	if words, err := k.Ready(t.Context()); err != nil {
		t.Error(words, err)
	}
	server.Stop(t)
	if _, err := by(fresh); status(err) != 503 {
		t.Errorf("while it is away: %v", err)
	}
	if words, err := k.Ready(t.Context()); err == nil {
		t.Error("ready without Kratos:", words)
	}
}
