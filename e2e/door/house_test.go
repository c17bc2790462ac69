package door

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// door is a server's handlers over a database with the demo data.
type door struct {
	http.Handler
	house *house.House
	dev   *identity.Dev
	log   *log
}

// log may be read while it is written.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *log) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }

// String is what was written.
func (l *log) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// open opens a house; change may change its configuration, and what the gateway gets.
func open(t testing.TB, change func(*server.Config, *graph.Config)) *door {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	c := server.Default()
	c.Data = dir
	d := &door{log: &log{}}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	d.house, err = house.Open(ctx, house.Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "crm.db"), Log: logger,
		Gateway: func(g *graph.Config) {
			if change != nil {
				change(&c, g)
			}
			c.Gateway(g)
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.house.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := d.house.Demo(ctx); err != nil {
		t.Fatal(err)
	}
	if d.dev, err = identity.NewDev(dir); err != nil {
		t.Fatal(err)
	}
	d.Handler = server.New(c, server.Parts{GraphQL: d.house.Gateway, Identity: d.dev, Log: logger,
		KnownRole: func(role string) bool { return d.house.Schema.Role(role) != nil }}).Handler()
	return d
}

// token is a bearer token for a role of the demo.
func (d *door) token(t testing.TB, role string) string {
	t.Helper()
	token, err := d.dev.Issue(policy.Principal{ID: "door", Role: role, Attrs: map[string]any{"region": "EMEA"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
