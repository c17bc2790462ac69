package graph

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Bounds of one stream.
const (
	maxWaiting = 1000             // rows that something happened to and that are not answered yet
	maxSeen    = 5000             // rows it remembers having told of
	eventTime  = 10 * time.Second // for one answer
)

// Who says who is asking, now. It is asked before each event: a session that ended, or a role that was taken away, ends or
// changes what is told from then on.
type Who func(ctx context.Context) (policy.Principal, error)

// Stream is an operation whose answers come one by one: a subscription, or any other operation, which has one answer.
//
// It keeps no answer back. What waits for a slow client is which rows to look at, so that what is told is what holds when it is
// told: after a consent is withdrawn nothing leaves that was read before.
type Stream struct {
	g         *Gateway
	asked     request // as it was sent
	who       Who
	topic     *read.Topic
	principal string
	wake      chan struct{}
	one       *graphql.Response // of an operation that is no subscription
	over      bool
	rest      time.Time // until then nothing is looked at: too much was asked

	mu      sync.Mutex
	seen    map[uuid.UUID]read.Sight
	waiting map[uuid.UUID]bool // rows that something happened to, and whether they are new
	batch   []uuid.UUID        // of those, the ones being looked at
	fresh   map[uuid.UUID]bool // of batch, the new ones
	why     *read.Error        // it ends
}

// Streams is how many subscriptions are open.
func (g *Gateway) Streams() int {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	return len(g.hub.streams)
}

// Open begins an operation that was sent as the body of a GraphQL over HTTP request, with what it said by Idempotency-Key. The
// principal in ctx is who sent it. A body that is no request is an error that says so and repeats nothing.
func (g *Gateway) Open(ctx context.Context, body []byte, keys []string, who Who) (*Stream, error) {
	r, err := decodeRequest(body)
	if err != nil {
		return nil, err
	}
	if r.onceKey, err = onceKey(keys); err != nil {
		return nil, err
	}
	r.overHTTP = true
	return g.open(ctx, r, who), nil
}

func (g *Gateway) open(ctx context.Context, r *request, who Who) *Stream {
	s := &Stream{g: g, asked: *r, who: who, wake: make(chan struct{}, 1), seen: map[uuid.UUID]read.Sight{}, waiting: map[uuid.UUID]bool{}}
	oc := &read.Occasion{Opening: true}
	resp := g.answer(read.WithOccasion(ctx, oc), s.request())
	if oc.Topic == nil || broken(resp) {
		s.one = resp
		return s
	}
	s.topic = oc.Topic
	if p, ok := policy.PrincipalFrom(ctx); ok {
		s.principal = p.ID
	}
	rows := s.topic.Rows
	if s.topic.Type == nil {
		rows = []uuid.UUID{s.topic.Subject}
	}
	for _, id := range rows {
		s.seen[id] = read.Sight{}
	}
	// First listen, then look: what happens in between is looked at again.
	if err := g.hub.join(s); err != nil {
		s.one = failure(err)
		return s
	}
	for _, id := range rows {
		oc := &read.Occasion{Row: id, Quiet: true}
		if resp := g.answer(read.WithOccasion(ctx, oc), s.request()); broken(resp) {
			s.Close()
			s.one = resp
			return s
		}
		oc.After.Shown = oc.After.Visible
		s.mu.Lock()
		s.seen[id] = oc.After
		s.mu.Unlock()
	}
	return s
}

// request is what was sent, for one more answer. The document is parsed once and its plan made once: both are kept by their text.
func (s *Stream) request() *request {
	r := s.asked
	r.variables, r.extensions = maps.Clone(r.variables), maps.Clone(r.extensions)
	return &r
}

// Subscribed reports whether the stream is a subscription, and may go on for long.
func (s *Stream) Subscribed() bool { return s.topic != nil }

// Next waits for the next answer. After the last one it is io.EOF. An answer with errors is the last one, but for those of fields that
// are denied. When ctx ends with a
// *read.Error for its cause, that is the last answer; otherwise Next returns the context's error. When idle fires meanwhile, there
// is neither answer nor error: nothing happened yet.
func (s *Stream) Next(ctx context.Context, idle <-chan time.Time) (*graphql.Response, error) {
	if s.over {
		return nil, io.EOF
	}
	if s.one != nil {
		s.Close()
		return s.one, nil
	}
	for {
		if wait := time.Until(s.rest); wait > 0 {
			rested := time.NewTimer(wait)
			resp, err, over := s.pause(ctx, rested.C, idle)
			rested.Stop()
			if over {
				return resp, err
			}
		}
		id, sight, why := s.take()
		switch {
		case why != nil:
			return s.last(failure(why)), nil
		case id == uuid.Nil:
			if resp, err, over := s.pause(ctx, nil, idle); over {
				return resp, err
			}
			continue
		}
		resp, told := s.look(ctx, id, sight)
		switch {
		case ctx.Err() != nil:
			return s.ended(ctx)
		case broken(resp):
			if seconds, ok := resp.Errors[0].Extensions["retryAfter"].(int); ok { // later there is more to say, or less
				s.rest = time.Now().Add(time.Duration(seconds) * time.Second)
				s.put(id)
				continue
			}
			return s.last(&graphql.Response{Errors: resp.Errors}), nil
		case told:
			return resp, nil
		}
	}
}

// broken reports whether an answer has errors beside those of fields that are denied: those are part of what is told.
func broken(resp *graphql.Response) bool {
	return slices.ContainsFunc(resp.Errors, func(e *gqlerror.Error) bool {
		return len(resp.Data) == 0 || e.Extensions["code"] != read.CodeConsentRequired
	})
}

// pause waits until there is something to look at, or until rested fires where that is given. Over says that Next returns.
func (s *Stream) pause(ctx context.Context, rested, idle <-chan time.Time) (resp *graphql.Response, err error, over bool) {
	wake := s.wake
	if rested != nil {
		wake = nil
	}
	select {
	case <-wake:
		return nil, nil, false
	case <-rested:
		return nil, nil, false
	case <-idle:
		return nil, nil, true
	case <-ctx.Done():
		resp, err := s.ended(ctx)
		return resp, err, true
	}
}

func (s *Stream) ended(ctx context.Context) (*graphql.Response, error) {
	var why *read.Error
	if errors.As(context.Cause(ctx), &why) {
		return s.last(failure(why)), nil
	}
	s.Close()
	return nil, ctx.Err()
}

func (s *Stream) last(resp *graphql.Response) *graphql.Response {
	s.Close()
	return resp
}

// Close ends the stream.
func (s *Stream) Close() {
	s.over = true
	if s.topic != nil {
		s.g.hub.leave(s)
	}
}

// look answers what happened to one row, as whoever asks is now.
func (s *Stream) look(ctx context.Context, id uuid.UUID, before read.Sight) (*graphql.Response, bool) {
	select {
	case s.g.hub.slots <- struct{}{}:
		defer func() { <-s.g.hub.slots }()
	case <-ctx.Done():
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	p, err := s.who(ctx)
	if err != nil {
		return failure(err), false
	}
	if p.ID != s.principal {
		return failure(errSomebodyElse), false
	}
	oc := &read.Occasion{Row: id, Before: before}
	resp := s.g.answer(read.WithOccasion(policy.WithPrincipal(ctx, p), oc), s.request())
	if broken(resp) {
		return resp, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, kept := s.seen[id]
	switch {
	case !kept && !oc.Told: // to remember it would let what is told later depend on a change that was not
	case !kept && len(s.seen) >= maxSeen:
		s.why = errCrowd
	default:
		s.seen[id] = oc.After
	}
	return resp, oc.Told
}

var errSomebodyElse = read.Fail(read.CodeUnauthenticated, "the session is somebody else's now: subscribe anew")

// failure is an answer that is only an error: one that clients may see, or that nobody knows who asks.
func failure(err error) *graphql.Response {
	var mine *read.Error
	if !errors.As(err, &mine) {
		mine = read.Fail(read.CodeUnauthenticated, err.Error()) // of an authenticator, whose errors are for clients
	}
	return &graphql.Response{Errors: gqlerror.List{mine.GraphQL()}}
}

// take returns the next row to look at, and what was seen of it.
//
// Rows are taken batch by batch, and in a batch in the order of their ids. Which of them was mentioned first can come from an event
// that is not to be told, so it must not show in the order of those that are.
func (s *Stream) take() (uuid.UUID, read.Sight, *read.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batch) == 0 && len(s.waiting) > 0 {
		s.batch = slices.SortedFunc(maps.Keys(s.waiting), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		s.fresh, s.waiting = s.waiting, map[uuid.UUID]bool{}
	}
	if s.why != nil || len(s.batch) == 0 {
		return uuid.Nil, read.Sight{}, s.why
	}
	id := s.batch[0]
	s.batch = s.batch[1:]
	sight, ok := s.seen[id]
	if !ok && s.fresh[id] { // before it was made there was nothing to see
		sight = read.Sight{Known: true}
	}
	return id, sight, nil
}

// put has a row looked at once more that was taken.
func (s *Stream) put(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(id, s.fresh[id])
}

// offer says that something happened to a row.
func (s *Stream) offer(id uuid.UUID, created bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.seen[id]; !ok && !s.topic.All {
		return
	}
	s.add(id, created)
}

// again has rows looked at that were shown: those of ids, or all.
func (s *Stream) again(ids []uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids == nil {
		ids = slices.Collect(maps.Keys(s.seen))
	}
	for _, id := range ids {
		if _, ok := s.seen[id]; ok {
			s.add(id, false)
		}
	}
}

// add has a row looked at. What happens to it several times while it waits is looked at once.
func (s *Stream) add(id uuid.UUID, created bool) {
	if len(s.waiting) >= maxWaiting+len(s.seen) {
		s.stop(errSlow)
		return
	}
	s.waiting[id] = s.waiting[id] || created
	s.poke()
}

func (s *Stream) end(why *read.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(why)
}

func (s *Stream) stop(why *read.Error) {
	if s.why == nil {
		s.why = why
	}
	s.poke()
}

func (s *Stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
