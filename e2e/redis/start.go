package redis

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// Redis is a server of a test: what Server can do, failing the test where it does not work.
type Redis struct{ *Server }

// Start gives the test a server. It ends with the test.
func Start(t testing.TB) Redis {
	t.Helper()
	s, err := Open()
	check(t, err)
	t.Cleanup(func() { closed(t, s) })
	return Redis{s}
}

// Need skips the test where there is no Redis to start, unless that is a failure here.
func Need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		check(t, errNoBinary)
	}
}

// Stop ends the server; everything in it is lost.
func (r Redis) Stop(t testing.TB) { t.Helper(); must(t, r.Server.Stop()) }

// Restart ends it and starts it again at the same address, empty.
func (r Redis) Restart(t testing.TB) { t.Helper(); r.Stop(t); must(t, r.Server.Start()) }

// Pause lets connections stand and nobody answer.
func (r Redis) Pause(t testing.TB) { t.Helper(); must(t, r.Server.Pause()) }

// Resume ends a pause.
func (r Redis) Resume(t testing.TB) { t.Helper(); must(t, r.Server.Resume()) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check skips where there is no Redis, unless that is a failure here.
func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errNoBinary) && os.Getenv(requireVariable) != "1":
		t.Skipf("Redis is not tested: %v; %s", err, remedy)
	case err != nil:
		t.Fatalf("%v; %s", err, remedy)
	}
}

func closed(t testing.TB, servers ...*Server) {
	t.Helper()
	for _, s := range servers {
		if t.Failed() {
			t.Logf("log of Redis at %s:\n%s", s.Addr, s.Log())
		}
		if err := s.Close(); err != nil {
			t.Errorf("end Redis at %s: %v", s.Addr, err)
		}
	}
}
