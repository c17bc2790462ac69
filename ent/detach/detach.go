// Package detach gives databases contexts that end with a request and hold nothing of it.
//
// A connection of pgx keeps the context of its last statement until the next one, in its pool, perhaps for hours. The context
// of a request leads to its variables and answers: to people's data, long after they were erased.
package detach

import (
	"context"
	"runtime"
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
	d := &detached{end: &end{done: make(chan struct{})}}
	d.deadline, d.limited = ctx.Deadline()
	// The parent knows the child's end; the child does not know the parent.
	e := d.end
	stop := context.AfterFunc(ctx, func() {
		e.err.Store(ctx.Err())
		close(e.done)
		e.stop.Store(nil)
	})
	e.stop.Store(&stop)
	if e.err.Load() != nil { // ended already: its stop leads to the parent
		e.stop.Store(nil)
	}
	// A statement is over long before an import is, or a job: without this the parent would collect one end for each.
	runtime.AddCleanup(d, func(e *end) {
		if stop := e.stop.Load(); stop != nil {
			(*stop)()
		}
	}, e)
	return d
}

type detached struct {
	deadline time.Time
	limited  bool
	*end
}

// end is how a context ends. Whoever waits for it holds the context, to ask it why.
type end struct {
	done chan struct{}
	err  atomic.Value
	stop atomic.Pointer[func() bool] // has the parent forget it; nil once the parent has ended
}

func (d *detached) Deadline() (time.Time, bool) { return d.deadline, d.limited }
func (d *detached) Done() <-chan struct{}       { return d.done }
func (d *detached) Value(any) any               { return nil }

func (d *detached) Err() error {
	err, _ := d.err.Load().(error)
	return err
}
