package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// leaving is how far a server is on its way out.
type leaving struct {
	unready atomic.Bool   // no more traffic, please
	begun   chan struct{} // closed when long answers are asked to end
}

func newLeaving() leaving { return leaving{begun: make(chan struct{})} }

// Draining is closed when the server begins to end what it answers. Whoever answers for long, as a subscription does, tells its
// client that it should come back, and ends: another replica goes on where this one stops.
func (s *Server) Draining() <-chan struct{} { return s.leaving.begun }

// drain leaves in order. First readiness says no while requests are still taken, because a balancer learns of it only at its
// next look, and whatever it sends until then must not be refused. Then long answers are asked to end, nothing new is
// taken, and what runs may finish. The admin door closes last: until then it says that we are leaving.
func (s *Server) drain(doors []*door) error {
	s.leaving.unready.Store(true)
	s.log.Info("shutting down", "drain", s.config.Drain.String())
	time.Sleep(s.config.Drain) // a second signal ends the process
	close(s.leaving.begun)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Shutdown)
	defer cancel()
	var errs []error
	for _, d := range doors {
		if err := d.http.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests were still running after %s and were cut off: %w", s.config.Shutdown, err), d.http.Close())
		}
	}
	return errors.Join(errs...)
}
