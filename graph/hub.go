package graph

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/event"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Bounds of open subscriptions.
const (
	MaxStreams          = 10_000 // of one replica
	MaxPrincipalStreams = 100    // of one principal, on one replica
)

// Why a stream ends that its client could go on with. All of them have one remedy: subscribe anew, and ask again for what is
// shown, because what happened in between is not told.
var (
	errMissed  = read.Fail(read.CodeUnavailable, "changes may have been missed: subscribe anew, and ask again")
	errSlow    = read.Fail(read.CodeUnavailable, "there were more changes than were taken: subscribe anew, and ask again")
	errCrowd   = read.Fail(read.CodeUnavailable, "this subscription has told of as many records as one can: subscribe anew, and ask again")
	errStreams = read.Fail(read.CodeRateLimited, "there are as many subscriptions as there may be: end some")
)

// hub brings events to the subscriptions they may concern. While there are none it listens to nothing.
type hub struct {
	events Events
	reads  *read.Engine
	schema *ir.Schema
	log    *slog.Logger
	// slots bound how many events are answered side by side: telling is never what keeps others from asking.
	slots chan struct{}

	mu      sync.Mutex
	streams map[*Stream]bool
	byType  map[*ir.Type]map[*Stream]bool
	people  map[uuid.UUID]map[*Stream]bool
	whose   map[string]int // streams by principal
	stop    func()         // listening
}

func newHub(events Events, reads *read.Engine, s *ir.Schema, log *slog.Logger) *hub {
	return &hub{events: events, reads: reads, schema: s, log: log, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		streams: map[*Stream]bool{}, byType: map[*ir.Type]map[*Stream]bool{}, people: map[uuid.UUID]map[*Stream]bool{}, whose: map[string]int{}}
}

// join adds a stream, and begins to listen for the first one.
func (h *hub) join(s *Stream) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= MaxStreams || h.whose[s.principal] >= MaxPrincipalStreams {
		return errStreams
	}
	h.streams[s] = true
	h.whose[s.principal]++
	if t := s.topic.Type; t != nil {
		add(h.byType, t, s)
	} else {
		add(h.people, s.topic.Subject, s)
	}
	if h.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		notices, stop := h.events.Subscribe(TopicChanged)
		h.stop = func() { cancel(); stop() }
		go h.listen(ctx, notices)
	}
	return nil
}

// leave takes a stream out. After the last one nobody listens.
func (h *hub) leave(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.streams[s] {
		return
	}
	delete(h.streams, s)
	if h.whose[s.principal]--; h.whose[s.principal] <= 0 {
		delete(h.whose, s.principal)
	}
	if t := s.topic.Type; t != nil {
		remove(h.byType, t, s)
	} else {
		remove(h.people, s.topic.Subject, s)
	}
	if len(h.streams) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

func add[K comparable](m map[K]map[*Stream]bool, k K, s *Stream) {
	if m[k] == nil {
		m[k] = map[*Stream]bool{}
	}
	m[k][s] = true
}

func remove[K comparable](m map[K]map[*Stream]bool, k K, s *Stream) {
	delete(m[k], s)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// listen brings events along until ctx ends, or the bus does.
func (h *hub) listen(ctx context.Context, notices <-chan Notice) {
	for n := range notices {
		if ctx.Err() != nil {
			return
		}
		events, err := event.Decode(n.Data)
		if n.Gap || err != nil {
			h.lose(errMissed)
			continue
		}
		for _, e := range events {
			h.bring(ctx, e)
		}
	}
	if ctx.Err() == nil {
		h.lose(errMissed)
	}
}

// lose ends every stream.
func (h *hub) lose(why *read.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams {
		s.end(why)
	}
}

// bring has the streams look that an event may concern: those of its rows, and those whose rows lead to them.
func (h *hub) bring(ctx context.Context, e Event) {
	t := h.schema.Type(e.Type)
	switch e.Kind {
	case event.Gap:
		h.lose(errMissed)
	case event.Created, event.Updated, event.Deleted:
		for _, s := range h.of(t) {
			s.offer(e.ID, e.Kind == event.Created)
		}
		if e.Kind != event.Updated || t == nil { // nothing leads to a new row yet, and what led to one that is gone changed itself
			return
		}
		for _, other := range h.followed() {
			if leads(other, t) {
				ids, more, err := h.reads.Leading(ctx, other, t, e.ID)
				h.again(ctx, other, ids, more, err)
			}
		}
	case event.Many:
		for _, other := range h.followed() {
			if other == t || t != nil && leads(other, t) {
				h.again(ctx, other, nil, true, nil)
			}
		}
	case event.Standing:
		h.mu.Lock()
		people := slices.Collect(maps.Keys(h.people[e.ID]))
		h.mu.Unlock()
		for _, s := range people {
			s.offer(e.ID, false)
		}
		for _, other := range h.followed() {
			switch {
			case leadsAside(other): // to people the row itself is not about
				h.again(ctx, other, nil, true, nil)
			case other.Personal():
				ids, more, err := h.reads.About(ctx, other, e.ID)
				h.again(ctx, other, ids, more, err)
			}
		}
	}
}

// again has the streams of t look at rows they showed: at those listed, or, where there are more or it is not known which, at all.
func (h *hub) again(ctx context.Context, t *ir.Type, ids []uuid.UUID, more bool, err error) {
	if err != nil && ctx.Err() == nil {
		h.log.Warn("subscriptions look at all they showed, because what is concerned cannot be found", "type", t.Name, "err", err)
	}
	all := more || err != nil
	if !all && len(ids) == 0 {
		return
	}
	if all {
		ids = nil
	}
	for _, s := range h.of(t) {
		s.again(ids)
	}
}

// followed are the types that somebody subscribes to.
func (h *hub) followed() []*ir.Type {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.byType))
}

// leads reports whether rows of t have a key of rows of another type.
func leads(t, to *ir.Type) bool {
	return slices.ContainsFunc(t.Fields, func(f *ir.Field) bool { return f.Kind == ir.ToOne && f.Edge.Target == to })
}

// leadsAside reports whether rows of t have a key of rows about people who are not their owners.
func leadsAside(t *ir.Type) bool {
	return slices.ContainsFunc(t.Fields, func(f *ir.Field) bool { return f.Kind == ir.ToOne && !f.Edge.IsOwner && f.Edge.Target.Personal() })
}

func (h *hub) of(t *ir.Type) []*Stream {
	if t == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*Stream, 0, len(h.byType[t]))
	for s := range h.byType[t] {
		out = append(out, s)
	}
	return slices.Clip(out)
}
