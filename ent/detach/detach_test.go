package detach_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

type key struct{}

func TestContextEndsWithTheRequest(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "x"))
	d := detach.Context(parent)
	if d.Value(key{}) != nil || d.Err() != nil {
		t.Error(d.Value(key{}), d.Err())
	}
	cancel()
	<-d.Done()
	if !errors.Is(d.Err(), context.Canceled) {
		t.Error(d.Err())
	}
	late, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	d = detach.Context(late)
	if at, ok := d.Deadline(); !ok || at.IsZero() {
		t.Error("no deadline")
	}
	<-d.Done()
	if !errors.Is(d.Err(), context.DeadlineExceeded) {
		t.Error(d.Err())
	}
	if d := detach.Context(context.WithValue(context.Background(), key{}, "x")); d.Value(key{}) != nil || d.Done() != nil {
		t.Error("one that never ends keeps its values")
	}
}

// Whoever keeps the detached context does not keep the request.
func TestContextHoldsNothing(t *testing.T) {
	gone := make(chan struct{})
	d := func() context.Context {
		value := &[1 << 20]byte{}
		runtime.AddCleanup(value, func(c chan struct{}) { close(c) }, gone)
		parent, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, value))
		defer cancel()
		return detach.Context(parent)
	}()
	<-d.Done()
	for range 50 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Error("the request is still in memory")
	runtime.KeepAlive(d)
}

// A parent that lives for long, such as that of an import, does not collect what its statements had.
func TestLongLivedParentCollectsNothing(t *testing.T) {
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	heap := func() int64 {
		var m runtime.MemStats
		for range 4 {
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const statements = 5_000
	run := func() {
		for range statements {
			detach.Context(parent)
		}
	}
	run() // the parent's map grows, and does not shrink
	before := heap()
	run()
	left := int64(1 << 20)
	for end := time.Now().Add(5 * time.Second); left > 50 && time.Now().Before(end); { // cleanups run beside
		left = (heap() - before) / statements
	}
	if left > 50 {
		t.Errorf("%d bytes are left of each statement", left)
	}
	d := detach.Context(parent)
	cancel()
	<-d.Done()
	if !errors.Is(d.Err(), context.Canceled) {
		t.Error(d.Err())
	}
}
