package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// adminRoutes are for whoever operates the server. They carry no personal data, and are behind a door of their own because what
// a server depends on and how busy it is are nobody else's business.
func (s *Server) adminRoutes() http.Handler {
	r := chi.NewRouter()
	r.Use(access(s.log), recovered(s.log), headers)
	r.Get("/healthz", alive)
	r.Get("/readyz", s.readiness)
	return r
}

// routes is the whole public surface.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(access(s.log), recovered(s.log), headers)
	r.Get("/", s.startPage)
	r.Get("/healthz", alive)
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
