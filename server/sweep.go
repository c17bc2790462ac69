package server

import (
	"context"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

// sweepEvery is how long after an answer memory is collected, at most.
const sweepEvery = 10 * time.Second

// idle is how long a connection may stay open without a request: its buffers hold the last one, and the last answer.
const idle = 30 * time.Second

// sweeper has memory collected after work is done. Go collects when memory is needed, so a server that nobody asks any more
// would keep its last answers for minutes: a core dump of it holds people's data that it has no reason to have (GDPR Art. 5(1)(e)).
// With GODEBUG=clobberfree=1, which `cloakroom serve` sets, what is collected is overwritten.
type sweeper struct{ last atomic.Int64 } // when the last answer was given, in nanoseconds since 1970

// count counts what was answered.
func (s *sweeper) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.touch()
		next.ServeHTTP(w, r)
	})
}

func (s *sweeper) touch() { s.last.Store(time.Now().UnixNano()) }

// run sweeps until ctx ends: every few seconds while there are answers, and after the last one until its connection is closed.
// What sync.Pool holds takes two collections to go.
func (s *sweeper) run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(time.Unix(0, s.last.Load())) < idle+2*sweepEvery {
			runtime.GC()
			runtime.GC()
		}
	}
}
