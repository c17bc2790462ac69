package admission

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrFull says that the operation was not begun, because others are under way and more wait than can be answered in time.
var ErrFull = errors.New("more operations wait than can be answered in time")

// Config of a Gate. Zero values have defaults.
type Config struct {
	Places int   // operations under way at once; default: 4 for each processor, at least 8
	Cheap  int64 // the highest cost that counts as cheap, in points; default 12: a mutation, or a page of 100 records with ten fields
	Queue  int   // operations that wait at once; default: 32 for each place
	// Patience is how long an operation waits for a place, Haste how long while there has been a queue for longer than that:
	// a burst is smoothed, a queue that stands is only delay (Nichols and Jacobson, Controlling Queue Delay, 2012).
	// Defaults: 500 ms and 100 ms.
	Patience, Haste time.Duration
}

// Gate lets operations in.
type Gate struct {
	config  Config
	places  *semaphore.Weighted
	heavy   *semaphore.Weighted // those of the places that are not kept for cheap operations
	waiting atomic.Int64
	stands  atomic.Int64 // since when there has been a queue without a break, in nanoseconds since began; 0: there is none
	began   time.Time
}

// New returns a Gate.
func New(c Config) *Gate {
	if c.Places <= 0 {
		c.Places = max(8, 4*runtime.GOMAXPROCS(0))
	}
	if c.Cheap <= 0 {
		c.Cheap = 12
	}
	if c.Queue <= 0 {
		c.Queue = 32 * c.Places
	}
	if c.Patience <= 0 {
		c.Patience = 500 * time.Millisecond
	}
	if c.Haste <= 0 {
		c.Haste = min(100*time.Millisecond, c.Patience)
	}
	return &Gate{config: c, places: semaphore.NewWeighted(int64(c.Places)), heavy: semaphore.NewWeighted(int64(max(1, c.Places*3/4))), began: time.Now()}
}

// Enter waits for a place for an operation of the cost, in points. The place is the caller's until leave is called. The
// error is ErrFull, or ctx's own when that ended.
func (g *Gate) Enter(ctx context.Context, cost int64) (leave func(), err error) {
	if cost <= g.config.Cheap {
		if err := g.wait(ctx, g.places); err != nil {
			return nil, err
		}
		return func() { g.places.Release(1) }, nil
	}
	// The place among the expensive ones comes first: one that waits for it must not stand in the way of a cheap one.
	if err := g.wait(ctx, g.heavy); err != nil {
		return nil, err
	}
	if err := g.wait(ctx, g.places); err != nil {
		g.heavy.Release(1)
		return nil, err
	}
	return func() {
		g.places.Release(1)
		g.heavy.Release(1)
	}, nil
}

func (g *Gate) wait(ctx context.Context, places *semaphore.Weighted) error {
	if places.TryAcquire(1) {
		return nil
	}
	now := max(1, int64(time.Since(g.began)))
	switch n := g.waiting.Add(1); {
	case n > int64(g.config.Queue):
		g.leaveQueue()
		return ErrFull
	case n == 1:
		g.stands.Store(now)
	}
	defer g.leaveQueue()
	patience := g.config.Patience
	if since := g.stands.Load(); since != 0 && time.Duration(now-since) > g.config.Patience {
		patience = g.config.Haste
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if places.Acquire(waiting, 1) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrFull
}

func (g *Gate) leaveQueue() {
	if g.waiting.Add(-1) == 0 {
		g.stands.Store(0)
	}
}

// Waiting is how many operations wait at the moment.
func (g *Gate) Waiting() int64 { return g.waiting.Load() }
