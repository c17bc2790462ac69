package graph_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

// today is when the tests take place.
var today = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// database is a kind of store the whole suite runs on.
type database struct {
	name  string
	first bool
	url   func(t testing.TB) string
}

func databases(testing.TB) []database {
	return []database{
		{name: "sqlite", first: true, url: func(t testing.TB) string { return filepath.Join(t.TempDir(), "crm.db") }},
		{name: "postgres", url: func(t testing.TB) string { return postgres.Start(t) }},
	}
}

// world is an empty gateway with what a test may look at.
type world struct {
	*graph.Gateway
	store *store.Store
	keys  *keyring.Keyring
	// keyStores is how keys was opened.
	keyStores keyring.Config
	log       *bytes.Buffer
	mu        sync.Mutex
	sql       []string
	now       time.Time
	ids       atomic.Uint32
	// minGroup is that of graph.Config: there are few people in random content.
	minGroup int
	limits   graph.Limits
	change   func(*graph.Config) // nil: none
}

// roomy are bounds for questions that were made up: they are larger than people's.
var roomy = graph.Limits{Depth: 100, Aliases: 10_000, Directives: 10_000, Fields: 10_000}

func compiled(t testing.TB) *ir.Schema {
	t.Helper()
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, ds := compiler.Compile(sources)
	if s == nil {
		t.Fatal(ds)
	}
	return s
}

func (d database) open(t testing.TB) *world {
	t.Helper()
	return d.serve(t, compiled(t), 0)
}

// serve opens an empty gateway for a schema that has the tables of the CRM's. Whatever it makes up is the same in every
// world: new ids count.
func (d database) serve(t testing.TB, s *ir.Schema, minGroup int) *world {
	t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, d.url(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	w := &world{store: st, log: &bytes.Buffer{}, now: today, minGroup: minGroup}
	if minGroup > 0 {
		w.limits = roomy
	}
	w.keys = keyringtest.Open(t, s, st, func(c *keyring.Config) { c.Log = slog.New(slog.NewTextHandler(w.log, nil)); w.keyStores = *c })
	w.Gateway = w.gateway(t, s)
	t.Cleanup(func() {
		if t.Failed() && w.log.Len() > 0 {
			t.Log(w.log)
		}
	})
	return w
}

// gateway is a gateway of its own on the world's store, with nothing remembered.
func (w *world) gateway(t testing.TB, s *ir.Schema) *graph.Gateway {
	t.Helper()
	keys, err := graph.DeriveKeys([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	c := graph.Config{Limits: w.limits, Schema: s, Store: w.store, Keys: keys, Keyring: w.keys, MinGroup: w.minGroup, Mode: graph.DocumentsOpen,
		Now: func() time.Time { return w.now }, NewID: w.newID, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Trace: func(ctx context.Context, s read.Step) (context.Context, func(error)) {
			w.mu.Lock()
			w.sql = append(w.sql, s.SQL...)
			w.mu.Unlock()
			return ctx, func(error) {}
		}}
	if w.change != nil {
		w.change(&c)
	}
	g, err := graph.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newID counts upward.
func (w *world) newID() (id uuid.UUID, err error) {
	n := w.ids.Add(1)
	id[6], id[8], id[0] = 0x70, 0x80, 0xff
	binary.BigEndian.PutUint32(id[12:], n)
	return id, nil
}

// demo is a gateway with the demo data in it.
func (d database) demo(t testing.TB) *world {
	t.Helper()
	w := d.open(t)
	yaml, err := os.ReadFile("schema/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Seed(context.Background(), "demo.yaml", yaml); err != nil {
		t.Fatal(err)
	}
	return w
}

// statements returns the SQL of the read path since the last call.
func (w *world) statements() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sql
	w.sql = nil
	return out
}

// demoID is the id of a demo record, given as Type/key.
func demoID(ref string) uuid.UUID {
	typ, key, _ := strings.Cut(ref, "/")
	return importer.DemoID(typ, key)
}
