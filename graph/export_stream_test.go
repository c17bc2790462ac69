package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/graph/event"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Settle waits until every event that was published before has been brought to the streams it concerns.
func (g *Gateway) Settle() error {
	s := &Stream{g: g, topic: &read.Topic{Subject: uuid.New(), All: true}, principal: "settle", wake: make(chan struct{}, 1),
		seen: map[uuid.UUID]read.Sight{}, waiting: map[uuid.UUID]bool{}}
	if err := g.hub.join(s); err != nil {
		return err
	}
	defer g.hub.leave(s)
	g.tell(context.Background(), []Event{{Kind: event.Standing, ID: s.topic.Subject}})
	<-s.wake
	return nil
}

// Poll is Next, and nil where nothing is to be told yet.
func (s *Stream) Poll(ctx context.Context) (*graphql.Response, error) {
	for {
		select {
		case <-s.wake: // or else it might be idle first
		default:
		}
		s.mu.Lock()
		nothing := time.Now().After(s.rest) && len(s.batch) == 0 && len(s.waiting) == 0 && s.why == nil && s.one == nil
		s.mu.Unlock()
		if nothing {
			return nil, nil
		}
		at := make(chan time.Time)
		close(at)
		if resp, err := s.Next(ctx, at); resp != nil || err != nil {
			return resp, err
		}
	}
}

// NewLocal returns a bus within one process.
func NewLocal() Events { return newLocal() }
