package graph

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
)

// Leaving returns the purpose that a link's token opts out of, or ErrVoid. It decides nothing.
func (g *Gateway) Leaving(token string) (*ir.Purpose, error) {
	_, p, err := g.leaver(token)
	return p, err
}

// leaver is whom a token opts out, and of what.
func (g *Gateway) leaver(token string) (policy.SubjectID, *ir.Purpose, error) {
	if g.leaving == nil {
		return uuid.Nil, nil, ErrVoid
	}
	subject, p, ok := g.leaving.Open(token)
	if !ok {
		return uuid.Nil, nil, ErrVoid
	}
	return subject, p, nil
}

// Leave opts out whoever the token is about, and returns of what, or ErrVoid. When it returns without an error, no read is answered any
// more as if the person had not said so. Of somebody who is not there any more nothing is used, and it says so as of anybody.
func (g *Gateway) Leave(ctx context.Context, token string) (*ir.Purpose, error) {
	subject, p, err := g.leaver(token)
	if err != nil {
		return nil, err
	}
	if err := g.keys.Held(); err != nil {
		return nil, err
	}
	err = g.writes.Leave(ctx, subject, p, optout.Signal.Method, g.moment())
	if errors.Is(err, consent.ErrUnknownSubject) {
		err = nil
	}
	return p, err
}

// optOut shows the read path how people opt out; nil of none.
func optOut(l *optout.Links) read.OptOut {
	if l == nil {
		return nil
	}
	return l.URL
}
