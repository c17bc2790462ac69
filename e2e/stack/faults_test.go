package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// The bounds of the matrix. Every answer comes within timeout and a little for what is around it.
const (
	timeout  = 2 * time.Second
	late     = 3 * time.Second // longer than anybody waits for anything
	answered = timeout + 1500*time.Millisecond
	recovers = 5 * time.Second
)

// dependency is something that can go away. What holds while it is away is said in docs/operating.md, "What happens when
// something is away".
type dependency struct {
	name   string
	link   func(*stack.Gateway) *stack.Link
	ready  int    // status of /readyz
	state  string // of its line there
	status int    // of operations; 0: they are answered as ever
	nobody int    // of requests that nobody is known to have sent
}

var dependencies = []dependency{
	{"database", func(g *stack.Gateway) *stack.Link { return g.Postgres }, 503, "down", 200, 401},
	{"redis", func(g *stack.Gateway) *stack.Link { return g.Redis }, 200, "degraded", 0, 401},
	{"kratos", func(g *stack.Gateway) *stack.Link { return g.Kratos }, 503, "down", 503, 503},
}

var faults = []struct {
	name   string
	worsen func(*stack.Link) error
}{
	{"delay", func(l *stack.Link) error { return l.Delay(late) }},
	{"reset", (*stack.Link).Reset},
	{"partition", (*stack.Link).Partition},
	{"refuse", (*stack.Link).Refuse},
}

// TestWhateverIsAwayNothingIsRevealed takes each dependency from one gateway in each way, while people read and write there.
// Another gateway, which lacks nothing, tells what came of it.
func TestWhateverIsAwayNothingIsRevealed(t *testing.T) {
	spans := collect(t)
	w := enter(t, len(dependencies)+1, spans.URL)
	leaks := w.listen(t, spans)
	take := func(n int) {
		d := dependencies[n]
		t.Run(d.name, func(t *testing.T) {
			r := w.region(t, n)
			for _, f := range faults {
				t.Run(f.name, func(t *testing.T) { r.round(t, d, f.worsen) })
			}
		})
	}
	take(0) // the database by itself: a read that hangs on its way holds up withdrawals everywhere, as it has to
	var others sync.WaitGroup
	for n := range dependencies[1:] { // not t.Parallel: all of them wait most of the time, however few processors there are
		others.Go(func() { take(1 + n) })
	}
	others.Wait()
	leaks.scan(t, w)
}

// world is a stack, people who use it, and the canaries planted in it.
type world struct {
	*stack.Stack
	kratos ory.Kratos

	mu       sync.Mutex
	who      map[string]stack.Credential // by role, or by the region whose customer they are
	canaries map[string]string           // by "region/person/field"
}

// enter starts gateways with people.
func enter(t *testing.T, gateways int, collector string) *world {
	t.Helper()
	s := stack.Start(t, stack.Options{Binary: program(t), Replicas: gateways, Identity: "kratos", Links: true,
		Settings: map[string]string{"documents": "open", "kratos.cache": "0s", "kratos.timeout": "1s", "timeout": timeout.String(), "log-level": "debug", "otel.endpoint": collector}})
	w := &world{Stack: s, kratos: ory.Kratos{Server: s.Kratos}, canaries: map[string]string{}}
	w.who = map[string]stack.Credential{"nobody": stack.Nobody, "stranger": stack.Session("ory_st_" + canary.RandomValue(32))}
	for _, role := range []string{"SALES_MANAGER", "SUPPORT_AGENT", "MARKETER", "ANALYST"} {
		w.who[role] = stack.Session(w.signIn(t, ory.Person{Email: strings.ToLower(role) + "@example.com"}, role, role == "SALES_MANAGER"))
	}
	return w
}

func (w *world) signIn(t *testing.T, p ory.Person, role string, twice bool) string {
	t.Helper()
	p.Public = map[string]any{"cloakroom": map[string]any{"role": role}}
	i := w.kratos.Create(t, p)
	token := w.kratos.Token(t, i)
	if twice {
		w.kratos.StepUp(t, i, token)
	}
	return token
}

func (w *world) as(who string) stack.Credential {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.who[who]
}

// plant draws a canary.
func (w *world) plant(name string) string {
	v := canary.RandomDotted(24)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.canaries[name] = v
	return v
}

// reveals looks in a text for what is not among allowed, which are beginnings of names.
func (w *world) reveals(t *testing.T, text string, allowed ...string) []canary.Hit {
	t.Helper()
	w.mu.Lock()
	kept := map[string]string{}
	for name, v := range w.canaries {
		if slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(name, a) }) {
			text = strings.ReplaceAll(text, v, "") // it may have something in common with others
		} else {
			kept[name] = v
		}
	}
	w.mu.Unlock()
	s, err := canary.New(kept)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := s.Reader("text", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return believed(hits)
}

// believed are hits that are no chance: hundreds of canaries have a few characters in common.
func believed(hits []canary.Hit) []canary.Hit {
	return slices.DeleteFunc(hits, func(h canary.Hit) bool { return h.Length < 8 })
}

// region is a gateway, people whose records are there, and what is asked about them.
type region struct {
	*world
	name    string
	here    *stack.Gateway // from which things are taken
	sound   *stack.Gateway // from which nothing is
	changed string         // id of whose record changes
	own     string         // id of the customer's own record
	asks    []ask
	rounds  int
	mended  time.Time
}

// ask is an operation with what its sender may see in the answer.
type ask struct {
	name, who, query string
	sees             []string // beginnings of names of canaries
	key              string   // Idempotency-Key
	right            map[string]any
}

const populace = 12 // more than the smallest group an aggregate tells of

// region peoples a region of its own.
func (w *world) region(t *testing.T, n int) *region {
	t.Helper()
	r := &region{world: w, name: fmt.Sprintf("north-%d", n+1), here: w.Gateways[n], sound: w.Gateways[len(w.Gateways)-1]}
	var ids, emails []string
	for i := range populace {
		id, email := r.person(t, r.name, fmt.Sprint("p", i))
		ids, emails = append(ids, id), append(emails, email)
	}
	own, email := r.person(t, r.name+"-own", "own")
	r.own, r.changed = own, ids[3]
	customer := stack.Session(w.signIn(t, ory.Person{Email: email, Verified: true}, "CUSTOMER", false))
	w.mu.Lock()
	w.who[r.name] = customer
	w.mu.Unlock()

	of := func(person string, fields ...string) (names []string) {
		for _, f := range fields {
			names = append(names, r.name+"/"+person+"/"+f)
		}
		return names
	}
	here := fmt.Sprintf(`where: {region: {eq: %q}}`, r.name)
	r.asks = []ask{
		{name: "point read", who: "SALES_MANAGER", query: fmt.Sprintf(`query @for(purpose: SALES) { contact(id: %q) { firstName lastName email street city notes } }`, ids[1]), sees: of("p1", "")},
		{name: "filter", who: "SALES_MANAGER", query: fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {email: {eq: %q}}) { totalCount nodes { lastName email } } }`, emails[1]), sees: of("p1", "")},
		{name: "list", who: "SALES_MANAGER", query: fmt.Sprintf(`query @for(purpose: SALES) { contacts(%s, orderBy: [{field: CREATED_AT}]) { totalCount nodes { lastName email } } }`, here), sees: []string{r.name + "/p"}},
		{name: "aggregate", who: "ANALYST", query: fmt.Sprintf(`query @for(purpose: ANALYTICS) { contactsAggregate(%s) { groupBy { country } count } }`, here)},
		{name: "masked list", who: "MARKETER", query: fmt.Sprintf(`query @for(purpose: MARKETING) { contacts(%s) { nodes { firstName lastName email city } } }`, here)},
		{name: "partly masked", who: "SUPPORT_AGENT", query: fmt.Sprintf(`query @for(purpose: SUPPORT) { contact(id: %q) { firstName lastName email city street notes } }`, ids[1]), sees: of("p1", "firstName", "lastName", "email")},
		{name: "own data", who: r.name, query: `{ me { contacts { nodes { firstName lastName email notes } } } }`, sees: of("own", "")},
		{name: "somebody else's data", who: r.name, query: fmt.Sprintf(`{ contact(id: %q) { firstName lastName } }`, ids[1])},
		{name: "stranger", who: "stranger", query: fmt.Sprintf(`query @for(purpose: SALES) { contact(id: %q) { lastName } }`, ids[1])},
		{name: "nobody", who: "nobody", query: fmt.Sprintf(`query @for(purpose: SALES) { contact(id: %q) { lastName } }`, ids[1])},
	}
	for i := range r.asks {
		a := &r.asks[i]
		got := r.send(t, r.here, *a)
		a.right = got.Data
		if unknown := a.who == "stranger" || a.who == "nobody"; unknown != (got.Status == 401) || !unknown && len(got.Errors) > 0 {
			t.Fatalf("%s: %d %s", a.name, got.Status, got.Raw)
		}
		for _, s := range a.sees { // else nothing would be found because there was nothing
			if len(r.reveals(t, got.Raw)) == 0 {
				t.Fatalf("%s: %s is not there: %s", a.name, s, got.Raw)
			}
		}
	}
	return r
}

// person enters somebody. Every field of them is a canary.
func (r *region) person(t *testing.T, region, name string) (id, email string) {
	t.Helper()
	in := func(field string) string { return r.plant(r.name + "/" + name + "/" + field) }
	email = in("email") + "@example.org"
	a := r.must(t, r.here, ask{name: "enter", who: "SALES_MANAGER", query: fmt.Sprintf(
		`mutation @for(purpose: SALES) { createContact(input: {firstName: %q, lastName: %q, email: %q, street: %q, city: %q, notes: %q, country: "NZ", region: %q}) { contact { id } } }`,
		in("firstName"), in("lastName"), email, in("street"), in("city"), in("notes"), region)})
	id, _ = a.Dig("createContact", "contact", "id").(string)
	return id, email
}

// send asks, and holds the answer to what its sender may see, whatever is away.
func (r *region) send(t *testing.T, g *stack.Gateway, a ask) *stack.Answer {
	t.Helper()
	who, began := r.as(a.who), time.Now()
	got, err := g.Ask(t.Context(), func(req *http.Request) {
		who(req)
		if a.key != "" {
			req.Header.Set("Idempotency-Key", a.key)
		}
	}, a.query)
	if err != nil {
		t.Errorf("%s: no answer: %v", a.name, err)
		return &stack.Answer{}
	}
	r.hold(t, a.name, got, a.sees)
	if took := time.Since(began); took > answered {
		t.Errorf("%s: answered after %s", a.name, took)
	}
	return got
}

// telling are words of causes: of hosts, paths, statements and libraries.
var telling = []string{"127.0.0.1", "localhost", "SELECT", "INSERT", "UPDATE ", "COMMIT", "sql:", "pgx", "pgconn", "dial", "tcp", "EOF", "i/o", "deadline", "context", "refused", "/tmp", "goroutine", "panic"}

func (r *region) hold(t *testing.T, name string, got *stack.Answer, sees []string) {
	t.Helper()
	if hits := r.reveals(t, got.Raw, sees...); len(hits) > 0 {
		t.Errorf("%s: %v", name, hits[0])
	}
	for _, e := range got.Errors {
		for _, word := range telling {
			if strings.Contains(e.Message, word) {
				t.Errorf("%s: the error tells a cause: %s", name, e.Message)
			}
		}
	}
}

func (r *region) must(t *testing.T, g *stack.Gateway, a ask) *stack.Answer {
	t.Helper()
	got := r.send(t, g, a)
	if got.Status != 200 || len(got.Errors) > 0 {
		t.Fatalf("%s: %d %s", a.name, got.Status, got.Raw)
	}
	return got
}

// round takes d away, asks everything, gives it back, and sees what came of it.
func (r *region) round(t *testing.T, d dependency, worsen func(*stack.Link) error) {
	r.rounds++
	n := fmt.Sprintf("r%d", r.rounds)
	customer := r.name
	const consent = `mutation { %s(input: {purpose: MARKETING}) { consent { given } } }`
	r.must(t, r.here, ask{name: "give consent", who: customer, query: fmt.Sprintf(consent, "giveConsent")})
	doomed, _ := r.person(t, "doomed", n+"-doomed")
	erased, _ := r.person(t, "doomed", n+"-erased")
	create := func(name, key string) ask {
		email := r.plant(r.name+"/"+n+"-"+name+"/email") + "@example.org"
		return ask{name: name, who: "SALES_MANAGER", key: key, sees: []string{r.name + "/" + n + "-" + name},
			query: fmt.Sprintf(`mutation @for(purpose: SALES) { createContact(input: {email: %q, region: "new"}) { contact { email } } }`, email)}
	}
	once, plain := create("once", "key-"+r.name+n), create("plain", "")
	withdraw := ask{name: "withdraw consent", who: customer, query: fmt.Sprintf(consent, "withdrawConsent")}
	remove := ask{name: "delete", who: "SALES_MANAGER", query: fmt.Sprintf(`mutation @for(purpose: SALES) { deleteContact(id: %q) { deletedId } }`, doomed)}
	writes := []ask{once, plain, withdraw, remove}

	streams := r.subscribe(t)
	if err := worsen(d.link(r.here)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := map[string]bool{}
	for _, a := range slices.Concat(r.asks, writes) {
		wg.Go(func() {
			got := r.send(t, r.here, a)
			ok := r.judge(t, d, a, got)
			mu.Lock()
			defer mu.Unlock()
			done[a.name] = ok
		})
	}
	wg.Go(func() { r.readiness(t, d) })
	wg.Wait()
	for _, a := range r.asks { // now on connections made since, or with what was learnt
		wg.Go(func() { r.judge(t, d, a, r.send(t, r.here, a)) })
	}
	if d.name == "redis" {
		r.hears(t, streams["SALES_MANAGER"], n)
	}
	if d.name != "database" {
		r.erase(t, erased)
	}
	note := r.plant(r.name + "/p3/notes-" + n)
	r.must(t, r.sound, r.change(note))
	r.gone(t, done, withdraw, doomed, r.sound)
	wg.Wait()

	if err := d.link(r.here).Mend(); err != nil {
		t.Fatal(err)
	}
	r.mended = time.Now()
	r.recovery(t)

	// What was not answered is sent again, and with its key it is one act.
	r.again(t, once)
	if got := r.count(t, once); got != 1 {
		t.Errorf("with an Idempotency-Key: written %d times", got)
	}
	if got := r.count(t, plain); got > 1 || done[plain.name] && got != 1 {
		t.Errorf("without: written %d times, and answered: %t", got, done[plain.name])
	}
	r.again(t, withdraw)
	r.again(t, remove, "NOT_FOUND")
	done[withdraw.name], done[remove.name] = true, true
	if d.name != "database" {
		r.nowhere(t, erased, r.here)
	}
	r.gone(t, done, withdraw, doomed, r.here)
	r.gone(t, done, withdraw, doomed, r.sound)
	r.told(t, streams, note)
}

// judge holds an answer to what is documented of the dependency, and reports whether the operation was carried out.
func (r *region) judge(t *testing.T, d dependency, a ask, got *stack.Answer) bool {
	t.Helper()
	unknown := a.who == "nobody" || a.who == "stranger"
	want, codes := d.status, "UNAVAILABLE"
	switch {
	case a.who == "nobody":
		want, codes = 401, "UNAUTHENTICATED"
	case unknown && d.nobody == 401:
		want, codes = 401, "UNAUTHENTICATED"
	case want == 0:
		want, codes = 200, ""
	case a.who == r.name && d.name == "database":
		want = 503 // who a customer is stands in the database
	}
	// Whoever waits for a place behind those who wait for the database is refused before the operation begins, with 503.
	crowded := want == 200 && codes != "" && got.Status == 503
	undecided := codes == "UNAVAILABLE" && d.name == "database" && strings.Join(got.Codes(), " ") == "UNKNOWN" // it broke at the commit
	if got.Status != want && !crowded || strings.Join(got.Codes(), " ") != codes && !undecided {
		t.Errorf("%s: want %d %s, got %d %s", a.name, want, codes, got.Status, got.Raw)
		return false
	}
	if codes != "" {
		for _, v := range got.Data {
			if v != nil {
				t.Errorf("%s: refused, and answered: %s", a.name, got.Raw)
			}
		}
		return false
	}
	if a.right != nil && !reflect.DeepEqual(got.Data, a.right) {
		t.Errorf("%s: wrong: %s", a.name, got.Raw)
	}
	return true
}

// readiness wants the check that fails named, and no cause.
func (r *region) readiness(t *testing.T, d dependency) {
	t.Helper()
	status, states, text, err := ready(t.Context(), r.here)
	if err != nil || status != d.ready || states[d.name] != d.state {
		t.Errorf("readyz: %d %s %v", status, text, err)
	}
	for _, word := range telling {
		if strings.Contains(text, word) {
			t.Errorf("readyz tells a cause: %s", text)
		}
	}
}

func ready(ctx context.Context, g *stack.Gateway) (status int, states map[string]string, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Admin+"/readyz", nil)
	if err != nil {
		return 0, nil, "", err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	raw, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, nil, "", err
	}
	var report struct {
		State      string
		Components []struct{ Name, State string }
	}
	states = map[string]string{}
	err = json.Unmarshal(raw, &report)
	for _, c := range report.Components {
		states[c.Name] = c.State
	}
	states[""] = report.State
	return resp.StatusCode, states, string(raw), err
}

// recovery measures how long it takes until everything is as before.
func (r *region) recovery(t *testing.T) {
	t.Helper()
	began := r.mended
	var health, answers time.Duration
	for health == 0 || answers == 0 {
		if time.Since(began) > recovers {
			_, _, text, err := ready(t.Context(), r.here)
			t.Fatalf("not as before after %s: answers %s, health %s: %s %v", recovers, answers, health, text, err)
		}
		if answers == 0 && r.asBefore(t) {
			answers = time.Since(began)
		}
		if _, states, _, err := ready(t.Context(), r.here); health == 0 && err == nil && states[""] == "up" {
			health = time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("answers as before after %s, health after %s", answers.Round(time.Millisecond), health.Round(time.Millisecond))
}

// again asks until there is an answer: the first one after a fault may still meet a connection that broke in it.
func (r *region) again(t *testing.T, a ask, done ...string) {
	t.Helper()
	for {
		got := r.send(t, r.here, a)
		if len(got.Errors) == 0 || slices.Equal(got.Codes(), done) {
			return
		}
		if code := strings.Join(got.Codes(), " "); time.Since(r.mended) > recovers || code != "UNAVAILABLE" && code != "UNKNOWN" {
			t.Errorf("%s: not after %s: %s", a.name, time.Since(r.mended), got.Raw)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *region) asBefore(t *testing.T) bool {
	t.Helper()
	good := true
	for _, a := range r.asks {
		got := r.send(t, r.here, a)
		good = good && reflect.DeepEqual(got.Data, a.right) && (a.right == nil) == (got.Status == 401)
	}
	return good
}

func (r *region) count(t *testing.T, a ask) int {
	t.Helper()
	r.mu.Lock()
	email := r.canaries[a.sees[0]+"/email"] + "@example.org"
	r.mu.Unlock()
	got := r.must(t, r.sound, ask{name: "count", who: "SALES_MANAGER", query: fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {email: {eq: %q}}) { totalCount } }`, email)})
	n, _ := got.Dig("contacts", "totalCount").(float64)
	return int(n)
}

// gone holds a gateway to what was carried out: who withdrew is not shown to those who need consent, and who was deleted is
// shown to nobody.
func (r *region) gone(t *testing.T, done map[string]bool, withdraw ask, doomed string, g *stack.Gateway) {
	t.Helper()
	if done[withdraw.name] {
		r.must(t, g, ask{name: "after withdrawal", who: "MARKETER", query: fmt.Sprintf(`query @for(purpose: MARKETING) { contact(id: %q) { firstName lastName email } }`, r.own)})
	}
	if done["delete"] {
		r.nowhere(t, doomed, g)
	}
}

// hears changes a record where it is subscribed to: for that nothing else is needed.
func (r *region) hears(t *testing.T, s *stack.Stream, round string) {
	t.Helper()
	note := r.plant(r.name + "/p3/notes-own-" + round)
	r.must(t, r.here, r.change(note))
	again := false
	for end := time.Now().Add(recovers); ; time.Sleep(10 * time.Millisecond) {
		for _, a := range s.Told() {
			if a.Dig("contactChanged", "node", "notes") == note {
				return
			}
			if again || len(a.Errors) == 0 || !slices.Equal(a.Codes(), []string{"UNAVAILABLE"}) {
				continue
			}
			// It may have missed something while Redis was away before. One that begins now has not.
			var err error
			if s, err = r.here.Subscribe(t.Context(), r.as("SALES_MANAGER"), fmt.Sprintf(subscribers["SALES_MANAGER"], r.changed)); err != nil {
				t.Errorf("subscribe again: %v", err)
				return
			}
			defer s.Close()
			note, again = r.plant(r.name+"/p3/notes-again-"+round), true
			r.must(t, r.here, r.change(note))
			end = time.Now().Add(recovers)
			break
		}
		if time.Now().After(end) {
			t.Error("a subscription does not hear of its own replica")
			return
		}
	}
}

func (r *region) change(note string) ask {
	return ask{name: "change", who: "SALES_MANAGER", query: fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {notes: %q}) { contact { id } } }`, r.changed, note)}
}

// erase destroys somebody's keys with the settings of the gateway that lacks something.
func (r *region) erase(t *testing.T, id string) {
	t.Helper()
	if out, err := r.here.Command(t.Context(), "keys", "destroy", "--subject", id, "--because", "a test", "--yes").CombinedOutput(); err != nil {
		t.Errorf("erase: %v: %s", err, out)
	}
	r.nowhere(t, id, r.sound)
}

// nowhere wants a record to be there for nobody.
func (r *region) nowhere(t *testing.T, id string, g *stack.Gateway) {
	t.Helper()
	got := r.must(t, g, ask{name: "of somebody who is gone", who: "SALES_MANAGER", query: fmt.Sprintf(`query @for(purpose: SALES) { contact(id: %q) { lastName } }`, id)})
	if got.Dig("contact") != nil {
		t.Errorf("gone, and there: %s", got.Raw)
	}
}

// subscriptions by who has them, with what they may be told.
var subscribers = map[string]string{
	"SALES_MANAGER": `subscription @for(purpose: SALES) { contactChanged(id: %q) { kind node { lastName notes } } }`,
	"SUPPORT_AGENT": `subscription @for(purpose: SUPPORT) { contactChanged(id: %q) { kind node { lastName notes city updatedAt } } }`,
	"MARKETER":      `subscription @for(purpose: MARKETING) { contactChanged(id: %q) { kind node { lastName email updatedAt } } }`,
}

func (r *region) subscribe(t *testing.T) map[string]*stack.Stream {
	t.Helper()
	out := map[string]*stack.Stream{}
	for who, query := range subscribers {
		s, err := r.here.Subscribe(t.Context(), r.as(who), fmt.Sprintf(query, r.changed))
		if err != nil {
			t.Fatalf("subscribe: %s: %v", who, err)
		}
		out[who] = s
	}
	return out
}

// told wants every subscriber to be told of the change, or that they may have missed it.
func (r *region) told(t *testing.T, streams map[string]*stack.Stream, note string) {
	t.Helper()
	sees := map[string][]string{"SALES_MANAGER": {r.name + "/p3/"}, "SUPPORT_AGENT": {r.name + "/p3/lastName"}}
	for who, s := range streams {
		how := ""
		for end := time.Now().Add(recovers); how == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			for _, a := range s.Told() {
				switch {
				case len(a.Errors) > 0:
					how = strings.Join(a.Codes(), " ")
				case who != "SALES_MANAGER" || a.Dig("contactChanged", "node", "notes") == note:
					how = "of the change"
				}
			}
		}
		if how != "of the change" && how != "UNAVAILABLE" {
			t.Errorf("%s is told %q after %d answers", who, how, len(s.Told()))
		}
		s.Close()
		for _, a := range s.Told() {
			r.hold(t, "subscription of "+who, a, sees[who])
		}
		t.Logf("%s is told %s", who, how)
	}
}
