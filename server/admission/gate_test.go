package admission

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func enter(t *testing.T, g *Gate, cost int64) func() {
	t.Helper()
	leave, err := g.Enter(t.Context(), cost)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func TestExpensiveOperationsLeaveRoomForCheapOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 4, Cheap: 10})
		for range 3 {
			defer enter(t, g, 11)()
		}
		if _, err := g.Enter(t.Context(), 11); !errors.Is(err, ErrFull) {
			t.Fatalf("a fourth expensive one: %v", err)
		}
		defer enter(t, g, 10)()
		if _, err := g.Enter(t.Context(), 1); !errors.Is(err, ErrFull) {
			t.Fatalf("a fifth one: %v", err)
		}
	})
}

func TestWhoWaitsGetsThePlaceThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 1})
		leave := enter(t, g, 1)
		time.AfterFunc(400*time.Millisecond, leave)
		start := time.Now()
		enter(t, g, 1)()
		if d := time.Since(start); d != 400*time.Millisecond {
			t.Errorf("it waited %s", d)
		}
		if g.Waiting() != 0 {
			t.Errorf("%d wait", g.Waiting())
		}
	})
}

func TestAQueueThatStandsIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 1, Patience: 500 * time.Millisecond, Haste: 50 * time.Millisecond})
		defer enter(t, g, 1)()
		refusedAfter := func() time.Duration {
			start := time.Now()
			if _, err := g.Enter(t.Context(), 1); !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		if d := refusedAfter(); d != 500*time.Millisecond {
			t.Errorf("the first waited %s", d)
		}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond) // so that there is always one that waits
				d := refusedAfter()
				if late := i > 12; late != (d == 50*time.Millisecond) {
					t.Errorf("number %d waited %s", i, d)
				}
			})
		}
		all.Wait()
		if d := refusedAfter(); d != 500*time.Millisecond {
			t.Errorf("after a break it waited %s", d)
		}
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 1, Queue: 2})
		defer enter(t, g, 1)()
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			go func() {
				if _, err := g.Enter(ctx, 1); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := g.Enter(ctx, 1); !errors.Is(err, ErrFull) || time.Since(start) != 0 {
			t.Errorf("a third in the queue: %v after %s", err, time.Since(start))
		}
		cancel()
		synctest.Wait()
		if g.Waiting() != 0 {
			t.Errorf("%d wait", g.Waiting())
		}
	})
}

func TestNeverMoreThanThePlaces(t *testing.T) {
	g := New(Config{Places: 3, Cheap: 10, Patience: time.Minute})
	var now, most atomic.Int64
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			leave, err := g.Enter(t.Context(), int64(i%20))
			if err != nil {
				if !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				return
			}
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Microsecond)
			now.Add(-1)
			leave()
		})
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
	for range 3 {
		enter(t, g, 1)
	}
}

func BenchmarkEnter(b *testing.B) {
	g := New(Config{})
	b.ReportAllocs()
	for b.Loop() {
		leave, err := g.Enter(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		leave()
	}
}
