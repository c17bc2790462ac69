package mail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Message is what somebody was sent.
type Message struct {
	To      []string
	Subject string
	Text    string // the plain part
	Header  mail.Header
}

// Box keeps what arrives.
type Box struct {
	Addr string // host:port

	listener net.Listener
	work     sync.WaitGroup
	mu       sync.Mutex
	messages []Message
	arrived  chan struct{} // closed and replaced at every arrival
	open     map[net.Conn]bool
	slow     atomic.Int64
}

// Open starts to listen.
func Open() (*Box, error) { return OpenAt("127.0.0.1:0") }

// OpenAt starts to listen at an address: a mail server that comes back.
func OpenAt(addr string) (*Box, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	b := &Box{Addr: l.Addr().String(), listener: l, arrived: make(chan struct{}), open: map[net.Conn]bool{}}
	b.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.open[conn] = true
			b.mu.Unlock()
			b.work.Go(func() { b.serve(conn) })
		}
	})
	return b, nil
}

// Close stops listening and ends what is open.
func (b *Box) Close() error {
	err := b.listener.Close()
	b.mu.Lock()
	for conn := range b.open {
		_ = conn.Close()
	}
	b.mu.Unlock()
	b.work.Wait()
	return err
}

// Slow has it think about every message for a while before it takes it.
func (b *Box) Slow(d time.Duration) { b.slow.Store(int64(d)) }

// To lists what somebody was sent so far.
func (b *Box) To(address string) []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.to(address)
}

func (b *Box) to(address string) []Message {
	var out []Message
	for _, m := range b.messages {
		if slices.Contains(m.To, address) {
			out = append(out, m)
		}
	}
	return out
}

// Wait returns the newest message to somebody, and waits for the first.
func (b *Box) Wait(ctx context.Context, address string) (Message, error) {
	for {
		b.mu.Lock()
		got, arrived := b.to(address), b.arrived
		b.mu.Unlock()
		if len(got) > 0 {
			return got[len(got)-1], nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("no mail for this address: %w", ctx.Err())
		}
	}
}

// maxMessage bounds what is read.
const maxMessage = 1 << 20

// serve speaks RFC 5321 as far as a sender without extensions needs it.
func (b *Box) serve(conn net.Conn) {
	defer func() {
		b.mu.Lock()
		delete(b.open, conn)
		b.mu.Unlock()
		_ = conn.Close()
	}()
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 16*maxMessage)))
	say := func(line string) bool {
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, err := io.WriteString(conn, line+"\r\n")
		return err == nil
	}
	if !say("220 mailbox of a test") {
		return
	}
	var to []string
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		var ok bool
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO", "NOOP":
			ok = say("250 welcome")
		case "MAIL", "RSET":
			to = nil
			ok = say("250 fine")
		case "RCPT":
			_, address, _ := strings.Cut(rest, "<")
			address, _, _ = strings.Cut(address, ">")
			to = append(to, address)
			ok = say("250 fine")
		case "DATA":
			if !say("354 go on") {
				return
			}
			raw, err := r.ReadDotBytes()
			if err != nil || len(raw) > maxMessage {
				return
			}
			time.Sleep(time.Duration(b.slow.Load()))
			if err := b.keep(to, raw); err != nil {
				ok = say("554 unreadable")
				break
			}
			ok = say("250 taken")
		case "QUIT":
			_ = say("221 goodbye")
			return
		default:
			ok = say("502 not here")
		}
		if !ok {
			return
		}
	}
}

func (b *Box) keep(to []string, raw []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	text, err := plain(textproto.MIMEHeader(m.Header), m.Body)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, Message{to, subject, text, m.Header})
	close(b.arrived)
	b.arrived = make(chan struct{})
	return nil
}

// plain is the first text/plain of a body.
func plain(header textproto.MIMEHeader, body io.Reader) (string, error) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain" // what a message without a type is
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if strings.EqualFold(header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(body)
		}
		text, err := io.ReadAll(body)
		return string(text), err
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return "", errors.New("a message without plain text")
		}
		if err != nil {
			return "", err
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind == "text/plain" || strings.HasPrefix(kind, "multipart/") {
			return plain(part.Header, part)
		}
	}
}
