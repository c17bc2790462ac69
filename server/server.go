package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/server/health"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/live"
	"github.com/cloakroom-crm/cloakroom/server/telemetry"
	"github.com/cloakroom-crm/cloakroom/web"
)

// Parts are what a Server puts behind its doors.
type Parts struct {
	GraphQL   http.Handler       // answers operations of the principal in a request's context
	Live      live.Gateway       // answers operations bit by bit; nil: nothing is streamed
	Events    graph.Events       // of which revoked sessions are heard
	Streams   func(*live.Config) // changes the bounds of streams; nil: they stay as they are
	Notices   *Notices           // the privacy notice; nil: there is none
	Asks      Asks               // what people are asked by mail; nil: nobody is
	Leaves    Leaves             // how they opt out by mail; nil: they cannot
	Limiter   graph.Limiter      // of whoever does not sign in; nil: without limit
	Receipts  ReceiptKeys        // of consent, published to whoever verifies them; nil: there are none
	Checks    []health.Check     // what answers depend on
	Identity  identity.Authenticator
	Signals   Signals                // of people's browsers; nil: none is heard
	KnownRole func(role string) bool // reports whether the schema has the role
	Sample    Sample                 // what the start page proposes to ask
	Desk      Desk                   // what the page for trying operations offers
	Telemetry *telemetry.Telemetry   // nil: nothing is counted
	Log       *slog.Logger
}

// Signals are what people's browsers say for them.
type Signals interface {
	identity.OptsOut
	// Heeds reports whether some purpose heeds a signal.
	Heeds(s consent.Signal) bool
}

// Server serves the API over HTTP.
type Server struct {
	config    Config
	graphql   http.Handler
	notices   *Notices
	receipts  ReceiptKeys
	asks      Asks
	leaves    Leaves
	limiter   graph.Limiter
	health    *health.Board
	who       identity.Authenticator
	signsOut  identity.SignsOut // nil: nobody does
	gpc       bool              // the signal is heeded
	knownRole func(string) bool
	sample    Sample
	desk      Desk
	files     fs.FS // of the pages
	telemetry *telemetry.Telemetry
	log       *slog.Logger
	leaving   leaving
	sweeper   sweeper
	live      *live.Hub // nil: nothing is streamed
}

// New assembles a server. The configuration must be valid.
func New(c Config, p Parts) *Server {
	s := &Server{config: c, graphql: p.GraphQL, notices: p.Notices, receipts: p.Receipts, asks: p.Asks, leaves: p.Leaves, limiter: p.Limiter, health: health.NewBoard(p.Log, p.Checks), who: p.Identity, knownRole: p.KnownRole, sample: p.Sample, desk: p.Desk, files: web.Files(), telemetry: p.Telemetry, log: p.Log,
		leaving: newLeaving()}
	s.signsOut, _ = p.Identity.(identity.SignsOut)
	if s.gpc = p.Signals != nil && p.Signals.Heeds(consent.GlobalPrivacyControl); s.gpc {
		s.who = identity.Listening{Authenticator: p.Identity, OptsOut: p.Signals, Record: c.Timeout, Log: p.Log}
	}
	p.Telemetry.Add(telemetry.Sources{States: s.health.States})
	if p.Live != nil {
		c := live.Config{Gateway: p.Live, Identity: s.who, KnownRole: p.KnownRole, Events: p.Events, Told: s.sweeper.touch, Leaving: s.Draining(),
			Body: c.Limits.Body, Timeout: c.Timeout, Log: p.Log}
		if p.Streams != nil {
			p.Streams(&c)
		}
		s.live = live.New(c)
		p.Telemetry.Add(telemetry.Sources{Connections: s.live.Connections})
	}
	return s
}

// Streams are the open connections; nil where nothing is streamed.
func (s *Server) Streams() *live.Hub { return s.live }

// Run serves behind the doors until ctx ends; then it leaves in order, see drain. It logs `ready` with its URLs once it answers
// operations.
func (s *Server) Run(ctx context.Context, d *Doors) error {
	if s.config.Identity == "dev" {
		who := "whoever can read the data directory"
		if s.hasDesk() {
			who += ", or reach this port,"
		}
		s.log.Warn("DEVELOPMENT IDENTITY: "+who+" can be anybody; loopback only", "key", identity.KeyFile)
	}
	d.public.answer(s.routes())
	if d.admin != nil {
		d.admin.answer(s.adminRoutes())
	}
	beside, stop := context.WithCancel(ctx)
	ended := side(func() { s.sweeper.run(beside) }, func() { s.announce(beside, d.urls()); s.health.Watch(beside) })
	defer func() { stop(); <-ended }()
	select {
	case err := <-d.served:
		return fmt.Errorf("serve: %w", errors.Join(err, d.Close()))
	case <-ctx.Done():
	}
	return s.drain(d.all())
}

// side runs functions side by side; the channel is closed when all of them have ended.
func side(run ...func()) <-chan struct{} {
	ended, done := make(chan struct{}), make(chan struct{}, len(run))
	for _, f := range run {
		go func() { f(); done <- struct{}{} }()
	}
	go func() {
		for range run {
			<-done
		}
		close(ended)
	}()
	return ended
}
