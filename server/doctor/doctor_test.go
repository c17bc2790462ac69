package doctor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatHangsIsSaidToHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		found := run(t.Context(), []look{
			{[]string{"a", "b"}, func(_ context.Context, tell teller) {
				tell("a", OK, "fine", "")
				tell("a", Fail, "told twice", "")
				time.Sleep(time.Hour)
			}},
			{[]string{"c"}, func(ctx context.Context, tell teller) { <-ctx.Done(); tell("c", Warn, "it heeds its context", "") }},
			{[]string{"d", "e"}, func(_ context.Context, tell teller) { tell("d", OK, "fine", ""); panic("s3cret") }},
			{[]string{"f"}, func(context.Context, teller) {}},
		}, lookLimit)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		want := []Finding{
			{"a", OK, "fine", ""},
			{"b", Fail, "there was no answer within 4s", "see why it hangs: a network that swallows packets, a disk that is gone"},
			{"c", Warn, "it heeds its context", ""},
			{"d", OK, "fine", ""},
			{"e", Fail, "the look at it failed (string)", "report this"},
			{"f", Fail, "there was no answer within 4s", "see why it hangs: a network that swallows packets, a disk that is gone"},
		}
		for i, f := range found {
			if f != want[i] {
				t.Errorf("%+v, want %+v", f, want[i])
			}
		}
		if len(found) != len(want) || Worst(found) != Fail || Worst(found[2:4]) != Warn || Worst(found[3:4]) != OK {
			t.Errorf("%+v", found)
		}
		time.Sleep(2 * time.Hour) // until all have ended
	})
}

func TestClocks(t *testing.T) {
	for apart, want := range map[time.Duration]State{0: OK, time.Second: OK, 3 * time.Second: Warn, 31 * time.Second: Fail} {
		if state, _ := drift(apart); state != want {
			t.Errorf("%s: %s, want %s", apart, state, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "/run/postgresql": true, "db": false, "10.0.0.1": false, "localhost.evil.test": false} {
		if loopback(host) != want {
			t.Errorf("%s: want %t", host, want)
		}
	}
	for url, want := range map[string]bool{"http://kratos:4433": true, "https://kratos": false, "http://127.0.0.1:4433": false} {
		if inTheClear(url) != want {
			t.Errorf("%s: want %t", url, want)
		}
	}
}
