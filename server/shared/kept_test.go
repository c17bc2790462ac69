package shared

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/e2e/redis"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// databases runs a test on two replicas of each database.
func databases(t *testing.T, test func(t *testing.T, s *store.Store, a, b *Shared)) {
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "data.db") },
		"postgres": func(t *testing.T) string { return postgres.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := data(t, url(t))
			test(t, s, open(t, Options{Store: s}), open(t, Options{Store: s}))
		})
	}
}

func entry(id, text string) Entry {
	if id == "" {
		id = Digest(text)
	}
	return Entry{ID: id, Text: text, Purpose: "SALES"}
}

func TestDocuments(t *testing.T) {
	databases(t, func(t *testing.T, _ *store.Store, a, b *Shared) {
		ctx := t.Context()
		one, named := entry("", "{ a }"), entry("portal/me", "{ b }")
		if n, err := a.Documents.Add(ctx, []Entry{one, named}); err != nil || n != 2 {
			t.Fatalf("%d, %v", n, err)
		}
		if n, err := b.Documents.Add(ctx, []Entry{one, named}); err != nil || n != 0 {
			t.Fatalf("once more: %d, %v", n, err)
		}
		for _, r := range []*Shared{a, b} {
			for id, want := range map[string]string{one.ID: "{ a }", "portal/me": "{ b }", Digest("{ b }"): "{ b }"} {
				if got, err := r.Documents.Document(ctx, id); err != nil || got.Text != want || got.Purpose != "SALES" {
					t.Errorf("%s: %+v, %v", id, got, err)
				}
			}
			if _, err := r.Documents.Document(ctx, "another"); !errors.Is(err, graph.ErrNoDocument) {
				t.Errorf("%v", err)
			}
		}
		for what, c := range map[string]struct {
			e    Entry
			want error
		}{
			"another text":    {entry("portal/me", "{ c }"), ErrOtherText},
			"another purpose": {Entry{ID: "x", Text: "{ a }", Purpose: "SUPPORT"}, ErrOtherPurpose},
		} {
			if _, err := b.Documents.Add(ctx, []Entry{entry("", "{ new }"), c.e}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := b.Documents.Add(ctx, []Entry{{ID: Digest("{ c }"), Text: "{ d }", Purpose: "SALES"}}); err == nil {
			t.Error("a SHA-256 of another text is taken")
		}
		if all, err := b.Documents.List(ctx); err != nil || len(all) != 2 {
			t.Errorf("%d entries, %v: of a list that is refused something was added", len(all), err)
		}
		if n, err := a.Documents.Remove(ctx, []string{"portal/me", "none"}); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := a.Documents.Document(ctx, "portal/me"); !errors.Is(err, graph.ErrNoDocument) {
			t.Errorf("where it was removed it is known: %v", err)
		}
		began := time.Now() // b has no Redis to hear of it
		eventually(t, func() bool {
			_, err := b.Documents.Document(ctx, "portal/me")
			return errors.Is(err, graph.ErrNoDocument)
		})
		if took := time.Since(began); took > lookEvery+500*time.Millisecond {
			t.Errorf("the other replica knew it for %s", took)
		}
		if _, err := a.Documents.Add(ctx, []Entry{entry("portal/me", "{ c }")}); err != nil {
			t.Errorf("what was removed cannot come back: %v", err)
		}
	})
}

// TestRemovedDocumentsAreGoneAtOnce: with Redis nobody waits for the next look.
func TestRemovedDocumentsAreGoneAtOnce(t *testing.T) {
	r := redis.Start(t)
	s := data(t, "sqlite:"+filepath.Join(t.TempDir(), "data.db"))
	frozen := time.Now()
	now := func() time.Time { return frozen } // so that there is no next look
	a, b := open(t, Options{Store: s, Redis: r.URL}), open(t, Options{Store: s, Redis: r.URL, Now: now})
	heard, stop := b.Events.Subscribe("coats")
	defer stop()
	settled(t, []*Shared{a}, "coats", []<-chan graph.Notice{heard})
	if _, err := a.Documents.Add(t.Context(), []Entry{entry("x", "{ a }")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { _, err := b.Documents.Document(t.Context(), "x"); return err == nil })
	if _, err := a.Documents.Remove(t.Context(), []string{"x"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := b.Documents.Document(t.Context(), "x")
		return errors.Is(err, graph.ErrNoDocument)
	})
}

// Whoever waits while somebody else reads leaves when their own time is over, and notices do not wait.
func TestASlowReadOfDocumentsHoldsNobody(t *testing.T) {
	s := data(t, postgres.Start(t))
	a := open(t, Options{Store: s})
	if _, err := a.Documents.Add(t.Context(), []Entry{entry("x", "{ a }")}); err != nil {
		t.Fatal(err)
	}
	tx, err := s.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE shared_changes IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	look := func(ctx context.Context) <-chan error {
		out := make(chan error, 1)
		go func() { _, err := a.Documents.Document(ctx, "x"); out <- err }()
		return out
	}
	first := look(t.Context())
	eventually(t, func() bool {
		var waiting bool
		err := s.DB.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'shared_changes'::regclass)").Scan(&waiting)
		return err == nil && waiting
	})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	told := make(chan error, 1)
	go func() { a.Documents.stale(); told <- nil }()
	for what, c := range map[string]struct {
		done <-chan error
		want error
	}{"another request": {look(short), context.DeadlineExceeded}, "a notice": {told, nil}} {
		select {
		case err := <-c.done:
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(2 * time.Second):
			t.Errorf("%s waits for the read of another", what)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Errorf("who reads: %v", err)
	}
	if err := <-look(t.Context()); err != nil {
		t.Errorf("who comes later: %v", err)
	}
}

func TestForgedDocumentsAreUnknown(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store, a, b *Shared) {
		ctx := t.Context()
		log := &said{}
		foreign := open(t, Options{Store: s, Key: []byte("the key of a deployment elsewhere")})
		if _, err := foreign.Documents.Add(ctx, []Entry{entry("foreign", "{ f }")}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Documents.Add(ctx, []Entry{entry("", "{ a }"), entry("name", "{ n }"), entry("other", "{ o }")}); err != nil {
			t.Fatal(err)
		}
		for _, forge := range []string{
			"UPDATE shared_documents SET purpose = 'SUPPORT' WHERE id = 'name'",
			"UPDATE shared_documents SET id = 'renamed' WHERE id = 'other'",
			"UPDATE shared_documents SET text = '{ evil }' WHERE text = '{ a }'",
			"INSERT INTO shared_documents (id, text, purpose, name, added_at, mac) VALUES ('mine', '{ m }', 'SALES', '', 0, '')",
			"UPDATE shared_changes SET version = version + 1",
		} {
			if _, err := s.DB.ExecContext(ctx, forge); err != nil {
				t.Fatalf("%s: %v", forge, err)
			}
		}
		c := open(t, Options{Store: s, Log: log.log()})
		for _, id := range []string{"foreign", Digest("{ a }"), Digest("{ evil }"), "name", "renamed", "other", "mine"} {
			if _, err := c.Documents.Document(ctx, id); !errors.Is(err, graph.ErrNoDocument) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if !strings.Contains(log.String(), "documents=5") {
			t.Errorf("the log does not say so: %s", log)
		}
		if n, err := b.Documents.Add(ctx, []Entry{entry("name", "{ n }")}); err != nil || n != 1 {
			t.Errorf("a forged entry stands in the way of a good one: %d, %v", n, err)
		}
	})
}

func TestOnce(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store, a, b *Shared) {
		ctx := t.Context()
		claim := func(r *Shared, fail bool, who, key, request, field string) (uuid.UUID, uuid.UUID, bool, error) {
			id := uuid.New()
			var was uuid.UUID
			var done bool
			err := tableOn(s).within(ctx, func(tx *sql.Tx) (err error) {
				was, done, err = r.Once.Claim(ctx, tx, who, key, request, field, id)
				if err == nil && fail {
					return context.Canceled
				}
				return err
			})
			return id, was, done, err
		}
		first, was, done, err := claim(a, false, "ann", "k", "create", "x")
		if err != nil || done || was != first {
			t.Fatalf("%s, %s, %t, %v", first, was, done, err)
		}
		if _, was, done, err := claim(b, false, "ann", "k", "create", "x"); err != nil || !done || was != first {
			t.Errorf("a repeat: %s, %t, %v; want %s", was, done, err, first)
		}
		if _, _, _, err := claim(b, false, "ann", "k", "create something else", "y"); read.CodeOf(err) != read.CodeIdempotencyMismatch {
			t.Errorf("another request with the key: %v", err)
		}
		for what, c := range map[string][3]string{"another key": {"ann", "l", "x"}, "somebody else": {"bob", "k", "x"}, "another field": {"ann", "k", "y"}} {
			if _, _, done, err := claim(a, false, c[0], c[1], "create", c[2]); err != nil || done {
				t.Errorf("%s: %t, %v", what, done, err)
			}
		}
		if _, _, _, err := claim(a, true, "eve", "k", "create", "x"); err == nil {
			t.Fatal("it did not fail")
		}
		if _, _, done, err := claim(a, false, "eve", "k", "create", "x"); err != nil || done {
			t.Errorf("what failed is remembered: %t, %v", done, err)
		}
		var mu sync.Mutex
		results := map[uuid.UUID]int{}
		fresh := 0
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, was, done, err := claim([]*Shared{a, b}[i%2], false, "race", "k", "create", "x")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if !done {
					fresh++
				}
				results[was]++
			})
		}
		wg.Wait()
		if fresh != 1 || len(results) != 1 {
			t.Errorf("%d of 20 at once were first, with %d results", fresh, len(results))
		}
		later := open(t, Options{Store: s, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
		if _, _, done, err := claim(later, false, "ann", "k", "something new", "x"); err != nil || done {
			t.Errorf("after a day: %t, %v", done, err)
		}
	})
}

func TestToldIsSealedAndOneIsFirst(t *testing.T) {
	databases(t, func(t *testing.T, s *store.Store, a, b *Shared) {
		ctx := t.Context()
		until := time.Now().Add(time.Hour)
		store := func(r *Shared, viewer string, version int64, kept string) bool {
			t.Helper()
			ok, err := r.Told.Store(ctx, viewer, version, []byte(kept), until)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if kept, version, err := a.Told.Load(ctx, "ann"); err != nil || kept != nil || version != 0 {
			t.Fatalf("%q, %d, %v", kept, version, err)
		}
		if !store(a, "ann", 0, "about Zebedee") || store(b, "ann", 0, "late") {
			t.Fatal("two were first")
		}
		kept, version, err := b.Told.Load(ctx, "ann")
		if err != nil || string(kept) != "about Zebedee" {
			t.Fatalf("%q, %v", kept, err)
		}
		if !store(b, "ann", version, "more about Zebedee") || store(a, "ann", version, "late") {
			t.Fatal("two were second")
		}
		var viewer, sealed []byte
		if err := s.DB.QueryRowContext(ctx, "SELECT viewer, sealed FROM shared_told").Scan(&viewer, &sealed); err != nil {
			t.Fatal(err)
		}
		if row := string(viewer) + string(sealed); strings.Contains(row, "Zebedee") || strings.Contains(row, "ann") {
			t.Error("the database names somebody")
		}
		// An older state, another viewer's, and noise are no memory: nothing is told instead of too much.
		if !store(a, "bob", 0, "about Yolanda") {
			t.Fatal("not stored")
		}
		for _, forge := range []string{
			"UPDATE shared_told SET version = version - 1",
			"UPDATE shared_told SET version = version + 2, sealed = (SELECT sealed FROM shared_told ORDER BY version DESC LIMIT 1)",
		} {
			if _, err := s.DB.ExecContext(ctx, forge); err != nil {
				t.Fatal(err)
			}
			if _, _, err := a.Told.Load(ctx, "ann"); err == nil {
				t.Errorf("believed after %s", forge)
			}
		}
		later := open(t, Options{Store: s, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
		if kept, _, err := later.Told.Load(ctx, "ann"); err != nil || kept != nil {
			t.Errorf("it is over: %q, %v", kept, err)
		}
	})
}

func TestParseManifest(t *testing.T) {
	d := Digest("{ a }")
	for what, c := range map[string]struct{ in, want string }{
		"code generator":     {`{"` + d + `": "{ a }", "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33": "{ b }"}`, "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33={ b }; " + d + "={ a }"},
		"with its algorithm": {`{"sha256:` + d + `": "{ a }"}`, d + "={ a }"},
		"own":                {`[{"text": "{ a }", "purpose": "SALES"}, {"id": "x", "document": "{ b }"}]`, d + "={ a }/SALES; x={ b }"},
		"Apollo":             {`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "` + d + `", "name": "A", "type": "query", "body": "{ a }"}]}`, d + "={ a }"},
		"Apollo, by id":      {`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": {"x": {"name": "A", "body": "{ a }"}}}`, "x={ a }"},
		"byte order mark":    {"\xef\xbb\xbf{\"x\": \"{ a }\"}", "x={ a }"},
		"twice the same":     {`[{"id": "x", "text": "{ a }"}, {"id": "x", "text": "{ a }"}]`, "x={ a }"},
	} {
		got, err := ParseManifest([]byte(c.in))
		var all []string
		for _, e := range got {
			s := e.ID + "=" + e.Text
			if e.Purpose != "" {
				s += "/" + e.Purpose
			}
			all = append(all, s)
		}
		if s := strings.Join(all, "; "); err != nil || s != c.want {
			t.Errorf("%s: %s, %v; want %s", what, s, err, c.want)
		}
	}
	for what, c := range map[string]struct{ in, want string }{
		"nothing":         {``, "no manifest"},
		"no documents":    {`{}`, "no documents"},
		"half":            {"{\"x\":\n\"{ a }\"", "breaks off"},
		"broken":          {"{\"x\":\n}", "line 2: this is no JSON"},
		"more behind":     {`{"x": "{ a }"} {}`, "goes on"},
		"a number":        {`{"x": 1}`, "x: want the text"},
		"no text":         {`[{"id": "x"}]`, "x: there is no text"},
		"a bad id":        {`{"a b": "{ a }"}`, "a b: an id has"},
		"a wrong digest":  {`{"` + d + `": "{ b }"}`, "not that of the text"},
		"two texts":       {`[{"id": "x", "text": "{ a }"}, {"id": "x", "text": "{ b }"}]`, "two texts"},
		"another format":  {`{"format": "x", "operations": []}`, "format"},
		"a text, no list": {`"{ a }"`, "no manifest"},
	} {
		if _, err := ParseManifest([]byte(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"x": "{ a }"}`))
	f.Add([]byte(`[{"id": "x", "text": "{ a }"}]`))
	f.Add([]byte(`{"format": "apollo-persisted-query-manifest", "operations": [{"id": "x", "body": "{ a }"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := ParseManifest(raw)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, e := range entries {
			if e.Text == "" || !isID(e.ID) || ids[e.ID] || isDigest(e.ID) && e.ID != Digest(e.Text) {
				t.Fatalf("%+v", e)
			}
			ids[e.ID] = true
		}
	})
}
