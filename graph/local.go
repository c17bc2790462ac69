package graph

import (
	"context"
	"sync"
)

// local carries notices within one process, for a gateway that has no other replicas.
type local struct {
	mu        sync.Mutex
	listeners map[string]map[chan Notice]bool
}

// backlog is how many notices may wait for a listener of local.
const backlog = 256

func newLocal() *local { return &local{listeners: map[string]map[chan Notice]bool{}} }

// Publish implements Events. It waits for nobody: the last place is kept for the word that notices are missing.
func (l *local) Publish(_ context.Context, topic string, notice []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.listeners[topic] {
		switch n := len(c); {
		case n < backlog-1:
			c <- Notice{Topic: topic, Data: notice}
		case n == backlog-1:
			c <- Notice{Topic: topic, Gap: true}
		}
	}
	return nil
}

// Subscribe implements Events.
func (l *local) Subscribe(topic string) (<-chan Notice, func()) {
	c := make(chan Notice, backlog)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listeners[topic] == nil {
		l.listeners[topic] = map[chan Notice]bool{}
	}
	l.listeners[topic][c] = true
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.listeners[topic][c] {
			delete(l.listeners[topic], c)
			close(c)
		}
	}
}
