package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/journal"
)

// subprotocol is GraphQL over WebSocket as the library graphql-ws specifies it.
const subprotocol = "graphql-transport-ws"

// Close codes of the subprotocol. Their texts repeat nothing of the sender's.
const (
	badRequest      = websocket.StatusCode(4400)
	unauthorized    = websocket.StatusCode(4401)
	forbidden       = websocket.StatusCode(4403)
	badSubprotocol  = websocket.StatusCode(4406)
	initTimeout     = websocket.StatusCode(4408)
	subscriberThere = websocket.StatusCode(4409)
	tooManyInits    = websocket.StatusCode(4429)
	tryLater        = websocket.StatusTryAgainLater
	goingAway       = websocket.StatusGoingAway
)

// maxID bounds the name a client gives an operation.
const maxID = 128

// WebSocket answers requests to change to WebSocket, and leaves others to next. Whoever puts it behind a door has seen to it that
// no page of another site asks: browsers send cookies along, and no preflight.
func (h *Hub) WebSocket(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			next.ServeHTTP(w, r)
			return
		}
		h.serveSocket(w, r)
	})
}

// socket is one WebSocket.
type socket struct {
	ws  *websocket.Conn
	hub *Hub

	known func() // gives the place of a stranger back; may be called again

	write sync.Mutex

	mu         sync.Mutex
	operations map[string]context.CancelFunc
	busy       time.Time // when there last was an operation
	over       bool      // none begins any more
	running    sync.WaitGroup
}

func (h *Hub) serveSocket(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" { // a token in a URL is a token in every log on the way
		refuse(w, http.StatusBadRequest, read.Fail(read.CodeBadInput, "the address of a WebSocket has no parameters: send credentials in connection_init"))
		return
	}
	select {
	case h.strangers <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, errCrowd)
		return
	}
	known := sync.OnceFunc(func() { <-h.strangers })
	defer known()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol},
		InsecureSkipVerify: true}) // the door has looked at Origin, and knows which others may ask
	if err != nil {
		return // it has answered
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxInit)
	s := &socket{ws: ws, hub: h, known: known, operations: map[string]context.CancelFunc{}, busy: time.Now()}
	if ws.Subprotocol() != subprotocol {
		s.close(badSubprotocol, "Subprotocol not acceptable")
		return
	}
	s.serve(r)
}

// serve lets the client in, and answers it until either side leaves.
func (s *socket) serve(r *http.Request) {
	c, ctx := s.admit(r)
	if c == nil {
		return
	}
	defer c.leave()
	// Reading has a context of its own: that of the connection ends first, its operations say so to the client, and only then is
	// there nothing more to read.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	heard := make(chan error, 1)
	go func() { heard <- s.listen(reading, ctx, c) }()
	touch := make(chan struct{})
	go func() {
		defer close(touch)
		s.stayInTouch(ctx)
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-heard:
	}
	why := context.Cause(ctx)
	c.end(context.Canceled)
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.running.Wait() // each operation has said how it ended
	<-touch
	var mine *read.Error
	var wrong *protocolError
	switch {
	case errors.As(why, &mine) && mine.Code == read.CodeUnauthenticated:
		s.close(unauthorized, "Unauthorized")
	case errors.As(why, &mine):
		s.close(goingAway, "connect anew")
	case errors.As(err, &wrong):
		s.close(wrong.code, wrong.text)
	default:
		s.close(websocket.StatusNormalClosure, "")
	}
}

// protocolError ends a connection whose client does not keep to the protocol.
type protocolError struct {
	code websocket.StatusCode
	text string
}

func (e *protocolError) Error() string { return e.text }

var errMessage = &protocolError{badRequest, "Invalid message"}

// message is what either side sends.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// admit waits for connection_init, and finds out who is there. Without one there is no connection.
func (s *socket) admit(r *http.Request) (*conn, context.Context) {
	ctx, cancel := context.WithTimeout(r.Context(), s.hub.Init+s.hub.Timeout)
	defer cancel()
	// Not by the context: a read whose context ends closes the connection without a word.
	late := time.AfterFunc(s.hub.Init, func() { s.close(initTimeout, "Connection initialisation timeout") })
	m, err := s.read(ctx)
	var wrong *protocolError
	switch {
	case !late.Stop(): // it is being closed
		return nil, nil
	case errors.As(err, &wrong):
		s.close(wrong.code, wrong.text)
		return nil, nil
	case err != nil:
		return nil, nil
	case m.Type != "connection_init":
		s.close(unauthorized, "Unauthorized")
		return nil, nil
	}
	who := credentials(r)
	var payload struct{ Authorization string }
	if len(m.Payload) > 0 && json.Unmarshal(m.Payload, &payload) != nil {
		s.close(badRequest, "Invalid message")
		return nil, nil
	}
	if payload.Authorization != "" { // whoever says who they are is not somebody else by a cookie
		for _, name := range []string{"Cookie", "X-Session-Token"} {
			who.Header.Del(name)
		}
		who.Header.Set("Authorization", payload.Authorization)
	}
	p, err := s.hub.authenticate(who.WithContext(ctx))
	switch {
	case err != nil && gone(err):
		s.close(forbidden, "Forbidden")
		return nil, nil
	case err != nil:
		s.close(tryLater, "try again later")
		return nil, nil
	}
	live, c, err := s.hub.enter(r.Context(), p, who)
	if err != nil {
		s.close(tryLater, "try again later")
		return nil, nil
	}
	s.ws.SetReadLimit(s.hub.Body + 1024) // a request, and what surrounds it
	s.known()
	if s.send(message{Type: "connection_ack"}) != nil {
		c.leave()
		return nil, nil
	}
	return c, live
}

// listen takes messages until the client leaves or breaks the protocol.
func (s *socket) listen(reading, ctx context.Context, c *conn) error {
	for {
		m, err := s.read(reading)
		if err != nil {
			return err
		}
		switch m.Type {
		case "ping":
			err = s.send(message{Type: "pong"})
		case "pong":
		case "connection_init":
			err = &protocolError{tooManyInits, "Too many initialisation requests"}
		case "subscribe":
			err = s.subscribe(ctx, c, m)
		case "complete":
			s.mu.Lock()
			stop := s.operations[m.ID]
			s.mu.Unlock()
			if stop != nil {
				stop()
			}
		default:
			err = errMessage
		}
		if err != nil {
			return err
		}
	}
}

func (s *socket) read(ctx context.Context) (message, error) {
	kind, data, err := s.ws.Read(ctx)
	if err != nil {
		return message{}, err
	}
	defer clear(data)
	var m message
	if kind != websocket.MessageText || json.Unmarshal(data, &m) != nil || len(m.ID) > maxID {
		return message{}, errMessage
	}
	m.Payload = bytes.Clone(m.Payload)
	return m, nil
}

// subscribe begins an operation.
func (s *socket) subscribe(ctx context.Context, c *conn, m message) error {
	if m.ID == "" || len(m.Payload) == 0 {
		return errMessage
	}
	ctx, stop := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, there := s.operations[m.ID]; {
	case s.over:
		stop()
		return nil
	case there:
		stop()
		return &protocolError{subscriberThere, "Subscriber for this id already exists"}
	case len(s.operations) >= maxOperations:
		stop()
		return s.fail(m.ID, &graphql.Response{Errors: failures(errConns)})
	}
	s.operations[m.ID] = stop
	free := sync.OnceFunc(func() {
		stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.operations, m.ID)
		s.busy = time.Now()
	})
	s.running.Go(func() {
		defer free()
		s.run(ctx, c, m, free)
	})
	return nil
}

// run answers one operation. A client that has completed it, or left, hears nothing more of it. Its name is free before the client
// hears that it has ended.
func (s *socket) run(ctx context.Context, c *conn, m message, free func()) {
	fail := func(errs gqlerror.List) {
		free()
		_ = s.fail(m.ID, &graphql.Response{Errors: errs})
	}
	defer func() {
		if v := recover(); v != nil { // nobody above would: the whole server would end
			s.hub.Log.ErrorContext(ctx, "panic", "what", journal.Panic(v), "stack", string(debug.Stack()))
			fail(failures(read.Fail(read.CodeInternal, "internal error")))
		}
	}()
	p, err := c.still(ctx)
	if err != nil {
		fail(failures(forClient(err)))
		return
	}
	stream, err := c.open(ctx, p, m.Payload, nil)
	clear(m.Payload)
	if err != nil {
		fail(failures(read.Fail(read.CodeBadInput, err.Error())))
		return
	}
	defer stream.Close()
	for {
		resp, err := stream.Next(ctx, nil)
		switch {
		case errors.Is(err, io.EOF):
			free()
			_ = s.send(message{ID: m.ID, Type: "complete"})
			return
		case err != nil:
			return
		case len(resp.Data) == 0 && len(resp.Errors) > 0:
			fail(resp.Errors) // which completes it
			return
		}
		text, err := graph.Encode(resp)
		clear([]byte(resp.Data))
		if err == nil {
			err = s.send(message{ID: m.ID, Type: "next", Payload: text})
			clear(text)
			s.hub.Told()
		}
		if err != nil {
			c.end(context.Canceled)
			return
		}
	}
}

// fail ends an operation with errors.
func (s *socket) fail(id string, resp *graphql.Response) error {
	text, err := json.Marshal(resp.Errors)
	if err != nil {
		return err
	}
	return s.send(message{ID: id, Type: "error", Payload: text})
}

// send writes a message. The context of the connection may have ended already, and its client is still told why.
func (s *socket) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	defer clear(text)
	ctx, cancel := context.WithTimeout(context.Background(), s.hub.Write)
	defer cancel()
	s.write.Lock()
	defer s.write.Unlock()
	return s.ws.Write(ctx, websocket.MessageText, text)
}

func (s *socket) close(code websocket.StatusCode, text string) { _ = s.ws.Close(code, text) }

// stayInTouch finds out when a client is gone without a word, and ends a connection on which nothing is asked.
func (s *socket) stayInTouch(ctx context.Context) {
	tick := time.NewTicker(s.hub.Ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		idle := len(s.operations) == 0 && time.Since(s.busy) > s.hub.Idle
		s.mu.Unlock()
		if idle {
			s.close(websocket.StatusNormalClosure, "idle")
			return
		}
		wait, cancel := context.WithTimeout(ctx, s.hub.Write)
		err := s.ws.Ping(wait)
		cancel()
		if err != nil {
			_ = s.ws.CloseNow()
			return
		}
	}
}

func failures(err *read.Error) gqlerror.List { return gqlerror.List{err.GraphQL()} }
