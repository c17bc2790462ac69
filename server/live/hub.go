package live

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// Gateway opens operations; keys are the values of Idempotency-Key that came along.
type Gateway interface {
	Open(ctx context.Context, body []byte, keys []string, who graph.Who) (*graph.Stream, error)
}

// Config is what a Hub needs. Times that are zero have their defaults.
type Config struct {
	Gateway   Gateway
	Identity  identity.Authenticator
	KnownRole func(role string) bool
	Events    graph.Events    // of which TopicRevoked is heard; nil: nobody revokes
	Told      func()          // is called after each answer; nil: nobody counts
	Leaving   <-chan struct{} // closed when connections have to end
	Body      int64           // bytes of one request
	Timeout   time.Duration   // for an operation to begin
	Log       *slog.Logger

	Ping  time.Duration // between signs of life; default 15 s
	Life  time.Duration // of a connection; default an hour
	Write time.Duration // for one message to be taken; default 10 s
	Init  time.Duration // until a WebSocket says who it is; default 10 s
	Idle  time.Duration // of a WebSocket without an operation; default a minute

	Strangers int // WebSockets that have not yet said who they are; default 1000
}

// Bounds of connections.
const (
	maxConns          = 10_000 // of one replica
	maxPrincipalConns = 50     // of one principal, on one replica
	maxOperations     = 100    // of one WebSocket

	maxInit = 9 << 10 // bytes of connection_init: the longest credential that is looked at, and what surrounds it
)

// Why a connection ends. Its client may come back.
var (
	errLeaving = read.Fail(read.CodeUnavailable, "the server shuts down: connect anew, and ask again")
	errOver    = read.Fail(read.CodeUnavailable, "a connection lasts an hour: connect anew, and ask again")
	errConns   = read.Fail(read.CodeRateLimited, "there are as many open connections as there may be: close some")
	errCrowd   = read.Fail(read.CodeUnavailable, "as many WebSockets as may be have not sent connection_init yet: try again in a moment")
	errRevoked = read.Fail(read.CodeUnauthenticated, "the session has ended: sign in again")
)

// Hub holds the open connections.
type Hub struct {
	Config

	watch sync.Once
	mu    sync.Mutex
	conns map[*conn]bool
	whose map[string]int // connections by principal
	left  bool

	strangers chan struct{} // the places of WebSockets of which nobody knows yet whose they are
}

// New returns a Hub without connections.
func New(c Config) *Hub {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Ping, 15*time.Second)
	def(&c.Life, time.Hour)
	def(&c.Write, 10*time.Second)
	def(&c.Init, 10*time.Second)
	def(&c.Idle, time.Minute)
	def(&c.Timeout, 30*time.Second)
	if c.Strangers <= 0 {
		c.Strangers = 1000
	}
	if c.Told == nil {
		c.Told = func() {}
	}
	return &Hub{Config: c, conns: map[*conn]bool{}, whose: map[string]int{}, strangers: make(chan struct{}, c.Strangers)}
}

// conn is one connection and who is behind it.
type conn struct {
	hub       *Hub
	principal policy.Principal
	// request has the credentials, and nothing else is asked of it: it is what the authenticator is shown again.
	request *http.Request
	end     context.CancelCauseFunc
}

// enter counts a connection in. The context it returns ends with the connection, for a reason that its client may know.
func (h *Hub) enter(ctx context.Context, p policy.Principal, credentials *http.Request) (context.Context, *conn, error) {
	h.watch.Do(h.listen)
	ctx, cancelLife := context.WithTimeoutCause(ctx, h.Life, errOver)
	ctx, end := context.WithCancelCause(ctx)
	c := &conn{hub: h, principal: p, request: credentials, end: func(err error) { end(err); cancelLife() }}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.left:
		c.end(errLeaving)
		return nil, nil, errLeaving
	case len(h.conns) >= maxConns || h.whose[p.ID] >= maxPrincipalConns:
		c.end(errConns)
		return nil, nil, errConns
	}
	h.conns[c] = true
	h.whose[p.ID]++
	return ctx, c, nil
}

func (c *conn) leave() {
	c.end(context.Canceled)
	h := c.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	if h.whose[c.principal.ID]--; h.whose[c.principal.ID] <= 0 {
		delete(h.whose, c.principal.ID)
	}
}

// Connections is how many there are.
func (h *Hub) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// who finds out who is behind the connection now.
func (c *conn) who(ctx context.Context) (policy.Principal, error) {
	return c.hub.authenticate(c.request.WithContext(ctx))
}

func (h *Hub) authenticate(r *http.Request) (policy.Principal, error) {
	p, err := h.Identity.Authenticate(r)
	if err == nil && !h.KnownRole(p.Role) {
		err = errors.New("the token's role is not a role of the schema: ask for a new token")
	}
	return p, err
}

// credentials is a request that says who somebody is, and holds on to nothing else of theirs. A cookie counts only with the word of
// the browser which page asks, so that comes along, and so does the browser's word that they opt out.
func credentials(r *http.Request) *http.Request {
	out := &http.Request{Method: r.Method, URL: r.URL, Header: http.Header{}, Host: r.Host, RemoteAddr: r.RemoteAddr}
	for _, name := range []string{"Authorization", "Cookie", "X-Session-Token", "Origin", "Sec-Fetch-Site", "Upgrade", identity.GPCHeader} {
		if v := r.Header.Values(name); len(v) > 0 {
			out.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	return out
}

// listen hears, from the first connection on, who is nobody any more, and when to leave. Two goroutines, however many
// connections.
func (h *Hub) listen() {
	if h.Leaving != nil {
		go func() {
			<-h.Leaving
			h.mu.Lock()
			h.left = true
			h.mu.Unlock()
			for _, c := range h.all() {
				c.end(errLeaving)
			}
		}()
	}
	if h.Events != nil {
		notices, _ := h.Events.Subscribe(graph.TopicRevoked)
		go func() {
			for n := range notices {
				h.revoked(n)
			}
		}()
	}
}

// revoked ends the connections of an identity, and asks of all others whether they are still who they were: a notice may name a
// session, and those are known to the authenticator alone. It asks once: further notices that arrive meanwhile have it ask again.
func (h *Hub) revoked(n graph.Notice) {
	var others []*conn
	for _, c := range h.all() { // first those that are known to be over: to ask about the others takes a while
		if !n.Gap && string(n.Data) == c.principal.ID {
			c.end(errRevoked)
		} else {
			others = append(others, c)
		}
	}
	for _, c := range others {
		ctx, cancel := context.WithTimeout(context.Background(), h.Write)
		p, err := c.who(ctx)
		cancel()
		switch {
		case err != nil && gone(err), err == nil && p.ID != c.principal.ID:
			c.end(errRevoked)
		case err != nil:
			h.Log.Warn("who is behind a connection cannot be asked now; it is told nothing until that is known", "err", err)
		}
	}
}

// gone reports whether an authenticator's error says that somebody is nobody, and not that it cannot tell.
func gone(err error) bool {
	var mine *read.Error
	return !errors.As(err, &mine) || mine.Code != read.CodeUnavailable
}

func (h *Hub) all() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		out = append(out, c)
	}
	return out
}

// still finds out who asks now: a connection lasts for longer than sessions and roles do. One whose client is nobody any more, or
// somebody else, ends.
func (c *conn) still(ctx context.Context) (policy.Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, c.hub.Timeout)
	defer cancel()
	p, err := c.who(ctx)
	switch {
	case err != nil && gone(err), err == nil && p.ID != c.principal.ID:
		c.end(errRevoked)
		return p, errRevoked
	}
	return p, err
}

// open begins an operation of whoever p is. What takes too long to begin is given up; once it has begun it may last.
func (c *conn) open(ctx context.Context, p policy.Principal, body []byte, keys []string) (*graph.Stream, error) {
	ctx, cancel := context.WithTimeout(policy.WithPrincipal(ctx, p), c.hub.Timeout)
	defer cancel()
	return c.hub.Gateway.Open(ctx, body, keys, c.who)
}
