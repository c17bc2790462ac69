package server

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
)

// Sample is a first question that the start page proposes. It comes from the schema, so that it fits whichever is served.
type Sample struct {
	Role  string
	Query string
}

// startText is the page of /. It carries no token: everybody who can reach the port can read it.
//
//go:embed start.html
var startText string

var startTemplate = template.Must(template.New("start").Parse(startText))

// startPolicy allows the page's one style sheet, by its hash, and nothing else.
var startPolicy = policyOf(startText)

func (s *Server) startPage(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(map[string]string{"query": s.sample.Query})
	if err != nil {
		body = []byte("{}")
	}
	var page bytes.Buffer
	// The host is what the browser asked for; the template escapes it.
	if err := startTemplate.Execute(&page, map[string]any{"Host": r.Host, "Role": s.sample.Role, "Body": string(body), "GraphiQL": s.hasDesk()}); err != nil {
		s.log.ErrorContext(r.Context(), "start page", "err", err)
		say(w, http.StatusInternalServerError, "internal error")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", startPolicy)
	_, _ = w.Write(page.Bytes())
}
