package graph

import (
	"context"
	"errors"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// maxHeard bounds the memory of who was heard: who is forgotten is looked up in the ledger.
const maxHeard = 100_000

// heard is a signal of a person that the ledger has.
type heard struct {
	subject policy.SubjectID
	signal  string
}

// signals remembers what the ledger has, so that a signal that comes along with every request costs nothing but once.
type signals struct{ *lru.Cache[heard, struct{}] }

func newSignals() (signals, error) {
	c, err := lru.New[heard, struct{}](maxHeard)
	return signals{c}, err
}

// Heeds reports whether some purpose heeds a signal.
func (g *Gateway) Heeds(s consent.Signal) bool { return len(s.Of(g.schema)) > 0 }

// OptOut has it recorded that a person's program opts out for them, of every purpose that heeds the signal and once for each. When it
// returns without an error, no read is answered any more as if the person had not said so.
func (g *Gateway) OptOut(ctx context.Context, subject policy.SubjectID, s consent.Signal) error {
	key := heard{subject, s.Name}
	if !g.Heeds(s) || g.signals.Contains(key) {
		return nil
	}
	if err := g.keys.Held(); err != nil {
		return err
	}
	err := g.writes.OptOut(ctx, subject, s, g.moment())
	switch {
	case errors.Is(err, consent.ErrUnknownSubject): // there is nobody's data; there may be tomorrow
		return nil
	case err == nil:
		g.signals.Add(key, struct{}{})
	}
	return err
}
