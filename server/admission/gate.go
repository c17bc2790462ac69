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
	// Patience is how long an operation waits for a place; default 1 s. In a queue that is longer than four for each place it
	// is Haste, default 200 ms: some clients that take turns are smoothed, a long queue is only delay (Nichols and Jacobson,
	// Controlling Queue Delay, 2012). At 64 for each place nobody waits any more.
	Patience, Haste time.Duration
}

// Gate lets operations in.
type Gate struct {
	config Config
	places queue
	costly queue // those of the places that are not kept for cheap operations

	running, refused atomic.Int64
}

// New returns a Gate.
func New(c Config) *Gate {
	if c.Places <= 0 {
		c.Places = max(8, 4*runtime.GOMAXPROCS(0))
	}
	if c.Cheap <= 0 {
		c.Cheap = 12
	}
	if c.Patience <= 0 {
		c.Patience = time.Second
	}
	if c.Haste <= 0 {
		c.Haste = min(200*time.Millisecond, c.Patience)
	}
	g := &Gate{config: c}
	g.places.open(c.Places)
	g.costly.open(max(1, c.Places*3/4))
	return g
}

// Enter waits for a place for an operation of the cost, in points. The place is the caller's until leave is called. The
// error is ErrFull, or ctx's own when that ended.
func (g *Gate) Enter(ctx context.Context, cost int64) (leave func(), err error) {
	leave, err = g.enter(ctx, cost)
	switch {
	case err == nil:
		g.running.Add(1)
	case errors.Is(err, ErrFull):
		g.refused.Add(1)
	}
	return leave, err
}

func (g *Gate) enter(ctx context.Context, cost int64) (leave func(), err error) {
	if cost <= g.config.Cheap {
		if err := g.places.wait(ctx, g.config); err != nil {
			return nil, err
		}
		return func() { g.leave(false) }, nil
	}
	// The place among the costly ones comes first: one that waits for it must not stand in the way of a cheap one.
	if err := g.costly.wait(ctx, g.config); err != nil {
		return nil, err
	}
	if err := g.places.wait(ctx, g.config); err != nil {
		g.costly.places.Release(1)
		return nil, err
	}
	return func() { g.leave(true) }, nil
}

func (g *Gate) leave(costly bool) {
	g.running.Add(-1)
	g.places.places.Release(1)
	if costly {
		g.costly.places.Release(1)
	}
}

// Running is how many operations have a place at the moment.
func (g *Gate) Running() int64 { return g.running.Load() }

// Refused is how many were refused so far, for want of a place.
func (g *Gate) Refused() int64 { return g.refused.Load() }

// Waiting is how many operations wait at the moment.
func (g *Gate) Waiting() int64 { return g.places.waiting.Load() + g.costly.waiting.Load() }

// queue is where operations wait, the first to come first.
type queue struct {
	places  *semaphore.Weighted
	size    int64
	waiting atomic.Int64
}

func (q *queue) open(places int) {
	q.places, q.size = semaphore.NewWeighted(int64(places)), int64(places)
}

func (q *queue) wait(ctx context.Context, c Config) error {
	if q.places.TryAcquire(1) {
		return nil
	}
	n := q.waiting.Add(1)
	defer q.waiting.Add(-1)
	patience := c.Patience
	switch {
	case n > 64*q.size:
		return ErrFull
	case n > 4*q.size:
		patience = c.Haste
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if q.places.Acquire(waiting, 1) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrFull
}
