package graph

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph/write"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
)

// What people are asked by mail, see package write.
type (
	Mail  = write.Mail
	Asked = write.Asked
	Fate  = write.Fate
)

// The fates of a mail.
const (
	MailFailed  = write.MailFailed
	MailSent    = write.MailSent
	MailRefused = write.MailRefused
)

// ErrVoid says that a link does not work, and never why.
var ErrVoid = write.ErrVoid

// errNobodyAsked is of a gateway that asks nobody by mail.
var errNobodyAsked = errors.New("this gateway asks nobody by mail")

// NextMail claims the next mail that is to be sent; nil: there is none now.
func (g *Gateway) NextMail(ctx context.Context) (*Mail, error) {
	if err := g.asks(); err != nil {
		return nil, err
	}
	return g.writes.NextMail(ctx, g.moment())
}

// Mailed notes what came of a mail.
func (g *Gateway) Mailed(ctx context.Context, m *Mail, f Fate) error {
	return g.writes.Mailed(ctx, m, f, g.moment())
}

// Asked returns what a mailed link asks, or ErrVoid. It decides nothing.
func (g *Gateway) Asked(ctx context.Context, t optin.Token) (Asked, error) {
	if err := g.asks(); err != nil {
		return Asked{}, err
	}
	return g.writes.Asked(ctx, t, g.moment())
}

// Confirm records the consent that a mailed link asks for, or returns ErrVoid. A link works once.
func (g *Gateway) Confirm(ctx context.Context, t optin.Token) (Asked, error) {
	if err := g.asks(); err != nil {
		return Asked{}, err
	}
	return g.writes.Confirm(ctx, t, g.moment())
}

// SweepAsked deletes what people were asked and is over.
func (g *Gateway) SweepAsked(ctx context.Context) error {
	if err := g.asks(); err != nil {
		return err
	}
	return g.asking.Sweep(ctx, g.store.DB, g.moment())
}

// MailsWaiting is how many mails are still to be sent.
func (g *Gateway) MailsWaiting(ctx context.Context) (int64, error) {
	if g.asking == nil {
		return 0, nil
	}
	return g.asking.Waiting(ctx, g.store.DB, g.moment())
}

// asks is why nobody is asked, and nothing is answered: before erasures have been carried out again, nobody knows who is to be.
func (g *Gateway) asks() error {
	if g.asking == nil {
		return errNobodyAsked
	}
	return g.keys.Held()
}

func (g *Gateway) moment() time.Time { return g.now().UTC().Truncate(time.Microsecond) }
