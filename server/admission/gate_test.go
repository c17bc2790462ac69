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
		if g.Running() != 4 || g.Refused() != 2 || g.Waiting() != 0 {
			t.Errorf("%d run, %d were refused, %d wait", g.Running(), g.Refused(), g.Waiting())
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
		if g.Waiting() != 0 || g.Running() != 0 || g.Refused() != 0 {
			t.Errorf("%d wait, %d run, %d were refused", g.Waiting(), g.Running(), g.Refused())
		}
	})
}

func TestALongQueueIsHastyAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 1, Patience: 500 * time.Millisecond, Haste: 50 * time.Millisecond})
		defer enter(t, g, 1)()
		waited := make([]time.Duration, 65)
		var all sync.WaitGroup
		for i := range waited {
			all.Go(func() {
				start := time.Now()
				if _, err := g.Enter(t.Context(), 1); !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				waited[i] = time.Since(start)
			})
			synctest.Wait() // so that they come one after the other
		}
		all.Wait()
		for i, d := range waited {
			want := 50 * time.Millisecond
			switch {
			case i < 4:
				want = 500 * time.Millisecond
			case i == 64:
				want = 0
			}
			if d != want {
				t.Errorf("number %d in the queue waited %s", i, d)
			}
		}
		if g.Waiting() != 0 || g.Running() != 1 || g.Refused() != 65 {
			t.Errorf("%d wait, %d run, %d were refused", g.Waiting(), g.Running(), g.Refused())
		}
	})
}

func TestWhoLeavesWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Places: 1})
		defer enter(t, g, 1)()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		start := time.Now()
		if _, err := g.Enter(ctx, 1); !errors.Is(err, context.Canceled) || time.Since(start) != 10*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if g.Waiting() != 0 || g.Running() != 1 || g.Refused() != 0 {
			t.Errorf("%d wait, %d run, %d were refused", g.Waiting(), g.Running(), g.Refused())
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
