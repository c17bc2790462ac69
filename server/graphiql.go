package server

import (
	"context"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Desk is what the page for trying operations needs besides the API. Its zero value offers nobody and nothing.
type Desk struct {
	Schema *ir.Schema
	Sample func(*ir.Role) (query string, ok bool)
	// Issue makes a token of the development identity; nil: this server makes none.
	Issue func(p policy.Principal, life time.Duration) (token string, expires time.Time, err error)
	// People are some ids to be, and Values what a column that conditions compare with the viewer holds; nil: neither is told.
	People func(ctx context.Context, limit int) ([]policy.SubjectID, error)
	Values func(ctx context.Context, column *ir.Field) ([]string, error)
}

// deskPolicy lets the page run its own scripts and workers, and talk to nobody but us. The editor makes style elements as it
// goes, and has its icons' font in its style sheet; neither can send anything anywhere, because nothing can be loaded from
// elsewhere.
const deskPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; worker-src 'self'; " +
	"connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const notBuilt = "This program was built without the page for trying operations. With Node 20 or newer at hand, `make web build` builds both."

// deskTypes are the kinds of files there are. They do not come from the machine's own table: under nosniff, a script of
// another type does not run.
var deskTypes = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".ttf": "font/ttf"}

// hasDesk reports whether there is the page.
func (s *Server) hasDesk() bool { return s.config.ShowsGraphiQL() && s.desk.Schema != nil }

// graphiQL adds the page, its files and what it asks of us besides the API.
func (s *Server) graphiQL(r chi.Router) {
	r.Get("/graphiql", s.deskPage)
	r.Get("/graphiql/", s.deskPage)
	r.Get("/graphiql/assets/{file}", s.deskFile)
	if s.config.Identity != "dev" {
		r.With(limited(s.config.Timeout)).Get("/graphiql/context.json", s.guide)
		return
	}
	r.With(onThisMachine, limited(s.config.Timeout)).Get("/graphiql/context.json", s.guide)
	if s.desk.Issue != nil {
		ours := pages{public: s.config.PublicURL} // a site that may ask may not say as whom
		r.With(onThisMachine, ours.guard, jsonOnly, bounded(s.config.Limits.Body)).Post("/dev/token", s.devToken)
	}
}

func (s *Server) deskPage(w http.ResponseWriter, _ *http.Request) {
	page, err := fs.ReadFile(s.files, "graphiql.html")
	if err != nil {
		say(w, http.StatusNotFound, notBuilt)
		return
	}
	w.Header().Set("Content-Security-Policy", deskPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page)
}

// deskFile serves a file that is named after its content, so that it may be kept for good.
func (s *Server) deskFile(w http.ResponseWriter, r *http.Request) {
	name := path.Join("assets", chi.URLParam(r, "file"))
	kind := deskTypes[path.Ext(name)]
	if info, err := fs.Stat(s.files, name); err != nil || info.IsDir() || kind == "" || !strings.HasPrefix(name, "assets/") {
		say(w, http.StatusNotFound, "there is no such file in this version: load the page again")
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Security-Policy", deskPolicy) // a worker has the policy of its own script
	w.Header().Set("Content-Type", kind)
	http.ServeFileFS(w, r, s.files, name) //nolint:gosec // an fs.FS knows no path outside of it, and the name was looked up
}
