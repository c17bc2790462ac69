package server

import (
	"context"
	"net/http"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

// Leaves is how people opt out by a link in a mail.
type Leaves interface {
	Schema() *ir.Schema
	// Leaving returns what a token opts out of, or graph.ErrVoid. It decides nothing.
	Leaving(token string) (*ir.Purpose, error)
	// Leave records it.
	Leave(ctx context.Context, token string) (*ir.Purpose, error)
}

// unsubscribing asks whoever follows a link whether they mean it. It decides nothing, because mail servers follow links as well.
func (s *Server) unsubscribing(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("t")
	p, err := s.leaves.Leaving(token)
	if err != nil {
		s.notLeft(w, r, err)
		return
	}
	page := notice.Leave(s.leaves.Schema(), p, r.Header.Get("Accept-Language")).Question()
	s.tell(w, r, http.StatusOK, confirming{Page: page, Token: token, Action: optout.Path, OneClick: true})
}

// unsubscribe records what one click says, of our page or of a mail program: it sends the form of RFC 8058 to the address with the token in
// it, from wherever it is, and nothing else.
func (s *Server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.PostFormValue("List-Unsubscribe") != "One-Click" {
		s.unsubscribing(w, r)
		return
	}
	p, err := s.leaves.Leave(r.Context(), r.FormValue("t"))
	if err != nil {
		s.notLeft(w, r, err)
		return
	}
	s.tell(w, r, http.StatusOK, confirming{Page: notice.Leave(s.leaves.Schema(), p, r.Header.Get("Accept-Language")).Done()})
}

func (s *Server) notLeft(w http.ResponseWriter, r *http.Request, err error) {
	s.unfollowed(w, r, err, notice.LeaveVoid, notice.LeaveLater, notice.LeaveUnsure)
}
