package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

// Asks are what people are asked by mail.
type Asks interface {
	Schema() *ir.Schema
	// Asked returns what a link asks, or graph.ErrVoid. It decides nothing.
	Asked(ctx context.Context, t optin.Token) (graph.Asked, error)
	// Confirm records the answer, once.
	Confirm(ctx context.Context, t optin.Token) (graph.Asked, error)
}

// ConfirmPath is where the links in mails lead, with a token as t.
const ConfirmPath = "/consent/confirm"

//go:embed confirm.html
var confirmText string

var confirmTemplate = template.Must(template.New("confirm").Parse(confirmText))

// confirmPolicy allows the pages' one style sheet, by its hash, and the form to be sent to ourselves.
var confirmPolicy = strings.Replace(policyOf(confirmText), "form-action 'none'", "form-action 'self'", 1)

// policyOf allows a page its one style sheet, by its hash, and nothing else.
func policyOf(page string) string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}

// confirming is a page behind a link in a mail.
type confirming struct {
	Page     notice.Page
	Text     string // the text that is agreed to, to the byte; empty: there is none
	Language string // of Text
	Token    string
	Action   string
	OneClick bool // the button says what a mail program does (RFC 8058)
}

// maxForm bounds what is read of the answer.
const maxForm = 4 << 10

// asked shows what a link asks. It decides nothing, because mail servers and programs of readers follow links to see where they lead.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("t")
	a, err := s.asks.Asked(r.Context(), optin.ParseToken(token))
	if err != nil {
		s.unasked(w, r, err)
		return
	}
	s.tell(w, r, http.StatusOK, confirming{Page: notice.Ask(s.asks.Schema(), a.Purpose, a.Text.Language).Question(a.ExpiresAt),
		Text: a.Text.Body, Language: a.Text.Language, Token: token, Action: ConfirmPath})
}

// confirm records what was asked. The token comes in the body, so that this address says nothing about it.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	a, err := s.asks.Confirm(r.Context(), optin.ParseToken(r.PostFormValue("t")))
	if err != nil {
		s.unasked(w, r, err)
		return
	}
	s.tell(w, r, http.StatusOK, confirming{Page: notice.Ask(s.asks.Schema(), a.Purpose, a.Text.Language).Thanks(s.config.Origin())})
}

// unasked answers for a link that does not work, the same whatever the reason, and for one that cannot be followed now.
func (s *Server) unasked(w http.ResponseWriter, r *http.Request, err error) {
	s.unfollowed(w, r, err, notice.Void, notice.Later, notice.Unsure)
}

// unfollowed answers for a link that was not followed: it does not work, or not now, or nobody knows.
func (s *Server) unfollowed(w http.ResponseWriter, r *http.Request, err error, void, later, unsure func(wish string) notice.Page) {
	wish := r.Header.Get("Accept-Language")
	if errors.Is(err, graph.ErrVoid) {
		s.tell(w, r, http.StatusNotFound, confirming{Page: void(wish)})
		return
	}
	s.log.ErrorContext(r.Context(), "a mailed link cannot be followed", "err", err)
	page := later(wish)
	var known *read.Error
	if errors.As(err, &known) && known.Code == read.CodeUnknown {
		page = unsure(wish)
	}
	w.Header().Set("Retry-After", "5")
	s.tell(w, r, http.StatusServiceUnavailable, confirming{Page: page})
}

func (s *Server) tell(w http.ResponseWriter, r *http.Request, status int, c confirming) {
	var page bytes.Buffer
	if err := confirmTemplate.Execute(&page, c); err != nil {
		s.log.ErrorContext(r.Context(), "page of a mailed link", "err", err)
		say(w, http.StatusInternalServerError, "internal error")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", c.Page.Language)
	h.Set("Content-Security-Policy", confirmPolicy)
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// unhurried bounds what comes from one address of the network without signing in.
func (s *Server) unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		if s.limiter != nil {
			if wait := s.limiter.Spend(r.Context(), graph.Spending{Address: host, Points: 1}); wait > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
				s.tell(w, r, http.StatusTooManyRequests, confirming{Page: notice.Later(r.Header.Get("Accept-Language"))})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
