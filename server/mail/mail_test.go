package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	box "github.com/cloakroom-crm/cloakroom/e2e/mail"
)

func TestParse(t *testing.T) {
	for raw, want := range map[string]Target{
		"smtp://mail.example.com":                   {Host: "mail.example.com", Port: 587},
		"smtps://mail.example.com":                  {Host: "mail.example.com", Port: 465, TLS: true},
		"smtp://[::1]:1025/":                        {Host: "::1", Port: 1025},
		"smtp://ann:p%40ss%3A@mail.example.com:25":  {Host: "mail.example.com", Port: 25, user: "ann", password: "p@ss:"},
		"smtps://ann%40example.com:x@mail.test:465": {Host: "mail.test", Port: 465, TLS: true, user: "ann@example.com", password: "x"},
	} {
		if got, err := Parse(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:0", "smtp://h:70000", "smtp://h/path", "smtp://h?tls=no", "smtp://secret@h", "smtp://:secret@h", "smtp://u:secret@h:x"} {
		if got, err := Parse(raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
}

// Whoever can read the way to the mail server can answer for people.
func TestTheWayIsEncryptedUnlessItIsNone(t *testing.T) {
	for raw, want := range map[string]string{
		"smtp://mail.example.com": "TLSMandatory", "smtp://10.0.0.7:25": "TLSMandatory", "smtp://localhost.example.com": "TLSMandatory",
		"smtp://127.0.0.1:25": "TLSOpportunistic", "smtp://localhost": "TLSOpportunistic", "smtp://[::1]": "TLSOpportunistic",
	} {
		target, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		c, err := (&Sender{target: target}).client()
		if err != nil || c.TLSPolicy() != want {
			t.Errorf("%s: %s %v", raw, c.TLSPolicy(), err)
		}
	}
}

const ada = "ada.lovelace@example.org"

func message() Message {
	return Message{ID: "0190", To: ada, Subject: "Sind Sie einverstanden?", Text: "Grüße\n" + strings.Repeat("x", 100) + "\n", Date: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), Language: "de"}
}

func TestAMailArrivesAsItWasWritten(t *testing.T) {
	b, err := box.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if err := sender(t, b.Addr).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	got := b.To(ada)[0]
	if m := message(); got.Subject != m.Subject || strings.ReplaceAll(got.Text, "\r\n", "\n") != m.Text {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{"From": `"Example GmbH" <privacy@example.com>`, "Message-Id": "<0190@example.com>", "Date": "Mon, 30 Nov 2026 09:00:00 +0000",
		"Auto-Submitted": "auto-generated", "Content-Language": "de", "User-Agent": "", "X-Mailer": ""} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	if err := sender(t, b.Addr).Reach(t.Context()); err != nil {
		t.Error(err)
	}
}

func sender(t *testing.T, addr string) *Sender {
	t.Helper()
	target, err := Parse("smtp://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSender(target, "Example GmbH <privacy@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// server answers a command with a line, repeating what it was told as real ones do, and everything else with 250.
func server(t *testing.T, verb, line string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go converse(conn, verb, line)
		}
	}()
	return l.Addr().String()
}

func converse(conn net.Conn, verb, line string) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewScanner(conn)
	data := false
	_, _ = fmt.Fprint(conn, "220 test\r\n")
	for lines.Scan() {
		got := lines.Text()
		was, _, _ := strings.Cut(strings.ToUpper(got), " ")
		switch {
		case data && got != ".":
			continue
		case data:
			data, was = false, "."
		}
		switch {
		case was == verb && line == "":
			return
		case was == verb:
			_, _ = fmt.Fprintf(conn, "%s: %s\r\n", line, ada)
		case was == "DATA":
			data = true
			_, _ = fmt.Fprint(conn, "354 go on\r\n")
		default:
			_, _ = fmt.Fprint(conn, "250 fine\r\n")
		}
	}
}

func TestWhatBecomesOfAMail(t *testing.T) {
	for name, c := range map[string]struct {
		verb, line    string
		sent, refused bool
	}{
		"taken":                            {"HELP", "250", true, false},
		"nobody of that name":              {"RCPT", "550 5.1.1 no such user", false, true},
		"a full mailbox":                   {"RCPT", "452 4.2.2 full", false, false},
		"not today":                        {"MAIL", "421 4.7.0 too busy", false, false},
		"the sender may not send":          {"MAIL", "530 5.7.0 sign in first", false, false},
		"what it says is not wanted":       {".", "554 5.7.1 no", false, true},
		"it is gone in the middle":         {"DATA", "", false, false},
		"it is gone before it has the end": {".", "", false, false},
		"it is gone once it has it":        {"RSET", "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := sender(t, server(t, c.verb, c.line)).Send(t.Context(), message())
			var refused RefusedError
			if (err == nil) != c.sent || errors.As(err, &refused) != c.refused {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "lovelace") {
				t.Error("the address is in it:", err)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	var refused RefusedError
	if err := sender(t, addr).Send(context.Background(), message()); err == nil || errors.As(err, &refused) {
		t.Error("nobody listens:", err)
	}
}
