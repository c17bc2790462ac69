package server

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/cloakroom-crm/cloakroom/server/journal"
	"github.com/cloakroom-crm/cloakroom/server/telemetry"
)

// NewLogger makes the process's logger. The configuration must be valid.
func NewLogger(w io.Writer, c Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel))
	o := &slog.HandlerOptions{Level: level}
	if c.Log == "json" {
		return slog.New(journal.Handler(slog.NewJSONHandler(w, o)))
	}
	return slog.New(journal.Handler(slog.NewTextHandler(w, o)))
}

// access logs one line per request, and counts it. It names the route and not the path: a path nobody declared is text of the sender's.
func access(log *slog.Logger, counts *telemetry.Telemetry) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			answered := counts.Request()
			ctx, id := journal.NewRequest(r.Context())
			r = r.WithContext(ctx)
			w.Header().Set(requestHeader, id) // so that whoever complains can say what about
			seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			route := ""
			defer func() { answered(route, method(r.Method), status(seen.Status())) }() // of one that hangs up, too
			next.ServeHTTP(seen, r)
			level := slog.LevelInfo
			route = chi.RouteContext(r.Context()).RoutePattern()
			switch {
			case route == "/healthz" || route == "/readyz" || route == "/metrics":
				level = slog.LevelDebug // asked every few seconds by machines
			case strings.HasPrefix(route, "/graphiql/assets/"):
				level = slog.LevelDebug // dozens for one page
			case route == "" || strings.HasSuffix(route, "*"):
				route = "(none)"
			}
			log.Log(r.Context(), level, "request", "method", method(r.Method), "route", route, "status", status(seen.Status()),
				"bytes", seen.BytesWritten(), "ms", time.Since(start).Milliseconds())
		})
	}
}

// requestHeader names the request in the answer, as the log does.
const requestHeader = "X-Request-Id"

// serverLog takes what net/http has to say. That is text with addresses of clients in it, and of a panic the value: only the
// beginning is kept, which says what it is about.
type serverLog struct{ log *slog.Logger }

func (s serverLog) Write(line []byte) (int, error) {
	what := string(line)
	for _, end := range []string{"\n", " from ", " serving ", ": "} {
		if before, _, found := strings.Cut(strings.TrimPrefix(what, "http: "), end); found {
			what = before
		}
	}
	s.log.Debug("the HTTP server noticed something", "what", what)
	return len(line), nil
}

// status is what a handler that wrote nothing answered.
func status(code int) int {
	if code == 0 {
		return http.StatusOK
	}
	return code
}

// method keeps made-up methods out of the log: they too are text of the sender's.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "(other)"
}
