package server

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/telemetry"
)

// publicRouter is what stands before everything at the public address, also while the server starts.
func publicRouter(c Config, log *slog.Logger, t *telemetry.Telemetry) chi.Router {
	r := chi.NewRouter()
	r.Use(access(log, t), recovered(log), headers(strings.HasPrefix(c.PublicURL, "https://")))
	if c.Identity == "dev" {
		r.Use(identity.Loopback)
	}
	r.Get("/healthz", alive)
	return r
}

// adminRouter is the same for the admin address.
func adminRouter(c Config, log *slog.Logger) chi.Router {
	r := chi.NewRouter()
	r.Use(access(log, nil), recovered(log), headers(false), noPages(c.Admin))
	r.Get("/healthz", alive)
	return r
}

// adminRoutes are for whoever operates the server. They carry no personal data, and are behind a door of their own because what
// a server depends on and how busy it is are nobody else's business.
func (s *Server) adminRoutes() http.Handler {
	r := adminRouter(s.config, s.log)
	r.Get("/readyz", s.readiness)
	if s.telemetry != nil {
		r.Method(http.MethodGet, "/metrics", s.telemetry)
	}
	return r
}

// Handler is the whole public surface, for tests that bring a listener of their own.
func (s *Server) Handler() http.Handler { return s.routes() }

// routes is the whole public surface.
func (s *Server) routes() http.Handler {
	r := publicRouter(s.config, s.log, s.telemetry)
	site := pages{s.config.PublicURL, s.config.Origins}
	r.Get("/", s.startPage)
	if s.notices != nil {
		r.Method(http.MethodGet, "/privacy-notice", s.notices)
	}
	if s.hasDesk() {
		s.graphiQL(r)
	}
	socket, events := pass, pass
	if s.live != nil {
		socket, events = s.live.WebSocket, s.live.EventStream
	}
	// A WebSocket says who it is once it is open; a stream is bounded like any request, but for its time.
	ask := r.With(site.guard, s.sweeper.count, socket, uncrowded(crowd()), s.telemetry.Traced("/graphql"), identity.Middleware(s.who, s.knownRole), jsonOnly, bounded(s.config.Limits.Body), events, limited(s.config.Timeout))
	ask.Method(http.MethodPost, "/graphql", s.graphql)
	ask.Method(http.MethodGet, "/graphql", s.graphql) // the gateway answers queries only
	if s.signsOut != nil {
		r.With(site.guard, limited(s.config.Timeout)).Post("/logout", identity.SignOut(s.signsOut))
	}
	if s.gpc {
		r.Get("/.well-known/gpc.json", gpcSupport)
	}
	if s.receipts != nil {
		keys := r.With(limited(s.config.Timeout))
		keys.Get(receiptKeysPath, s.receiptKeys)
		keys.Head(receiptKeysPath, s.receiptKeys)
	}
	mailed := r.With(limited(s.config.Timeout), s.sweeper.count, s.unhurried) // a mail is read anywhere, so its links come from any page
	if s.asks != nil {
		// What the link leads to is answered to our own page alone.
		mailed.Get(ConfirmPath, s.asked)
		mailed.With(pages{public: s.config.PublicURL}.guard).Post(ConfirmPath, s.confirm)
	}
	if s.leaves != nil {
		// Whoever has the link may do what it does, from any page and from none: a mail program sends no Origin.
		mailed.Get(optout.Path, s.unsubscribing)
		mailed.Post(optout.Path, s.unsubscribe)
	}
	notAllowed := notAllowed(r)
	r.Method(http.MethodOptions, "/graphql", site.preflight(notAllowed))
	r.MethodNotAllowed(notAllowed)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, read.Fail(read.CodeBadInput, "there is nothing at this address: operations go to /graphql"))
	})
	return r
}

func pass(next http.Handler) http.Handler { return next }

// notAllowed names the methods there are (RFC 9110 Section 15.5.6).
func notAllowed(r chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		text := "this method is not allowed here"
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method)
				if method == http.MethodPost {
					text += ": operations are sent by POST"
				}
			}
		}
		refuse(w, http.StatusMethodNotAllowed, read.Fail(read.CodeBadInput, text))
	}
}
