package shared

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/redis"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
)

var testKey = []byte("a key of thirty-two bytes, or so.")

// replicas opens n replicas of one deployment.
type replicas func(t *testing.T, n int, o Options) []*Shared

// kinds are the implementations: every test of this file holds for each.
func kinds(t *testing.T, test func(t *testing.T, open replicas)) {
	t.Run("process", func(t *testing.T) {
		test(t, func(t *testing.T, n int, o Options) []*Shared { // in a process all replicas are one
			s := open(t, o)
			out := make([]*Shared, n)
			for i := range out {
				out[i] = s
			}
			return out
		})
	})
	on := func(name string, start func(t *testing.T) string) {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			test(t, func(t *testing.T, n int, o Options) []*Shared {
				out := make([]*Shared, n)
				o.Redis = url
				for i := range out {
					out[i] = open(t, o)
				}
				return out
			})
		})
	}
	on("redis", func(t *testing.T) string { return redis.Start(t).URL })
	on("cluster", func(t *testing.T) string {
		c := redis.StartCluster(t)
		return "redis-cluster://:" + c.Password + "@" + strings.Join(c.Addrs(), ",")
	})
	on("sentinel", func(t *testing.T) string { return sentinelURL(redis.StartSentinel(t)) })
}

func sentinelURL(s *redis.Sentinel) string {
	return "redis-sentinel://:" + s.Password + "@" + s.Watch.Addr + "/" + s.Name
}

func open(t *testing.T, o Options) *Shared {
	t.Helper()
	if o.Key == nil {
		o.Key = testKey
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Store == nil {
		o.Store = data(t, "sqlite:"+filepath.Join(t.TempDir(), "data.db"))
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// data is a database as a house would hand it over.
func data(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSpending(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		rates := Rates{PerMinute: 60, Burst: 10, Roles: map[string]int{"MANY": 600}}
		s := open(t, 2, Options{Rates: rates})
		spend := func(i int, sp graph.Spending) time.Duration { return s[i].Limiter.Spend(t.Context(), sp) }
		ann := graph.Spending{Principal: "ann", Role: "SOME", Points: 1}
		for i := range 10 {
			if wait := spend(i%2, ann); wait != 0 {
				t.Fatalf("point %d of a burst of 10 waits %s", i, wait)
			}
		}
		for i := range 2 {
			if wait := spend(i, ann); wait < 500*time.Millisecond || wait > time.Second {
				t.Errorf("replica %d: the eleventh point waits %s, want about a second", i, wait)
			}
		}
		for what, other := range map[string]graph.Spending{
			"another identity":     {Principal: "bob", Role: "SOME", Points: 10},
			"a role of their own":  {Principal: "ann", Role: "MANY", Points: 100},
			"exercising rights":    {Principal: "ann", Role: "SOME", Points: 30, Rights: true},
			"more than all of it":  {Principal: "eve", Role: "SOME", Points: 1000},
			"someone named as one": {Principal: "annSOME", Points: 1},
			"an address":           {Address: "192.0.2.1", Points: 120},
			"another address":      {Address: "192.0.2.2", Points: 120},
		} {
			if wait := spend(0, other); wait != 0 {
				t.Errorf("%s waits %s", what, wait)
			}
		}
		if wait := spend(1, graph.Spending{Principal: "eve", Role: "SOME", Points: 1}); wait == 0 {
			t.Error("what cost more than a full budget left something of it")
		}
		if wait := spend(1, graph.Spending{Principal: "ann", Rights: true, Points: 1}); wait == 0 {
			t.Error("rights can be exercised without end")
		}
		if wait := spend(1, graph.Spending{Address: "192.0.2.1", Points: 1}); wait == 0 {
			t.Error("from an address can be asked without end")
		}
	})
}

func TestABudgetComesBack(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		s := open(t, 1, Options{Rates: Rates{PerMinute: 6000, Burst: 10}})[0]
		sp := graph.Spending{Principal: "ann", Points: 10}
		if s.Limiter.Spend(t.Context(), sp) != 0 {
			t.Fatal("a full budget was not one")
		}
		wait := s.Limiter.Spend(t.Context(), sp)
		if wait <= 0 || wait > 100*time.Millisecond {
			t.Fatalf("waits %s, want up to 100ms", wait)
		}
		time.Sleep(wait + 5*time.Millisecond)
		if wait := s.Limiter.Spend(t.Context(), sp); wait != 0 {
			t.Errorf("waits %s after the time it named", wait)
		}
	})
}

func TestNobodySpendsMoreThanThereIs(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		s := open(t, 2, Options{Rates: Rates{PerMinute: 60, Burst: 50}})
		var mu sync.Mutex
		passed := 0
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if s[i%2].Limiter.Spend(t.Context(), graph.Spending{Principal: "ann", Points: 1}) == 0 {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if passed < 50 || passed > 55 { // a point comes back each second
			t.Errorf("%d of 200 passed, want 50", passed)
		}
	})
}

func TestNotices(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		s := open(t, 3, Options{})
		var heard []<-chan graph.Notice
		for _, r := range s {
			c, stop := r.Events.Subscribe("coats")
			defer stop()
			heard = append(heard, c)
		}
		other, stop := s[0].Events.Subscribe("hats")
		defer stop()
		settled(t, s, "coats", heard)
		drain(other)
		for i := range 20 {
			if err := s[i%3].Events.Publish(t.Context(), "coats", []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range heard {
			got := map[byte]bool{}
			for len(got) < 20 {
				n := next(t, c)
				if n.Gap || n.Topic != "coats" || got[n.Data[0]] {
					t.Fatalf("replica %d heard %+v", i, n)
				}
				got[n.Data[0]] = true
			}
		}
		if len(other) > 0 {
			t.Errorf("another topic heard %+v", <-other)
		}
		if err := s[0].Events.Publish(t.Context(), "coats", bytes.Repeat([]byte("x"), maxNotice+1)); err == nil {
			t.Error("a notice of any size is published")
		}
	})
}

func TestASlowSubscriberLearnsOfTheGap(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		s := open(t, 2, Options{})
		c, stop := s[1].Events.Subscribe("coats")
		defer stop()
		settled(t, s, "coats", []<-chan graph.Notice{c})
		for range 2 * queue {
			if err := s[0].Events.Publish(t.Context(), "coats", []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, func() bool { return len(c) == queue })
		for i := range queue {
			if n := <-c; n.Gap != (i == queue-1) {
				t.Fatalf("notice %d of %d: gap is %t", i, queue, n.Gap)
			}
		}
		if err := s[0].Events.Publish(t.Context(), "coats", []byte("y")); err != nil {
			t.Fatal(err)
		}
		for string(next(t, c).Data) != "y" { // on Redis, some that came after the gap are before it
		}
	})
}

func TestStopEndsAChannel(t *testing.T) {
	kinds(t, func(t *testing.T, open replicas) {
		s := open(t, 1, Options{})[0]
		one, stop := s.Events.Subscribe("coats")
		stop()
		stop()
		two, stop := s.Events.Subscribe("coats")
		defer stop()
		s.Close()
		for _, c := range []<-chan graph.Notice{one, two} {
			for range c { // until it is closed
			}
		}
	})
}

// settled waits until every channel hears of what any replica publishes, and empties them.
func settled(t *testing.T, s []*Shared, topic string, channels []<-chan graph.Notice) {
	t.Helper()
	for round := range s {
		eventually(t, func() bool {
			_ = s[round].Events.Publish(context.Background(), topic, []byte("settle"))
			for _, c := range channels {
				select {
				case <-c:
				case <-time.After(50 * time.Millisecond):
					return false
				}
			}
			return true
		})
	}
	time.Sleep(100 * time.Millisecond)
	for _, c := range channels {
		drain(c)
	}
}

func drain(c <-chan graph.Notice) {
	for len(c) > 0 {
		<-c
	}
}

func next(t *testing.T, c <-chan graph.Notice) graph.Notice {
	t.Helper()
	select {
	case n, ok := <-c:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return n
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was heard within five seconds")
		return graph.Notice{}
	}
}

// said is a log to look into.
type said struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *said) log() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }
