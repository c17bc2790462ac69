package server

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// deskLife is how long a token is good for that the page asked for. It asks for another when it needs one.
const deskLife = time.Hour

// wanted is whom the page wants to be.
type wanted struct {
	Role    string            `json:"role"`
	Attrs   map[string]string `json:"attrs"`
	Subject string            `json:"subject"`
}

// devToken makes whoever asks whomever they want to be, as `cloakroom dev token` does: that is what the development identity
// is. What keeps others out is that it listens on loopback, that a page of another site cannot ask (guard, and a JSON
// body that no form sends), and that a name of another site's which leads here is not ours (onThisMachine).
func (s *Server) devToken(w http.ResponseWriter, r *http.Request) {
	bad := func(text, field string) {
		e := read.Fail(read.CodeBadInput, text)
		e.Field = field
		refuse(w, http.StatusBadRequest, e)
	}
	var want wanted
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&want); err != nil {
		bad("send whom to be as {role, attrs, subject}", "")
		return
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		bad("send one JSON object and nothing behind it", "")
		return
	}
	role := s.desk.Schema.Role(want.Role)
	if role == nil {
		bad("the schema has no such role", "role")
		return
	}
	subject := uuid.Nil
	if want.Subject != "" {
		id, err := uuid.Parse(want.Subject)
		if err != nil || id == uuid.Nil || id.String() != want.Subject {
			bad("want the UUID of a person", "subject")
			return
		}
		subject = id
	}
	if subject == uuid.Nil && OnlyOwn(s.desk.Schema, role) {
		bad("this role sees the data of one person and nothing else: name the person", "subject")
		return
	}
	attrs := make([]string, 0, len(want.Attrs))
	for name, value := range want.Attrs {
		attrs = append(attrs, name+"="+value)
	}
	p, err := identity.Person(role.Name, attrs, subject)
	if err != nil {
		bad("an attribute has a name, and id, role and subject are no attributes", "attrs")
		return
	}
	token, expires, err := s.desk.Issue(p, deskLife)
	if err != nil {
		bad("the token would be too long: give fewer attributes", "attrs")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires": expires})
}

// onThisMachine refuses requests under a name that is not this machine's. A page of another site can have its name lead to
// 127.0.0.1 once it is loaded (DNS rebinding), and is of the same origin as we are then; only the name gives it away.
func onThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
			host = host[1 : len(host)-1]
		}
		if !loopback(host) {
			refuse(w, http.StatusForbidden, read.Fail(read.CodeForbidden, "the development identity answers on this machine only: open 127.0.0.1 or localhost"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
