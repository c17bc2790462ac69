package immediacy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/stack"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// patience is how long anything may take, with everything that is done to the services.
const patience = 60 * time.Second

// crowd are people who give consent to profiling, and withdraw it.
type crowd struct {
	*stack.Stack
	agent, manager stack.Credential
	writer         *stack.Gateway // the only one; nil: any

	withdrawn, shown, reads, told, held, reveals, unknown, refused atomic.Int64

	mu    sync.Mutex
	first []string // reveals
	stuck []string // what did not succeed within patience
	slow  time.Duration
	codes map[string]int // of other refusals
}

func (c *crowd) note(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.codes == nil {
		c.codes = map[string]int{}
	}
	c.codes[code]++
}

func (c *crowd) String() string {
	return fmt.Sprintf("%d withdrawals, %d pages held up, %d reads afterwards and %d before that showed, %d events, %d answers UNKNOWN, %d other refusals %v; %d reveals; the slowest success after %s",
		c.withdrawn.Load(), c.held.Load(), c.reads.Load(), c.shown.Load(), c.told.Load(), c.unknown.Load(), c.refused.Load(), c.codes, c.reveals.Load(), c.slow.Round(time.Millisecond))
}

func (c *crowd) reveal(how string, a *stack.Answer) {
	c.reveals.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) < 10 {
		c.first = append(c.first, how+": "+a.Raw)
	}
}

func (c *crowd) any() *stack.Gateway { return c.Gateways[rand.IntN(len(c.Gateways))] }

// writes is where things are written. A gateway that writes reads at the primary until a standby has it, so where a standby is to
// be read from there is another that does not.
func (c *crowd) writes() *stack.Gateway {
	if c.writer != nil {
		return c.writer
	}
	return c.any()
}

// until asks gateways until one says that it is done, and reports whether one did.
func (c *crowd) until(ctx context.Context, who stack.Credential, query string, seen func(*stack.Answer)) bool {
	return c.untilAt(ctx, c.writes, who, query, seen)
}

func (c *crowd) untilAt(ctx context.Context, where func() *stack.Gateway, who stack.Credential, query string, seen func(*stack.Answer)) bool {
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		a, err := where().Ask(ctx, who, query)
		if err != nil {
			last = err.Error()
			continue
		}
		last = a.Raw
		if seen != nil {
			seen(a)
		}
		switch code := strings.Join(a.Codes(), " "); code {
		case "":
			return true
		case "UNKNOWN":
			c.unknown.Add(1)
		case "GRAPHQL_VALIDATION_FAILED", "BAD_INPUT", "FORBIDDEN": // it will never be answered
			c.mu.Lock()
			defer c.mu.Unlock()
			c.stuck = append(c.stuck, query+": "+last)
			return false
		default:
			c.refused.Add(1)
			c.note(code)
		}
	}
	if ctx.Err() == nil {
		c.mu.Lock()
		c.stuck = append(c.stuck, query+": "+last)
		c.mu.Unlock()
	}
	return false
}

// person is one of the crowd, and all that is asked about them.
type person struct {
	id     string
	self   stack.Credential
	stream *stack.Stream
}

func (p *person) say(what string) string {
	return fmt.Sprintf(`mutation @for(purpose: SUPPORT) { %sConsent(input: {purpose: PROFILING, subject: %q, method: TELEPHONE, evidence: "call 7"}) { consent { given } } }`, what, p.id)
}

// withdraws is who withdraws, and what they say: mostly people themselves, who may do so once a second.
func (c *crowd) withdraws(p *person, n int) (stack.Credential, string) {
	if n%20 == 0 {
		return c.agent, p.say("withdraw")
	}
	return p.self, `mutation { withdrawConsent(input: {purpose: PROFILING}) { consent { given } } }`
}

func (p *person) everything() string {
	return fmt.Sprintf(`query @for(purpose: SALES) {
		contacts(where: {id: {eq: %[1]q}}) { nodes { leadScore } }
		contact(id: %[1]q) { leadScore }
		node(id: %[1]q) { ... on Contact { leadScore } }
		found: contacts(where: {and: [{id: {eq: %[1]q}}, {leadScore: {gte: 0}}]}) { totalCount } }`, p.id)
}

func (p *person) touch(n int) string {
	return fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {jobTitle: "%d"}) { contact { leadScore } } }`, p.id, n)
}

// shows reports whether an answer has the score anywhere, or tells of it by a filter.
func shows(a *stack.Answer) bool {
	if n, ok := a.Dig("found", "totalCount").(float64); ok && n > 0 {
		return true
	}
	for _, path := range [][]any{{"contacts", "nodes", 0}, {"contact"}, {"node"}, {"updateContact", "contact"}, {"contactChanged", "node"}} {
		if a.Dig(append(path, "leadScore")...) != nil {
			return true
		}
	}
	return false
}

func (c *crowd) person(ctx context.Context, t *testing.T) *person {
	t.Helper()
	var p person
	made := func(a *stack.Answer) { p.id, _ = a.Dig("createContact", "contact", "id").(string) }
	if !c.until(ctx, c.manager, `mutation @for(purpose: SALES) { createContact(input: {lastName: "Byron"}) { contact { id } } }`, made) || !c.until(ctx, c.agent, p.say("give"), nil) ||
		!c.until(ctx, c.manager, fmt.Sprintf(`mutation @for(purpose: SALES) { updateContact(id: %q, input: {leadScore: %d, scoredAt: %q}) { contact { id } } }`, p.id, 1+rand.IntN(99), time.Now().UTC().Format(time.RFC3339)), nil) {
		t.Fatal(c.stuck)
	}
	_, subject, err := read.DecodeID(p.id) // of a new person: theirs and that of the record
	if err != nil {
		t.Fatal(err)
	}
	who, err := identity.Person("CUSTOMER", nil, subject)
	if err != nil {
		t.Fatal(err)
	}
	if p.self, err = c.As(who); err != nil {
		t.Fatal(err)
	}
	return &p
}

// round has a person give consent and withdraw it, and then looks everywhere.
func (c *crowd) round(ctx context.Context, p *person, n int) {
	if p.stream != nil {
		select {
		case <-p.stream.Done: // it may have missed something while Redis was away
			c.subscribe(ctx, p)
		default:
		}
	}
	if !c.until(ctx, c.agent, p.say("give"), nil) {
		return
	}
	for _, g := range c.Gateways { // whatever keeps what it knows knows it now
		if a, err := g.Ask(ctx, c.manager, p.everything()); err == nil && shows(a) {
			c.shown.Add(1)
		}
	}
	began := time.Now()
	who, what := c.withdraws(p, n)
	if !c.until(ctx, who, what, nil) {
		return
	}
	c.succeeded(time.Since(began))
	c.look(ctx, p)
	if p.stream != nil {
		c.listen(ctx, p, n)
	}
}

// look looks at both gateways for somebody who has withdrawn.
func (c *crowd) look(ctx context.Context, p *person) {
	for _, g := range c.Gateways {
		c.untilAt(ctx, func() *stack.Gateway { return g }, c.manager, p.everything(), func(a *stack.Answer) {
			if len(a.Errors) == 0 {
				c.reads.Add(1)
			}
			if shows(a) {
				c.reveal("a read", a)
			}
		})
	}
}

func (c *crowd) succeeded(after time.Duration) {
	c.withdrawn.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = max(c.slow, after)
}

// subscribe opens the stream of a person, if a gateway lets it.
func (c *crowd) subscribe(ctx context.Context, p *person) {
	s, err := c.any().Subscribe(ctx, c.manager, fmt.Sprintf(`subscription @for(purpose: SALES) { contactChanged(id: %q) { kind node { leadScore jobTitle } } }`, p.id))
	if err == nil {
		p.stream = s
	}
}

// listen has something about a person change after their withdrawal, and hears what an open subscription tells of it.
func (c *crowd) listen(ctx context.Context, p *person, n int) {
	time.Sleep(100 * time.Millisecond) // what was answered before is on its way
	before := len(p.stream.Told())
	c.until(ctx, c.manager, p.touch(n), func(a *stack.Answer) {
		if shows(a) {
			c.reveal("what an update gives back", a)
		}
	})
	for end := time.Now().Add(500 * time.Millisecond); len(p.stream.Told()) == before && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	for _, a := range p.stream.Told()[before:] {
		c.told.Add(1)
		if shows(a) {
			c.reveal("an event", a)
		}
	}
}

// run has workers go on until so many have withdrawn, or the time is over.
func (c *crowd) run(t *testing.T, many int64, most time.Duration) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), most)
	defer end()
	var all sync.WaitGroup
	for range 8 {
		people := make([]*person, 6+many/1000)
		for i := range people {
			people[i] = c.person(t.Context(), t)
		}
		for i := 0; i < len(people); i += 6 {
			c.subscribe(ctx, people[i])
		}
		all.Go(func() {
			for n := 0; ctx.Err() == nil && c.withdrawn.Load() < many; n++ {
				c.round(ctx, people[n%len(people)], n)
			}
		})
	}
	all.Wait()
	if ctx.Err() == nil {
		for _, s := range c.stuck {
			t.Error("it did not succeed:", s)
		}
	}
}

// hold holds up a page between its statements, and has the person withdraw meanwhile: what the page shows it shows before they are
// told that it is done.
func (c *crowd) hold(ctx context.Context, db string, p *person, long time.Duration) {
	if !c.until(ctx, c.agent, p.say("give"), nil) {
		return
	}
	conn, err := pgx.Connect(ctx, db)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	lock, err := conn.Begin(ctx)
	if err != nil {
		return
	}
	if _, err := lock.Exec(ctx, "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"); err != nil {
		return
	}
	page, done := make(chan *stack.Answer, 1), make(chan bool, 1)
	go func() {
		a, _ := c.any().Ask(ctx, c.manager, fmt.Sprintf(`query @for(purpose: SALES) { contacts(where: {id: {eq: %q}}) { nodes { leadScore tasks { nodes { id } } } } }`, p.id))
		page <- a
	}()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		waits := false
		if err := lock.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'tasks'::regclass)`).Scan(&waits); err != nil || waits {
			break
		}
	}
	go func() { done <- c.until(ctx, c.agent, p.say("withdraw"), nil) }()
	var early, succeeded bool
	select {
	case succeeded = <-done:
		early = succeeded
		_ = lock.Rollback(context.Background())
	case <-time.After(long):
		_ = lock.Rollback(context.Background())
		succeeded = <-done
	}
	a := <-page
	if succeeded {
		c.succeeded(0)
		c.look(ctx, p)
	}
	if a != nil && shows(a) {
		c.held.Add(1)
		if early {
			c.reveal("a page that was under way", a)
		}
	}
}
