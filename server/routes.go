package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// routes is the whole surface.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(access(s.log), recovered(s.log), headers)
	r.Get("/", s.startPage)
	r.Get("/healthz", s.health)
	r.Get("/readyz", s.readiness)
	r.With(sameOrigin, identity.Middleware(s.who, s.knownRole), jsonOnly, bounded(s.config.Limits.Body), limited(s.config.Timeout), s.sweeper.count).
		Method(http.MethodPost, "/graphql", s.graphql)
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		// A GET could be sent by an <img> of another site, so operations are never read from a URL.
		text := "this method is not allowed here"
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method) // RFC 9110 Section 15.5.6
				if method == http.MethodPost {
					text += "; operations are sent by POST"
				}
			}
		}
		refuse(w, http.StatusMethodNotAllowed, read.Fail(read.CodeBadInput, text))
	})
	return r
}
