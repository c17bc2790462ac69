package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Limit is how long one look may take.
const Limit = 2 * time.Second

// Every is how long Watch rests between two looks.
const Every = 5 * time.Second

// Board runs checks and remembers what they found.
type Board struct {
	checks []Check
	log    *slog.Logger
	mu     sync.Mutex
	last   map[string]State
}

// NewBoard makes a board of checks.
func NewBoard(log *slog.Logger, checks []Check) *Board {
	return &Board{checks: checks, log: log, last: map[string]State{}}
}

// Look runs all checks side by side, and logs what changed since the last look.
func (b *Board) Look(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	found := make([]chan finding, len(b.checks))
	for i, c := range b.checks {
		found[i] = make(chan finding, 1)
		go func() { found[i] <- look(ctx, c) }()
	}
	r := Report{State: Up, Components: make([]Component, len(b.checks))}
	for i, c := range b.checks {
		var f finding
		select {
		case f = <-found[i]:
		case <-ctx.Done():
			select { // it may have answered at the last moment
			case f = <-found[i]:
			default:
				f = finding{"it did not answer in time", ctx.Err()}
			}
		}
		component := Component{Name: c.Name, State: Up, Words: f.words}
		switch {
		case f.err != nil && !c.Tolerated:
			component.State, r.State = Down, Down
		case f.err != nil || f.words != "":
			component.State = Degraded
			if r.State == Up {
				r.State = Degraded
			}
		}
		if component.Words == "" && f.err != nil {
			component.Words = c.Name + " does not answer"
		}
		r.Components[i] = component
		b.tell(ctx, component, f.err)
	}
	return r
}

type finding struct {
	words string
	err   error
}

// look runs one check. One that panics has found something.
func look(ctx context.Context, c Check) (f finding) {
	defer func() {
		if v := recover(); v != nil {
			f = finding{"the look at it failed", fmt.Errorf("panic: %T", v)}
		}
	}()
	words, err := c.Look(ctx)
	return finding{words, err}
}

// tell logs a change, and nothing while things stay as they are: readiness is asked every few seconds.
func (b *Board) tell(ctx context.Context, c Component, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return // whoever asked has gone, which says nothing of what was looked at
	}
	b.mu.Lock()
	before, known := b.last[c.Name]
	b.last[c.Name] = c.State
	b.mu.Unlock()
	switch {
	case before == c.State || !known && c.State == Up:
	case c.State == Up:
		b.log.InfoContext(ctx, "a dependency is there again", "name", c.Name)
	case err == nil:
		b.log.WarnContext(ctx, "a dependency is not as it should be", "name", c.Name, "state", string(c.State), "why", c.Words)
	default:
		b.log.WarnContext(ctx, "a dependency is not as it should be", "name", c.Name, "state", string(c.State), "why", c.Words, "err", err)
	}
}

// States are what the last look found, by name: for metrics, which must not wait.
func (b *Board) States() map[string]State {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]State, len(b.checks))
	for _, c := range b.checks {
		out[c.Name] = b.last[c.Name]
	}
	return out
}

// Watch looks now and then until ctx ends, so that log and metrics know of trouble that nobody asked about.
func (b *Board) Watch(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		b.Look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
