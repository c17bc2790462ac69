package server

import (
	"context"
	"io"
	"net/http"
	"time"
)

// health says that the process lives. It asks nothing else: a database that is away is no reason to restart us.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// readiness says whether an operation could be answered now, and what is missing from the answers. The cause goes to the
// log: it may name hosts.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	words, err := s.ready(ctx)
	switch {
	case err != nil:
		s.log.WarnContext(ctx, "not ready", "err", err)
		say(w, http.StatusServiceUnavailable, "not ready: "+words)
	case words != "":
		say(w, http.StatusOK, "ready, but "+words)
	default:
		say(w, http.StatusOK, "ready")
	}
}

// readyLimit is how long a look at what is needed may take.
const readyLimit = 2 * time.Second

// announce logs `ready` once operations are answered, for whoever waits for that. Requests are taken before, and told why
// they are not answered yet.
func (s *Server) announce(ctx context.Context, url string) {
	told, began := false, time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		look, cancel := context.WithTimeout(ctx, readyLimit)
		words, err := s.ready(look)
		cancel()
		if err == nil {
			s.log.Info("ready", "url", url)
			return
		}
		if !told && time.Since(began) > time.Second {
			told = true
			s.log.Info("listening, and not ready yet", "url", url, "why", words)
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
