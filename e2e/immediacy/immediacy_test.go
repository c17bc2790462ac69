package immediacy

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/planted"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
)

// TestAWithdrawalIsSeenByEveryLaterRead tries it on two gateways, and on two with a standby: on the program as it is, and on one with
// mistakes, which have to be found.
func TestAWithdrawalIsSeenByEveryLaterRead(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	honest, broken := planted.Build(t), planted.Build(t, plants...)
	t.Run("two gateways", func(t *testing.T) { gateways(t, honest) })
	t.Run("a standby", func(t *testing.T) { standby(t, honest) })
	for mistake, reveals := range map[string]func(*testing.T, string) *crowd{"cache": forgotten, "page": heldUp, "standby": behind} {
		t.Run("a mistake: "+mistake, func(t *testing.T) {
			c := reveals(t, broken)
			t.Log(c)
			if c.reveals.Load() == 0 {
				t.Error("the mistake is not found")
			}
		})
	}
}

// gateways has people withdraw at two gateways and looks at both, while Redis comes and goes, gateways are killed, and pages are held up.
func gateways(t *testing.T, binary string) {
	c := start(t, binary, "", false)
	trouble(t, c)
	began := time.Now()
	c.run(t, *withdrawals, max(2*time.Minute, time.Duration(*withdrawals)*time.Second/4))
	t.Log(time.Since(began).Round(time.Second), c)
	if c.reveals.Load() > 0 || c.withdrawn.Load() < *withdrawals {
		t.Errorf("%v", c.first)
	}
	if c.shown.Load() < *withdrawals/2 || c.held.Load() == 0 || c.told.Load() == 0 {
		t.Error("too little was shown before: nothing is proved")
	}
}

// forgotten is a program that keeps for a second what people consented to.
func forgotten(t *testing.T, binary string) *crowd {
	c := start(t, binary, "cache", false)
	c.run(t, 40, time.Minute)
	return c
}

// heldUp is one that does not wait for pages under way.
func heldUp(t *testing.T, binary string) *crowd {
	c := start(t, binary, "page", false)
	c.hold(t.Context(), c.Postgres.URL, c.person(t.Context(), t), time.Second)
	return c
}

// trouble makes it until the test ends: for Redis, for a gateway, and for pages.
func trouble(t *testing.T, c *crowd) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { end(); all.Wait() })
	every := func(d time.Duration, do func()) {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(d):
					do()
				}
			}
		})
	}
	p := c.person(t.Context(), t)
	every(2*time.Second, func() { c.hold(ctx, c.Postgres.URL, p, 150*time.Millisecond) })
	every(400*time.Millisecond, func() {
		l := c.any().Redis
		ways := []func() error{l.Mend, l.Reset, l.Partition, l.Refuse, func() error { return l.Delay(200 * time.Millisecond) }}
		if err := ways[rand.IntN(len(ways))](); err != nil {
			_ = l.Mend()
		}
	})
	every(5*time.Second, func() {
		if err := c.Redis.Stop(); err == nil {
			time.Sleep(500 * time.Millisecond)
			if err := c.Redis.Start(); err != nil {
				t.Error(err)
			}
		}
	})
	every(12*time.Second, func() {
		g := c.Gateways[1]
		g.Kill()
		_ = g.Redis.Mend() // it starts only where Redis answers
		again(t, g)
	})
}

// again starts a gateway until it is there: Redis may be away just then.
func again(t *testing.T, g *stack.Gateway) {
	t.Helper()
	var err error
	for range 20 {
		if err = g.Start(); err == nil {
			return
		}
		g.Kill()
		_ = g.Redis.Mend()
	}
	t.Error("it does not start again:", err)
}
