package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph"
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
	Checks    []health.Check     // what answers depend on
	Identity  identity.Authenticator
	KnownRole func(role string) bool // reports whether the schema has the role
	Sample    Sample                 // what the start page proposes to ask
	Desk      Desk                   // what the page for trying operations offers
	Telemetry *telemetry.Telemetry   // nil: nothing is counted
	Log       *slog.Logger
}

// Server serves the API over HTTP.
type Server struct {
	config    Config
	graphql   http.Handler
	health    *health.Board
	who       identity.Authenticator
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
	s := &Server{config: c, graphql: p.GraphQL, health: health.NewBoard(p.Log, p.Checks), who: p.Identity, knownRole: p.KnownRole, sample: p.Sample, desk: p.Desk, files: web.Files(), telemetry: p.Telemetry, log: p.Log,
		leaving: newLeaving()}
	p.Telemetry.Add(telemetry.Sources{States: s.health.States})
	if p.Live != nil {
		c := live.Config{Gateway: p.Live, Identity: p.Identity, KnownRole: p.KnownRole, Events: p.Events, Told: s.sweeper.touch, Leaving: s.Draining(),
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

// Run listens and serves until ctx ends; then it leaves in order, see drain. It logs `ready` with its URLs once it answers
// operations.
func (s *Server) Run(ctx context.Context) error {
	public, err := listen(ctx, "listen", s.config.Listen)
	if err != nil {
		return err
	}
	if s.config.Identity == "dev" {
		if addr, ok := public.Addr().(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
			return errors.Join(fmt.Errorf("listen on %s: %w", s.config.Listen, errNotLoopback), public.Close())
		}
		who := "whoever can read the data directory"
		if s.hasDesk() {
			who += ", or reach this port,"
		}
		s.log.Warn("DEVELOPMENT IDENTITY: "+who+" can be anybody; loopback only", "key", identity.KeyFile)
	}
	urls := []any{"url", "http://" + public.Addr().String()}
	doors := []*door{{listener: public, http: s.door(s.routes())}}
	if s.config.Admin != "" {
		admin, err := listen(ctx, "admin", s.config.Admin)
		if err != nil {
			return errors.Join(err, public.Close())
		}
		doors = append(doors, &door{listener: admin, http: s.door(s.adminRoutes())})
		urls = append(urls, "admin", "http://"+admin.Addr().String())
	}
	beside, stop := context.WithCancel(ctx)
	served := make(chan error, len(doors))
	for _, d := range doors {
		go func() { served <- d.http.Serve(d.listener) }()
	}
	ended := side(func() { s.sweeper.run(beside) }, func() { s.announce(beside, urls); s.health.Watch(beside) })
	defer func() { stop(); <-ended }()
	select {
	case err := <-served:
		for _, d := range doors {
			err = errors.Join(err, d.http.Close())
		}
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(doors)
}

// door is an address and who answers there.
type door struct {
	listener net.Listener
	http     *http.Server
}

func (s *Server) door(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       s.config.Timeout,
		WriteTimeout:      s.config.Timeout + 5*time.Second, // so that an operation that ran out of time can still say so
		IdleTimeout:       idle,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(serverLog{s.log}, "", 0),
	}
}

// listen takes the address that a setting names, or says what to do.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	var remedy string
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = "; stop what listens there, or name another address with --" + setting
	case errors.Is(err, syscall.EACCES):
		remedy = "; this user may not take that port: name one above 1023 with --" + setting
	default:
		remedy = "; name an address of this machine with --" + setting
	}
	return nil, fmt.Errorf("listen on %s: %w%s", address, err, remedy)
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
