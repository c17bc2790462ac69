package house

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
	"github.com/cloakroom-crm/cloakroom/server/mail"
)

// Mail says how people are asked by mail.
type Mail struct {
	policy.Withheld

	Server string        // URL, see mail.Parse; empty: nobody is
	From   string        // whom mails are from
	Link   string        // URL that links lead to, with the token as t
	Valid  time.Duration // how long a link works; 0: the default of package optin
}

// post is the way mails go.
type post struct {
	sender  *mail.Sender // nil: none
	link    string
	failing atomic.Bool // the last mail was not taken
	waiting atomic.Int64
}

func openPost(m Mail) (*post, error) {
	p := &post{link: m.Link}
	if m.Server == "" {
		return p, nil
	}
	target, err := mail.Parse(m.Server)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	if p.sender, err = mail.NewSender(target, m.From); err != nil {
		return nil, err
	}
	return p, nil
}

// How often is looked for mails to send, and for requests that are over.
const (
	sendEvery  = time.Second
	sweepAfter = time.Minute
)

// send sends the mails that wait, one after the other, until ctx ends.
func (h *House) send(ctx context.Context) {
	sending := changes{log: h.log, bad: "a mail could not be sent, and is tried again", good: "mails are sent again"}
	sweeping := changes{log: h.log, bad: "what people were asked by mail and is over cannot be deleted", good: "what people were asked by mail and is over is deleted again"}
	var swept time.Time
	for {
		if h.post.sender != nil {
			for h.sendNext(ctx, &sending) {
			}
		}
		if time.Since(swept) >= sweepAfter {
			swept = time.Now()
			if err := h.Gateway.SweepAsked(ctx); ctx.Err() == nil && h.Keyring.Held() == nil {
				sweeping.tell(ctx, err)
			}
		}
		if n, err := h.Gateway.MailsWaiting(ctx); err == nil {
			h.post.waiting.Store(n)
			if n == 0 { // what waited has run out
				h.post.failing.Store(false)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(sendEvery):
		}
	}
}

// sendNext sends a mail, and reports whether there may be another.
func (h *House) sendNext(ctx context.Context, sending *changes) bool {
	if h.Keyring.Held() != nil { // before erasures have been carried out again nobody knows who is to be written to
		return false
	}
	m, err := h.Gateway.NextMail(ctx)
	if m == nil {
		if ctx.Err() == nil && err != nil {
			h.post.failing.Store(true)
			sending.tell(ctx, err)
		}
		return false
	}
	err = h.post.sender.Send(ctx, h.letter(m))
	var refused mail.RefusedError
	fate := graph.MailSent
	switch {
	case errors.As(err, &refused):
		fate = graph.MailRefused
		h.log.WarnContext(ctx, "a mail is not sent: nobody is there to take it", "mail", m.ID, "err", err)
	case err != nil:
		fate = graph.MailFailed
		sending.tell(ctx, err)
	default:
		sending.tell(ctx, nil)
	}
	ctx = context.WithoutCancel(ctx) // a server that leaves must not leave a second one to the next
	h.post.failing.Store(fate == graph.MailFailed)
	if err := h.Gateway.Mailed(ctx, m, fate); err != nil {
		h.log.WarnContext(ctx, "what came of a mail is not noted: it may be sent a second time", "mail", m.ID, "err", err)
		return false
	}
	return fate != graph.MailFailed
}

func (h *House) letter(m *graph.Mail) mail.Message {
	link := h.post.link + "?" + url.Values{"t": {m.Token.Reveal()}}.Encode()
	subject, text := notice.Ask(h.Schema, m.Purpose, m.Language).Letter(link, m.Until)
	return mail.Message{ID: m.ID.String(), To: m.To, Subject: subject, Text: text, Date: time.Now(), Language: m.Language}
}

// MailsWaiting is how many mails were still to be sent a moment ago.
func (h *House) MailsWaiting() int64 { return h.post.waiting.Load() }
