package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/cloakroom-crm/cloakroom/server/health"
)

// alive says that the process lives. It asks nothing else: a database that is away is no reason to restart us.
func alive(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// readiness says whether an operation could be answered now, and what is missing from the answers. The cause goes to the
// log: it may name hosts.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	if s.leaving.unready.Load() {
		health.Write(w, r, unready("shutting down"))
		return
	}
	s.health.ServeHTTP(w, r)
}

// unready is the report of a server that answers no operations, for a reason of its own.
func unready(why string) health.Report {
	return health.Report{State: health.Down, Components: []health.Component{{Name: "server", State: health.Down, Words: why}}}
}

// announce logs `ready` once operations are answered, for whoever waits for that. Requests are taken before, and told why
// they are not answered yet.
func (s *Server) announce(ctx context.Context, urls []any) {
	told, began := false, time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		report := s.health.Look(ctx)
		if report.Ready() {
			s.log.Info("ready", urls...)
			return
		}
		if !told && time.Since(began) > time.Second {
			told = true
			s.log.Info("listening, and not ready yet", append(urls[:len(urls):len(urls)], "why", report.Why())...)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
