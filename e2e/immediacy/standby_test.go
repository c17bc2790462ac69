package immediacy

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// standby has a streaming standby answer queries, lag, die, and take over from a primary that was killed.
func standby(t *testing.T, binary string) {
	c := start(t, binary, "", true)
	c.serves(t, true)
	c.writer = c.Gateways[0]
	var all sync.WaitGroup
	all.Go(func() { c.run(t, 4000, 30*time.Second) })
	phase := func(name string, long time.Duration, do ...func() error) {
		t.Helper()
		for _, f := range do {
			if err := f(); err != nil {
				t.Error(name, err)
			}
		}
		was, unknown := c.withdrawn.Load(), c.unknown.Load()
		time.Sleep(long)
		t.Logf("%s: %d withdrawals, %d UNKNOWN", name, c.withdrawn.Load()-was, c.unknown.Load()-unknown)
	}
	sql := func(statement string) func() error {
		return func() error { return c.Standby.Run(context.Background(), statement) }
	}
	phase("as it should be", 3*time.Second)
	before := c.unknown.Load()
	phase("the standby lags", 4*time.Second, sql(`SELECT pg_wal_replay_pause()`))
	if c.unknown.Load() == before {
		t.Error("nobody is told that it is not sure")
	}
	phase("it catches up", 2*time.Second, sql(`SELECT pg_wal_replay_resume()`))
	phase("its way is slow", 3*time.Second, func() error { return c.Replication.Delay(150 * time.Millisecond) })
	phase("its way is cut", 2*time.Second, c.Replication.Refuse)
	phase("it is mended", 2*time.Second, c.Replication.Mend)
	phase("it is killed", time.Second, func() error { c.Standby.Kill(); return nil })
	phase("it starts again", 2*time.Second, c.Standby.Start)
	c.serves(t, true)
	phase("the primary is killed, and the standby promoted", 5*time.Second, func() error { c.Postgres.Kill(); return nil }, sql(`SELECT pg_promote()`))
	all.Wait()
	t.Log(c)
	if c.reveals.Load() > 0 {
		t.Errorf("%v", c.first)
	}
	if c.shown.Load() < c.withdrawn.Load()/2 {
		t.Error("too little was shown before: nothing is proved")
	}
	was := c.withdrawn.Load()
	c.run(t, was+40, time.Minute)
	if c.reveals.Load() > 0 || c.withdrawn.Load() < was+40 {
		t.Error("after the promotion:", c, c.first)
	}
}

// behind is a program that does not wait for standbys.
func behind(t *testing.T, binary string) *crowd {
	c := start(t, binary, "standby", true)
	c.serves(t, true)
	c.writer = c.Gateways[0]
	if err := c.Replication.Delay(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	c.run(t, 60, time.Minute)
	return c
}

// serves waits until every gateway reads from its standby, or none does.
func (c *crowd) serves(t *testing.T, want bool) {
	t.Helper()
	for _, g := range c.Gateways {
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			text, err := metrics(t.Context(), g.Admin)
			if err == nil && strings.Contains(text, `cloakroom_read_replica_serves{replica="1"} 1`) == want {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("want that the standby serves: %v; %v", want, err)
			}
		}
	}
}
