package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/consententry"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/ent/migrate"
)

// databases give the URL of an empty one.
func databases() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"postgres": postgres.Start,
	}
}

// each runs a test on both databases, migrated.
func each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for name, url := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t, url(t))
			if err := s.Migrate(context.Background()); err != nil {
				t.Fatal(err)
			}
			test(t, s)
		})
	}
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func system() context.Context { return policy.WithCapability(context.Background(), "test") }

// give writes a ledger entry, the one record every schema has.
func give(ctx context.Context, s *Store) (uuid.UUID, error) {
	id := guard.NewID()
	m, save, err := s.Client.NewCreate(ent.TypeConsentEntry, id)
	if err != nil {
		return id, err
	}
	for field, value := range map[string]any{"subject_id": guard.NewID(), "seq": int64(1), "purpose": "SALES", "decision": "GIVE", "at": guard.Now(), "method": "PORTAL", "actor": "subject"} {
		if err := ent.Assign(m, field, value); err != nil {
			return id, err
		}
	}
	return id, save(ctx)
}

// Art. 25(2): without a plan or a named system task there is no way to stored data, of any type.
func TestNothingWithoutCapability(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, typ := range ent.Types {
			if _, _, err := s.Client.PlanSQL(ctx, typ, func(*sql.Selector) {}); !errors.Is(err, policy.ErrNoCapability) {
				t.Errorf("query %s: %v, want %v", typ, err, policy.ErrNoCapability)
			}
			if _, _, err := s.Client.PlanSQL(system(), typ, func(*sql.Selector) {}); err != nil {
				t.Errorf("query %s with a capability: %v", typ, err)
			}
			if err := s.Client.DeleteByID(ctx, typ, guard.NewID()); !errors.Is(err, policy.ErrNoCapability) && !errors.Is(err, guard.ErrAppendOnly) {
				t.Errorf("delete %s: %v, want %v", typ, err, policy.ErrNoCapability)
			}
		}
		if _, err := s.Client.ConsentEntry.Query().All(ctx); !errors.Is(err, policy.ErrNoCapability) {
			t.Errorf("query by hand: %v, want %v", err, policy.ErrNoCapability)
		}
		if _, err := give(ctx, s); !errors.Is(err, policy.ErrNoCapability) {
			t.Errorf("create: %v, want %v", err, policy.ErrNoCapability)
		}
		if n, err := s.Client.ConsentEntry.Query().Count(system()); err != nil || n != 0 {
			t.Errorf("%d entries (%v), the refused one was stored", n, err)
		}
	})
}

// Art. 7(1): evidence of consent is not rewritten, neither through Ent nor around it.
func TestConsentLedgerIsAppendOnly(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := system()
		id, err := give(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func() error{
			"update one": func() error { return s.Client.ConsentEntry.UpdateOneID(id).Exec(ctx) },
			"update all": func() error { return s.Client.ConsentEntry.Update().Exec(ctx) },
			"delete one": func() error { return s.Client.DeleteByID(ctx, ent.TypeConsentEntry, id) },
			"delete all": func() error { _, err := s.Client.ConsentEntry.Delete().Exec(ctx); return err },
		} {
			if err := change(); !errors.Is(err, guard.ErrAppendOnly) {
				t.Errorf("%s: %v, want %v", name, err, guard.ErrAppendOnly)
			}
		}
		for _, q := range []string{"UPDATE consent_entries SET decision = 'WITHDRAW'", "DELETE FROM consent_entries"} {
			if _, err := s.DB.Exec(q); err == nil {
				t.Errorf("%s went through", q)
			}
		}
		if n, err := s.Client.ConsentEntry.Query().Where(consententry.DecisionEQ(consententry.DecisionGIVE)).Count(ctx); err != nil || n != 1 {
			t.Errorf("%d entries (%v), want the one that was given", n, err)
		}
	})
}

// The migrations must add up to exactly what Ent expects: asked for the difference, the live database has none.
func TestMigrationsMatchEnt(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		var diff bytes.Buffer
		if err := s.Client.Schema.WriteTo(context.Background(), &diff); err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, l := range strings.Split(diff.String(), "\n") {
			if strings.TrimSpace(l) != "" && l != "BEGIN;" && l != "COMMIT;" {
				left = append(left, l)
			}
		}
		if len(left) > 0 {
			t.Errorf("after all migrations Ent would still change:\n%s", strings.Join(left, "\n"))
		}
	})
}

func TestMigrateTwiceIsOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		if err := s.Migrate(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// Two processes start at the same moment on one database.
func TestMigrateAtTheSameTime(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"postgres": postgres.Start,
	} {
		t.Run(name, func(t *testing.T) {
			u := url(t)
			var wg sync.WaitGroup
			for range 8 {
				s := open(t, u)
				wg.Go(func() {
					if err := s.Migrate(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		next := "99999_later.sql"
		files := fstest.MapFS{next: {Data: []byte("-- +goose Up\nCREATE TABLE later (id integer);\n")}}
		own, err := fs.Sub(migrate.Files, s.name())
		if err != nil {
			t.Fatal(err)
		}
		names, err := fs.Glob(own, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			data, err := fs.ReadFile(own, n)
			if err != nil {
				t.Fatal(err)
			}
			files[n] = &fstest.MapFile{Data: data}
		}
		if err := s.MigrateFrom(context.Background(), files, goose.DefaultTablename); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(context.Background()); !errors.Is(err, ErrNewer) {
			t.Errorf("got %v, want %v", err, ErrNewer)
		}
	})
}

func TestBulkKeepsIdsAndOrder(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		const n = 4000 // more than one statement holds
		ids := make([]uuid.UUID, n)
		err := s.Client.CreateBulk(system(), ent.TypeConsentEntry, n, func(i int, m ent.Mutation) error {
			ids[i] = guard.NewID()
			return errors.Join(ent.Assign(m, "id", ids[i]), ent.Assign(m, "subject_id", ids[i]), ent.Assign(m, "purpose", "P"),
				ent.Assign(m, "decision", "GIVE"), ent.Assign(m, "actor", "subject"), ent.Assign(m, "seq", int64(1)), ent.Assign(m, "at", guard.Now()),
				ent.Assign(m, "method", "PORTAL"), ent.Assign(m, "expires_at", nil))
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Client.ConsentEntry.Query().Count(system()); err != nil || got != n {
			t.Errorf("%d rows (%v), want %d", got, err, n)
		}
		if ok, err := s.Client.ConsentEntry.Query().Where(consententry.ID(ids[n-1])).Exist(system()); err != nil || !ok {
			t.Errorf("the last row's id was not kept (%v)", err)
		}
	})
}

func TestAssignRefusesWithoutTheValue(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	m, _, err := s.Client.NewCreate(ent.TypeConsentEntry, guard.NewID())
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]any{"purpose": 70123, "subject_id": "70123", "at": "70123", "nothing": "70123", "id": "70123"} {
		if err := ent.Assign(m, field, value); err == nil {
			t.Errorf("%s took a %T", field, value)
		} else if strings.Contains(err.Error(), "70123") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
	if _, _, err := s.Client.NewCreate("Nobody", guard.NewID()); err == nil {
		t.Error("a type that is not stored was created")
	}
}

func TestRowsPrintNoValues(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		if _, err := give(system(), s); err != nil {
			t.Fatal(err)
		}
		e, err := s.Client.ConsentEntry.Query().Only(system())
		if err != nil {
			t.Fatal(err)
		}
		json, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{e.String(), e.GoString(), string(json)} {
			if strings.Contains(text, "SALES") || !strings.Contains(text, "withheld") {
				t.Errorf("printed %s", text)
			}
		}
	})
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a dir?#%", "test.db")
	if s, err := Open(context.Background(), "sqlite:"+path); err == nil {
		t.Errorf("the directory was made (%v)", s.Close())
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, "sqlite:"+path)
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := give(system(), s); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{path, path + "-wal"} {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(f), info.Mode())
		}
	}
	var on int
	if err := s.DB.QueryRow("PRAGMA foreign_keys").Scan(&on); err != nil || on != 1 {
		t.Errorf("foreign keys are %d (%v)", on, err)
	}
}

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://x", "postgres://user:s3cret@host:port/x", "postgres://user:s3cret%zz@host/x", "postgres://user:s3cret@127.0.0.1:1/x?connect_timeout=1"} {
		_, err := Open(context.Background(), url)
		if err == nil {
			t.Errorf("%q was opened", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
