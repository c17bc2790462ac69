package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// Parts are what a Server puts behind its doors.
type Parts struct {
	GraphQL http.Handler // answers operations of the principal in a request's context
	// Ready reports whether GraphQL could answer now. With an error, words say why not; without, what is missing from its
	// answers, if anything. Anybody may read the words, so they name no host and no path; the error goes to the log.
	Ready     func(ctx context.Context) (words string, err error)
	Identity  identity.Authenticator
	KnownRole func(role string) bool // reports whether the schema has the role
	Sample    Sample                 // what the start page proposes to ask
	Log       *slog.Logger
}

// Server serves the API over HTTP.
type Server struct {
	config    Config
	graphql   http.Handler
	ready     func(ctx context.Context) (words string, err error)
	who       identity.Authenticator
	knownRole func(string) bool
	sample    Sample
	log       *slog.Logger
	draining  atomic.Bool
	sweeper   sweeper
}

// New assembles a server. The configuration must be valid.
func New(c Config, p Parts) *Server {
	return &Server{config: c, graphql: p.GraphQL, ready: p.Ready, who: p.Identity, knownRole: p.KnownRole, sample: p.Sample, log: p.Log}
}

// Run listens and serves until ctx ends; then it takes no new requests and gives the running ones Config.Shutdown to
// finish. It logs `ready` with its URL once it answers operations.
func (s *Server) Run(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.config.Listen, err)
	}
	if s.config.Identity == "dev" {
		if addr, ok := l.Addr().(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
			return errors.Join(fmt.Errorf("listen on %s: %w", s.config.Listen, errNotLoopback), l.Close())
		}
		s.log.Warn("DEVELOPMENT IDENTITY: whoever can read the data directory can be anybody; loopback only", "key", identity.KeyFile)
	}
	hs := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       s.config.Timeout,
		WriteTimeout:      s.config.Timeout + 5*time.Second, // so that an operation that ran out of time can still say so
		IdleTimeout:       idle,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	go s.sweeper.run(sweeping)
	served := make(chan error, 1)
	go func() { served <- hs.Serve(l) }()
	waiting, stop := context.WithCancel(ctx)
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		s.announce(waiting, "http://"+l.Addr().String())
	}()
	defer func() { stop(); <-announced }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(hs)
}

func (s *Server) drain(hs *http.Server) error {
	s.draining.Store(true)
	s.log.Info("shutting down")
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Shutdown)
	defer cancel()
	if err := hs.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were still running after %s and were cut off: %w", s.config.Shutdown, err), hs.Close())
	}
	return nil
}
