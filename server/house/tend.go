package house

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/server/health"
)

// care is what Tend knows of the house at the moment.
type care struct {
	failing  atomic.Bool            // carrying out erasures again did not succeed the last time
	withheld atomic.Pointer[string] // why sealed fields are withheld, in plain words
}

// How often Tend looks, and how long a look may take: longer than a key service, so that its own error is the one that is told.
const (
	followEvery = 5 * time.Second
	retryEvery  = time.Second
	followLimit = 12 * time.Second
	retryMax    = 30 * time.Second
	tellEvery   = 5 * time.Second
	replayEvery = time.Hour // what a process began to erase and did not end, another one ends
)

// Tend does what a server does beside answering, until ctx ends. It carries out again what a restored backup brought back:
// with Options.Hold nothing is answered before that is through. It learns what other processes do with the keys, and sends the mails that wait.
func (h *House) Tend(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { h.replay(ctx) })
	all.Go(func() { h.follow(ctx) })
	all.Go(func() { h.send(ctx) })
	all.Wait()
}

// replay tries until it succeeds: there is no other way on, and the cause may pass. Then it looks again now and then.
func (h *House) replay(ctx context.Context) {
	failures := changes{log: h.log, bad: "erasures cannot be carried out again on restored data: nothing is answered until they are", good: "erasures can be carried out again on restored data"}
	for wait := time.Second; ; wait = min(2*wait, retryMax) {
		told := time.Now()
		r, err := h.Keyring.Replay(ctx, func(done, total int64) {
			if time.Since(told) >= tellEvery {
				told = time.Now()
				h.log.InfoContext(ctx, "erasures are compared with what is there", "done", done, "of", total)
			}
		})
		if ctx.Err() != nil {
			return
		}
		h.care.failing.Store(err != nil)
		failures.tell(ctx, err)
		if err == nil {
			h.log.InfoContext(ctx, "erasures have been compared with what is there", "erasures", r.Erasures, "carried_out_again", r.Again, "learned", r.Learned)
			wait = replayEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// follow learns what other processes do, and sees whether keys can be had.
func (h *House) follow(ctx context.Context) {
	following := changes{log: h.log, bad: "what other processes do with the keys is not followed", good: "what other processes do with the keys is followed again"}
	having := changes{log: h.log, bad: "sealed fields are withheld: keys cannot be had", good: "sealed fields are shown again"}
	for {
		look, cancel := context.WithTimeout(ctx, followLimit)
		err := h.Keyring.Ready(look)
		failed := h.Keyring.Follow(look)
		cancel()
		if ctx.Err() != nil {
			return
		}
		having.tell(ctx, err)
		var withheld *string
		if err != nil {
			why := plainly(err)
			withheld = &why
		}
		h.care.withheld.Store(withheld)
		if err == nil { // else it is the same trouble
			following.tell(ctx, failed)
		}
		wait := followEvery
		if err != nil || failed != nil { // what is there again is not to be missed for long
			wait = retryEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Checks say whether operations can be answered, and what is missing from the answers.
func (h *House) Checks() []health.Check {
	checks := []health.Check{
		{Name: "database", Look: func(ctx context.Context) (string, error) {
			if err := h.store.DB.PingContext(ctx); err != nil {
				return "the database does not answer", err
			}
			return "", nil
		}},
		{Name: "erasures", Look: func(context.Context) (string, error) {
			switch err := h.Keyring.Held(); {
			case err == nil:
				return "", nil
			case h.care.failing.Load():
				return "erasures have to be carried out again on restored data, and the last attempt failed", err
			default:
				return "erasures are being carried out again on restored data", err
			}
		}},
		{Name: "keys", Look: func(context.Context) (string, error) {
			if why := h.care.withheld.Load(); why != nil {
				return "sealed fields are withheld: " + *why, nil // Tend has logged the cause
			}
			return "", nil
		}},
	}
	if h.post.sender != nil {
		checks = append(checks, health.Check{Name: "mail", Look: func(context.Context) (string, error) {
			if h.post.failing.Load() {
				return "mails wait: the last one could not be sent", nil // send has logged the cause
			}
			return "", nil
		}})
	}
	if h.Shared.OnRedis() {
		checks = append(checks, health.Check{Name: "redis", Look: func(ctx context.Context) (string, error) {
			return h.Shared.Check(ctx), nil // the link has logged the cause
		}})
	}
	if len(h.Standbys()) > 0 {
		checks = append(checks, health.Check{Name: "read replicas", Look: func(context.Context) (string, error) {
			all, serve := h.Standbys(), 0
			for _, s := range all {
				if s.Serves {
					serve++
				}
			}
			if serve == len(all) {
				return "", nil
			}
			return fmt.Sprintf("%d of %d read replicas serve: others read at the primary", serve, len(all)), nil // the set has logged the cause
		}})
	}
	return checks
}

// plainly is why keys cannot be had. What the services say names hosts and paths, and goes to the log.
func plainly(err error) string {
	if errors.Is(err, rootkey.ErrWrongKey) {
		return "the root key is another one than the keys were wrapped with"
	}
	for _, known := range []error{rootkey.ErrUnreachable, rootkey.ErrMissing, rootkey.ErrExposed, rootkey.ErrDamaged, rootkey.ErrUnfit} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the keys database does not answer"
}

// changes logs that something fails or works again, once each.
type changes struct {
	log       *slog.Logger
	bad, good string
	last      string // what failed
}

// numbers differ between two reports of one failure: ports, times, requests.
var numbers = regexp.MustCompile(`[0-9a-f-]*[0-9][0-9a-f-]*`)

func (c *changes) tell(ctx context.Context, err error) {
	now := ""
	if err != nil {
		now = numbers.ReplaceAllString(err.Error(), "")
	}
	switch {
	case now == c.last:
	case err != nil:
		c.log.WarnContext(ctx, c.bad, "err", err)
	default:
		c.log.InfoContext(ctx, c.good)
	}
	c.last = now
}
