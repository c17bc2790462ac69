package live

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

const eventStream = "text/event-stream"

// EventStream answers requests that accept text/event-stream, and leaves others to next. Whoever puts it behind a door has found out who
// is asking, and read the body.
func (h *Hub) EventStream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !wantsEvents(r.Header.Values("Accept")) {
			next.ServeHTTP(w, r)
			return
		}
		h.serveEvents(w, r)
	})
}

// wantsEvents reports whether Accept names event streams, and not with a weight of nothing.
func wantsEvents(accept []string) bool {
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil || kind != eventStream {
			continue
		}
		q, given := params["q"]
		return !given || strings.ContainsAny(q, "123456789")
	}
	return false
}

func (h *Hub) serveEvents(w http.ResponseWriter, r *http.Request) {
	p, ok := policy.PrincipalFrom(r.Context())
	if !ok {
		refuse(w, http.StatusUnauthorized, errRevoked)
		return
	}
	ctx, c, err := h.enter(r.Context(), p, credentials(r))
	if err != nil {
		refuse(w, map[bool]int{true: http.StatusTooManyRequests, false: http.StatusServiceUnavailable}[errors.Is(err, errConns)], err)
		return
	}
	defer c.leave()
	// The server's own deadlines are for requests that end. From here each write has one.
	out := &events{w: w, control: http.NewResponseController(w), limit: h.Write}
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		h.Log.ErrorContext(ctx, "this server cannot stream", "err", err)
		refuse(w, http.StatusInternalServerError, read.Fail(read.CodeInternal, "internal error"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, read.Fail(read.CodeBadInput, "the request broke off"))
		return
	}
	stream, err := c.open(ctx, p, body, r.Header.Values("Idempotency-Key"))
	clear(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, read.Fail(read.CodeBadInput, err.Error()))
		return
	}
	defer stream.Close()
	w.Header().Set("Content-Type", eventStream+"; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that collect answers would keep events back
	w.WriteHeader(http.StatusOK)
	out.flush()
	h.tell(ctx, stream, out)
}

// tell writes what a stream tells until either ends.
func (h *Hub) tell(ctx context.Context, stream *graph.Stream, out *events) {
	idle := time.NewTimer(h.Ping)
	defer idle.Stop()
	for out.err == nil {
		resp, err := stream.Next(ctx, idle.C)
		switch {
		case errors.Is(err, io.EOF):
			out.write([]byte("event: complete\ndata: \n\n"))
			return
		case err != nil: // the client left
			return
		case resp == nil:
			out.write([]byte(":\n\n")) // a comment, so that whoever is between keeps the connection, and a client that left is noticed
		default:
			out.next(resp)
			h.Told()
		}
		idle.Reset(h.Ping)
	}
}

// events writes server-sent events (HTML Living Standard, Section 9.2).
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	err     error
}

func (e *events) next(resp *graphql.Response) {
	text, err := graph.Encode(resp)
	clear([]byte(resp.Data))
	if err != nil {
		e.err = err
		return
	}
	e.write([]byte("event: next\ndata: "), text, []byte("\n\n"))
	clear(text)
}

func (e *events) write(parts ...[]byte) {
	if e.err = e.control.SetWriteDeadline(time.Now().Add(e.limit)); e.err != nil {
		return
	}
	for _, p := range parts {
		if _, e.err = e.w.Write(p); e.err != nil { //nolint:gosec // JSON of an event stream, which no browser renders
			return
		}
	}
	e.flush()
}

func (e *events) flush() {
	if e.err == nil {
		e.err = e.control.Flush()
	}
}

// refuse answers in the form GraphQL clients understand.
func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{forClient(err).GraphQL()}})
}

// forClient is what a client may know of an error.
func forClient(err error) *read.Error {
	var mine *read.Error
	if !errors.As(err, &mine) {
		mine = read.Fail(read.CodeInternal, "internal error")
	}
	return mine
}
