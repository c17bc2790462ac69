// Package detach gives databases contexts that end with a request and hold nothing of it.
//
// A connection of pgx keeps the context of its last statement until the next one, in its pool, perhaps for hours. The context
// of a request leads to its variables and answers: to people's data, long after they were erased.
package detach

import (
	"context"
	"sync/atomic"
	"time"
)

// Context returns a context that ends when ctx does, with the same error, and has none of its values.
func Context(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return context.Background()
	}
	if _, ok := ctx.(*detached); ok {
		return ctx
	}
	d := &detached{done: make(chan struct{})}
	d.deadline, d.limited = ctx.Deadline()
	// The parent knows the child until it ends itself; the child does not know the parent.
	context.AfterFunc(ctx, func() {
		d.err.Store(ctx.Err())
		close(d.done)
	})
	return d
}

type detached struct {
	deadline time.Time
	limited  bool
	done     chan struct{}
	err      atomic.Value
}

func (d *detached) Deadline() (time.Time, bool) { return d.deadline, d.limited }
func (d *detached) Done() <-chan struct{}       { return d.done }
func (d *detached) Value(any) any               { return nil }

func (d *detached) Err() error {
	err, _ := d.err.Load().(error)
	return err
}
