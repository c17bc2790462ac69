package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Message is what somebody is sent.
type Message struct {
	policy.Withheld

	ID       string // the same for every attempt, so that mail servers know a second one for what it is
	To       string
	Subject  string
	Text     string
	Date     time.Time
	Language string
}

// Sender sends.
type Sender struct {
	target Target
	from   *mail.Address
}

// NewSender returns a sender that says from whom its mails are, as `Name <address>` or an address alone.
func NewSender(t Target, from string) (*Sender, error) {
	a, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("the address that mails are from is none")
	}
	return &Sender{t, a}, nil
}

// RefusedError says that a mail is not to be tried again: there is nobody at the address, as far as the mail server knows.
type RefusedError struct{ error }

// Limits of time: of connecting, and of a whole mail.
const (
	dialLimit = 10 * time.Second
	sendLimit = 30 * time.Second
)

// Send has a mail taken by the mail server. Its errors name no address: they say how far it came and which code the server gave.
func (s *Sender) Send(ctx context.Context, m Message) error {
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(s.from)
	if err := out.To(m.To); err != nil {
		return RefusedError{errors.New("the address is none that a mail can be sent to")}
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	out.SetMessageIDWithValue(m.ID + "@" + domain)
	out.SetDateWithValue(m.Date)
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers, please
	out.SetGenHeader("Content-Language", m.Language)
	out.Subject(m.Subject)
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return fmt.Errorf("reach the mail server: %w", told(err))
	}
	err = c.Send(out)
	_ = c.Close()
	if out.IsDelivered() { // what went wrong after that is no reason to send it twice
		return nil
	}
	return told(err)
}

// Reach connects and signs in as Send would, and sends nothing.
func (s *Sender) Reach(ctx context.Context) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return fmt.Errorf("reach the mail server: %w", told(err))
	}
	_ = c.Close()
	return nil
}

func (s *Sender) client() (*gomail.Client, error) {
	o := []gomail.Option{gomail.WithPort(s.target.Port), gomail.WithTimeout(dialLimit), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	switch {
	case s.target.TLS:
		o = append(o, gomail.WithSSL())
	case s.target.local():
		o = append(o, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if s.target.user != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.target.user), gomail.WithPassword(s.target.password))
	}
	c, err := gomail.NewClient(s.target.Host, o...)
	if err != nil {
		return nil, fmt.Errorf("prepare to send: %w", err)
	}
	return c, nil
}

// told is an error without what the server said: it repeats the address.
func told(err error) error {
	var send *gomail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &send):
		return err
	}
	e := fmt.Errorf("the mail server did not take it: %s (code %d)", send.Reason, send.ErrorCode())
	// Who may send is the operator's to settle, and is no fault of the address.
	if send.ErrorCode() >= 500 && (send.Reason == gomail.ErrSMTPRcptTo || send.Reason == gomail.ErrSMTPDataClose) {
		return RefusedError{e}
	}
	return e
}
