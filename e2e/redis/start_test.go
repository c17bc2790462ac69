package redis

import (
	"os"
	"testing"
	"time"
)

func TestAServerOfOnesOwn(t *testing.T) {
	first, second := Start(t), Start(t)
	if first.Addr == second.Addr {
		t.Fatal("two calls returned one server")
	}
	must(t, first.ask("SET coat 7", "+OK"))
	if err := (&Server{Addr: first.Addr}).ask("GET coat", "$1"); err == nil {
		t.Error("it answers without its password")
	}
	first.Restart(t)
	must(t, first.ask("GET coat", "$-1"))
}

func TestAPausedServerDoesNotAnswer(t *testing.T) {
	r := Start(t)
	r.Pause(t)
	done := make(chan error, 1)
	go func() { done <- r.ask("PING", "+PONG") }()
	select {
	case err := <-done:
		t.Errorf("it answered: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	r.Resume(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheServerGoesWithTheTest(t *testing.T) {
	var r Redis
	t.Run("inner", func(t *testing.T) { r = Start(t) })
	if r.Server == nil {
		t.SkipNow()
	}
	if err := r.ask("PING", "+PONG"); err == nil {
		t.Error("the server outlived its test")
	}
	if _, err := os.Stat(r.Dir); err == nil {
		t.Error("its directory outlived the test")
	}
}

func TestSentinelTurnsToTheReplica(t *testing.T) {
	s := StartSentinel(t)
	must(t, s.Master.Stop())
	must(t, s.Watch.p.Await(patience, func() error {
		return s.Watch.ask("INFO sentinel", "master0:name="+s.Name+",status=ok,address="+s.Replica.Addr)
	}))
}

func TestAClusterSharesTheKeys(t *testing.T) {
	c := StartCluster(t)
	var taken int
	for _, n := range c.Nodes {
		if n.ask("SET coat 7", "+OK") == nil {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d of the nodes took the key, want 1", taken)
	}
}
