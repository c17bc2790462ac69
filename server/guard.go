package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/journal"
)

// refuse answers in the form GraphQL clients understand.
func refuse(w http.ResponseWriter, status int, e *read.Error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{e.GraphQL()}})
}

// headers are the same for every answer: nothing of ours belongs into a frame, another site's page or a shared cache. Nothing
// is ever compressed: what somebody else chose (a filter, an alias) stands in one answer with personal data, and the length
// of the two compressed together tells about it, guess by guess (BREACH).
func headers(secure bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Cache-Control", "no-store")
			h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Content-Type-Options", "nosniff")
			if secure {
				h.Set("Strict-Transport-Security", "max-age=31536000")
			}
			next.ServeHTTP(w, r)
		})
	}
}

// jsonOnly refuses other content types. The ones an HTML form can send need no preflight, so they would let another site's
// page ask; multipart bodies are not understood at all.
func jsonOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // what a URL asks has no body
			next.ServeHTTP(w, r)
			return
		}
		kind, params, err := mime.ParseMediaType(strings.Join(r.Header.Values("Content-Type"), ",")) // two of them are none
		if charset, said := params["charset"]; err != nil || kind != "application/json" || said && !strings.EqualFold(charset, "utf-8") {
			refuse(w, http.StatusUnsupportedMediaType, read.Fail(read.CodeBadInput, "send Content-Type: application/json"))
			return
		}
		if r.Header.Get("Content-Encoding") != "" { // a few bytes could become gigabytes
			refuse(w, http.StatusUnsupportedMediaType, read.Fail(read.CodeBadInput, "send the body as it is, without Content-Encoding"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded reads the body before anybody parses it, so that what is too large is refused as such and not as broken JSON.
func bounded(limit int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				r.Body = http.NoBody
				next.ServeHTTP(w, r)
				return
			}
			var body []byte
			var err error
			if r.ContentLength <= limit { // else it says itself that it is too large, and none of it is read
				body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
			}
			var large *http.MaxBytesError
			switch {
			case r.ContentLength > limit || errors.As(err, &large):
				w.Header().Set("Connection", "close") // rather than reading the rest of it for the sake of the next request
				refuse(w, http.StatusRequestEntityTooLarge, read.Fail(read.CodeBadInput, fmt.Sprintf("the request is larger than %d bytes", limit)))
				return
			case err != nil:
				refuse(w, http.StatusBadRequest, read.Fail(read.CodeBadInput, "the request broke off"))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			next.ServeHTTP(w, r)
		})
	}
}

// crowd is how many requests may be under way at once: more than admission lets wait, so it is met only where requests come faster
// than the processors can refuse them one by one.
func crowd() int64 { return 512 * int64(max(4, runtime.GOMAXPROCS(0))) }

// uncrowded refuses what comes while most requests are under way, before anything of it is read. Streams stay open for long, and
// have bounds of their own.
func uncrowded(most int64) func(http.Handler) http.Handler {
	var under atomic.Int64
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
				next.ServeHTTP(w, r)
				return
			}
			defer under.Add(-1)
			if under.Add(1) > most {
				w.Header().Set("Retry-After", "1")
				refuse(w, http.StatusServiceUnavailable, read.Fail(read.CodeUnavailable, "more is asked than can be answered in time: try again in a moment"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// limited ends the context of a request that takes too long.
func limited(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// recovered turns a panic into a 500. The log gets the stack, and of the panic what may be written.
func recovered(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v) // net/http's own way to hang up
				}
				log.ErrorContext(r.Context(), "panic", "what", journal.Panic(v), "stack", string(debug.Stack()))
				refuse(w, http.StatusInternalServerError, read.Fail(read.CodeInternal, "internal error"))
			}()
			next.ServeHTTP(w, r)
		})
	}
}
