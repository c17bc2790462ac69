package shared

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// maxNotice bounds a notice, in bytes: it carries ids, and no content.
const maxNotice = 4096

var errNoticeTooLarge = fmt.Errorf("a notice has at most %d bytes", maxNotice)

// queue is how many notices wait for a subscriber. One that does not keep up is told of a gap instead of holding up the
// others or filling memory.
const queue = 256

// hub hands notices to the subscribers of this process.
type hub struct {
	mu     sync.Mutex
	topics map[string]map[*listener]bool
	closed bool
}

type listener struct {
	notices chan graph.Notice
	behind  bool // notices were dropped since the last that was taken
}

func newHub() *hub { return &hub{topics: map[string]map[*listener]bool{}} }

// Publish implements graph.Events.
func (h *hub) Publish(_ context.Context, topic string, notice []byte) error {
	if len(notice) > maxNotice {
		return errNoticeTooLarge
	}
	h.tell(graph.Notice{Topic: topic, Data: notice})
	return nil
}

// Subscribe implements graph.Events.
func (h *hub) Subscribe(topic string) (<-chan graph.Notice, func()) {
	l := &listener{notices: make(chan graph.Notice, queue)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(l.notices)
		return l.notices, func() {}
	}
	if h.topics[topic] == nil {
		h.topics[topic] = map[*listener]bool{}
	}
	h.topics[topic][l] = true
	return l.notices, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.topics[topic][l] {
			delete(h.topics[topic], l)
			if len(h.topics[topic]) == 0 {
				delete(h.topics, topic)
			}
			close(l.notices)
		}
	}
}

func (h *hub) tell(n graph.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.topics[n.Topic] {
		l.offer(n)
	}
}

func noticeOf(e envelope) graph.Notice { return graph.Notice{Topic: e.Topic, Data: e.Data} }

// gap tells every subscriber that notices may be missing.
func (h *hub) gap() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for topic, all := range h.topics {
		for l := range all {
			l.offer(graph.Notice{Topic: topic, Gap: true})
		}
	}
}

// offer never waits. The last place of the queue is kept for the word that notices are missing: what is dropped after that
// is covered by it until it is taken.
func (l *listener) offer(n graph.Notice) {
	if len(l.notices) < queue-1 {
		l.behind = false
		l.notices <- n
		return
	}
	if !l.behind {
		l.behind = true
		l.notices <- graph.Notice{Topic: n.Topic, Gap: true}
	}
}

func (h *hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for topic, all := range h.topics {
		for l := range all {
			close(l.notices)
		}
		delete(h.topics, topic)
	}
}

var errBusAway = errors.New("other replicas were not told: redis does not answer; they look again once it does")
