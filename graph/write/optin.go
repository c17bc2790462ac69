package write

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
)

// requestConsent is the mutation that has a person asked by mail.
const requestConsent = "requestConsent"

// errNoMail names the settings that are missing.
var errNoMail = read.Fail(read.CodeUnavailable, "this server sends no mail, so nobody can be asked by it: the settings mail.url and mail.from say how it does (CLOAKROOM_MAIL_URL, CLOAKROOM_MAIL_FROM)")

// request has a person asked by mail for consent to a purpose. Who may ask is who may record consent. The answer is the same for whoever
// has an address and for whoever has none, and comes before anybody looks.
func (e *Engine) request(ctx context.Context, s *read.Session, args map[string]any) (read.Object, error) {
	if e.Asking == nil || !e.Asking.Mails() {
		return read.Object{}, errNoMail
	}
	in := input(args)
	entry, err := e.told(s, in, consent.Give)
	if err != nil {
		return read.Object{}, err
	}
	switch {
	case !entry.Purpose.ByConsent():
		return read.Object{}, refused(consent.ErrNotByConsent)
	case !entry.ExpiresAt.IsZero() && !entry.ExpiresAt.After(s.Now):
		return read.Object{}, refused(consent.ErrExpired)
	}
	id, err := e.NewID()
	if err != nil {
		return read.Object{}, err
	}
	text := e.Ledger.Current(entry.Purpose, entry.Language)
	r := &optin.Request{ID: id, Purpose: entry.Purpose.Name, Bit: entry.Purpose.Bit, Notice: text.Hash, Language: text.Language, Own: s.Principal.IsSubject(), ExpiresAt: entry.ExpiresAt}
	err = e.Within(ctx, func(w Writing) error {
		if r.Subject, err = e.whose(ctx, w.Tx, s, in["subject"]); err != nil {
			return err
		}
		was, done, err := e.claim(ctx, w, s, r.ID)
		if err != nil {
			return err
		}
		if done {
			r, err = e.Asking.Get(w, w.Tx, was)
			if errors.Is(err, optin.ErrNone) {
				return errNotFound
			}
			return err
		}
		if err := e.Ledger.Lock(w, w.Tx, r.Subject); err != nil {
			return refused(err)
		}
		wait, err := e.Asking.Add(w, w.Tx, r, s.Now)
		if wait > 0 {
			return often(wait)
		}
		return err
	})
	if err != nil {
		return read.Object{}, err
	}
	return e.Reads.Payload(ctx, "RequestConsentPayload", map[string]read.Part{"accepted": {Value: true}, "linkExpiresAt": {Value: r.Until}})
}

func often(wait time.Duration) error {
	e := read.Fail(read.CodeRateLimited, fmt.Sprintf("this person was asked often enough: %d times a day about one purpose, %d times in all", optin.PerPurpose, optin.InAll))
	e.RetryAfter = int(math.Ceil(wait.Seconds()))
	return e
}

// Mail is what a person is to be sent.
type Mail struct {
	policy.Withheld

	To       string
	Purpose  *ir.Purpose
	Language string
	Token    optin.Token
	Until    time.Time // when the link stops working
	ID       uuid.UUID

	request *optin.Request
}

// NextMail claims the next mail that is to be sent; nil: there is none now. Whom nothing is to be sent any more is left out for good.
func (e *Engine) NextMail(ctx context.Context, now time.Time) (*Mail, error) {
	if due, err := e.Asking.Due(ctx, e.DB, now); err != nil || !due {
		return nil, err
	}
	for {
		m, err := e.claimMail(ctx, now)
		if errors.Is(err, optin.ErrNone) {
			return nil, nil
		}
		if m != nil || err != nil {
			return m, err
		}
	}
}

// claimMail claims a mail; nil without an error: it is not to be sent.
func (e *Engine) claimMail(ctx context.Context, now time.Time) (m *Mail, err error) {
	err = e.Within(policy.WithCapability(ctx, "consent"), func(w Writing) error {
		r, err := e.Asking.Claim(w, w.Tx, now)
		if err != nil {
			return err
		}
		to, err := e.recipient(w, r, now)
		if errors.Is(err, ErrVoid) {
			return e.Asking.Drop(w, w.Tx, r)
		}
		if err != nil {
			return err
		}
		switch same, err := e.Asking.Address(w, w.Tx, r, to); {
		case err != nil:
			return err
		case !same:
			return e.Asking.Drop(w, w.Tx, r)
		}
		m = &Mail{To: to, Purpose: e.Asking.Purpose(r), Language: r.Language, Token: e.Asking.Token(r.ID), Until: r.Until, ID: r.ID, request: r}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// recipient is the address that a request goes to: the first of the person's, and the same in every attempt.
func (e *Engine) recipient(w Writing, r *optin.Request, now time.Time) (string, error) {
	if err := e.open(w, w.standing(), r, now); err != nil {
		return "", err
	}
	all, err := (&Bulk{e.Store}).addresses(w, w.Tx, e.Schema, r.Subject, now)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", ErrVoid
	}
	return all[0], nil
}

// Mailed notes what came of a mail.
func (e *Engine) Mailed(ctx context.Context, m *Mail, f Fate, now time.Time) error {
	switch f {
	case MailSent:
		return e.Asking.Sent(ctx, e.DB, m.request, now)
	case MailRefused:
		return e.Asking.Drop(ctx, e.DB, m.request)
	default:
		return e.Asking.Failed(ctx, e.DB, m.request, now)
	}
}

// Fate is what came of a mail.
type Fate int

// The fates.
const (
	MailFailed  Fate = iota // it is tried again
	MailSent                // a mail server took it
	MailRefused             // for good
)

// ErrVoid says that a link does not work. It never says why: of an unknown, a used and an old link, and of a person who has changed their
// mind or their address, it is the same.
var ErrVoid = errors.New("this link does not work")

// Asked is what a link asks a person.
type Asked struct {
	Purpose   *ir.Purpose
	Text      consent.Text // which they are asked to agree to
	ExpiresAt time.Time    // of the consent; zero: it does not run out
}

// Asked returns what a link asks, as long as it works. It decides nothing: mail servers follow links to see where they lead.
func (e *Engine) Asked(ctx context.Context, t optin.Token, now time.Time) (a Asked, err error) {
	_, a, err = e.asked(policy.WithCapability(ctx, "consent"), standing{clientOn(e.DB, e.Dialect), e.DB}, t, false, now)
	return a, err
}

// standing is the database, or a transaction.
type standing struct {
	client *ent.Client
	db     optin.Querier
}

func (w Writing) standing() standing { return standing{w.Client, w.Tx} }

// Confirm records the consent that a link asks for, once, and returns when it is recorded.
func (e *Engine) Confirm(ctx context.Context, t optin.Token, now time.Time) (a Asked, err error) {
	entry := consent.Entry{Decision: consent.Give, At: now, Method: consent.DoubleOptIn, Actor: consent.BySubject}
	if entry.ID, err = e.NewID(); err != nil {
		return a, err
	}
	err = e.Within(ctx, func(w Writing) error {
		r, err := e.Asking.By(w, w.Tx, t, false)
		if err != nil {
			return void(err)
		}
		// The person first and the request then, as in every transaction that takes both.
		if err := e.Ledger.Lock(w, w.Tx, r.Subject); err != nil {
			return void(err)
		}
		if r, a, err = e.asked(w, w.standing(), t, true, now); err != nil {
			return err
		}
		entry.Subject, entry.Purpose, entry.Notice, entry.Language, entry.ExpiresAt = r.Subject, a.Purpose, a.Text.Hash, a.Text.Language, a.ExpiresAt
		entry.Evidence = "mail " + r.ID.String()
		if err := e.record(w, entry); err != nil {
			return void(err)
		}
		return e.Asking.Use(w, w.Tx, r, now)
	})
	return a, err
}

// asked is the request of a link that works, and what it asks.
func (e *Engine) asked(ctx context.Context, in standing, t optin.Token, lock bool, now time.Time) (*optin.Request, Asked, error) {
	r, err := e.Asking.By(ctx, in.db, t, lock)
	if err != nil {
		return nil, Asked{}, void(err)
	}
	if r.Used || !now.Before(r.Until) {
		return nil, Asked{}, ErrVoid
	}
	if err := e.open(ctx, in, r, now); err != nil {
		return nil, Asked{}, err
	}
	addresses, err := (&Bulk{e.Store}).addresses(ctx, in.db, e.Schema, r.Subject, now)
	if err != nil {
		return nil, Asked{}, err
	}
	p := e.Asking.Purpose(r)
	text := e.Ledger.Current(p, r.Language)
	if !e.Asking.WentTo(r, addresses) || !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt) {
		return nil, Asked{}, ErrVoid
	}
	return r, Asked{p, text, r.ExpiresAt}, nil
}

// open fails with ErrVoid where a request must not be put to the person, or answered.
func (e *Engine) open(ctx context.Context, in standing, r *optin.Request, now time.Time) error {
	p := e.Asking.Purpose(r)
	if p == nil || e.Ledger.Current(p, r.Language).Hash != r.Notice { // they would agree to something else
		return ErrVoid
	}
	open, err := e.Ledger.In(in.client, in.db).Open(ctx, consent.Question{Subject: r.Subject, Purpose: p, Asked: r.Created, Own: r.Own}, now)
	if err == nil && !open {
		err = ErrVoid
	}
	return err
}

// void is why a link does not work, or another error as it is.
func void(err error) error {
	for _, known := range []error{optin.ErrNone, consent.ErrUnknownSubject, consent.ErrNotByConsent, consent.ErrExpired, consent.ErrNoticeChanged, consent.ErrUnknownNotice} {
		if errors.Is(err, known) {
			return ErrVoid
		}
	}
	return err
}
