package graph

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/graph/event"
)

// Events carries notices to every replica: that something changed, that a session was revoked. A notice names things by
// opaque ids and carries no value: whoever receives one asks anew, and is answered as the rules stand then.
type Events interface {
	// Publish tells every replica, this one first and without fail. An error says that others may not have heard; they
	// learn of a gap as soon as they can be reached.
	Publish(ctx context.Context, topic string, notice []byte) error
	// Subscribe returns what is published on a topic from now on, until stop. The channel is closed by stop, and by the
	// end of the bus.
	Subscribe(topic string) (notices <-chan Notice, stop func())
}

// Notice is one thing that was published, or the notice that some may have been missed.
type Notice struct {
	Topic string
	Data  []byte
	// Gap says that notices may have been lost before this one, which has no data: whoever keeps what they are about
	// forgets it, or looks again.
	Gap bool
}

// Topics that more than one part of the house speaks of.
const (
	TopicRevoked   = "revoked"   // a session or an identity, by its opaque id: it is nobody from now on
	TopicChanged   = "changed"   // rows were written: a list of Event
	TopicDocuments = "documents" // the registry of trusted documents changed
)

// Events is the bus the gateway speaks on.
func (g *Gateway) Events() Events { return g.events }

// Event is one committed change, without any value.
type Event = event.Event

// tell publishes what was written. The write is done and stays done: other replicas that cannot be told learn of a gap, and end
// their subscriptions.
func (g *Gateway) tell(ctx context.Context, events []Event) {
	for len(events) > 0 {
		n := min(len(events), eventsOfNotice)
		notice, err := event.Encode(events[:n])
		if err == nil {
			err = g.events.Publish(context.WithoutCancel(ctx), TopicChanged, notice)
		}
		if err != nil {
			g.log.WarnContext(ctx, "other replicas were not told of a change", "err", err)
		}
		events = events[n:]
	}
}

// eventsOfNotice keeps a notice below what a bus takes.
const eventsOfNotice = 24
