package store

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// TestASilentServerIsGivenUp cuts the way to PostgreSQL as a firewall does that forgets connections: nobody is told, and what
// was open stays silent for good.
func TestASilentServerIsGivenUp(t *testing.T) {
	cfg, err := pgx.ParseConfig(postgres.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool
	network, server := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	addr := forgetful(t, func() (net.Conn, error) { return net.Dial(network, server) }, &silent)
	s := open(t, (&url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: addr, Path: "/" + cfg.Database, RawQuery: "sslmode=disable"}).String())
	query := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := s.DB.ExecContext(ctx, "SELECT 1")
		return err
	}
	many := func(do func()) {
		var all sync.WaitGroup
		for range 30 { // more than the pool has room for
			all.Go(do)
		}
		all.Wait()
	}
	many(func() {
		if err := query(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	silent.Store(true)
	many(func() {
		if query(300*time.Millisecond) == nil {
			t.Error("answered by nobody")
		}
	})
	silent.Store(false)
	began := time.Now()
	for query(time.Second) != nil {
		if time.Since(began) > 5*time.Second {
			t.Fatal("nothing is answered 5 s after the way is good again")
		}
	}
	t.Logf("answered again after %s", time.Since(began).Round(time.Millisecond))
	var left string
	if err := s.DB.QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&left); err != nil || left != "1min" {
		t.Errorf("who is cut off keeps locks for %q, %v", left, err)
	}
}

// forgetful is a way to a server. What passes it, or begins to, while it is silent never passes again.
func forgetful(t *testing.T, server func() (net.Conn, error), silent *atomic.Bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	conns := []io.Closer{l}
	keep := func(c io.Closer) {
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	pass := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if silent.Load() {
				return
			}
			if err != nil {
				_ = to.Close()
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			keep(in)
			if silent.Load() {
				continue
			}
			out, err := server()
			if err != nil {
				_ = in.Close()
				continue
			}
			keep(out)
			go pass(out, in)
			go pass(in, out)
		}
	}()
	return l.Addr().String()
}
