package canary_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// TestPostgres looks where a thief of a database would: in its files, its write-ahead log, its server's memory and every
// kind of dump. The writings of other tests are our idea of these; here PostgreSQL writes.
func TestPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server and dumps it")
	}
	url := postgres.Start(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	exec1 := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	values := map[string]string{}
	for _, name := range []string{"text", "bytea", "toast", "jsonb", "deleted", "never stored"} {
		values[name] = canary.RandomValue(24)
	}
	exec1("CREATE TABLE coats (id int, t text, b bytea, j jsonb)")
	exec1("INSERT INTO coats (id, t, b) SELECT n, md5(n::text), sha256(n::text::bytea) FROM generate_series(1, 5000) n")
	exec1("INSERT INTO coats (id, t) VALUES (0, $1)", values["text"])
	exec1("INSERT INTO coats (id, b) VALUES (0, $1)", []byte(values["bytea"]))
	// Long and repetitive: compressed, and stored out of line.
	exec1("INSERT INTO coats (id, t) SELECT 0, repeat('coat ', 3000) || $1 || string_agg(md5(n::text), '') FROM generate_series(1, 400) n", values["toast"])
	exec1("INSERT INTO coats (id, j) VALUES (0, jsonb_build_object('email', $1::text))", values["jsonb"])
	exec1("INSERT INTO coats (id, t) VALUES (-1, $1)", values["deleted"])
	exec1("DELETE FROM coats WHERE id = -1")
	exec1("CHECKPOINT")

	s := newScanner(t, values)
	expect := func(t *testing.T, hits []canary.Hit, err error, names ...string) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		for name := range values {
			if found, want := len(about(hits, name)) > 0, slices.Contains(names, name); found != want {
				t.Errorf("%s: found %v, want %v", name, found, want)
			}
		}
	}
	stored := []string{"text", "bytea", "toast", "jsonb"}

	t.Run("data directory", func(t *testing.T) {
		var dir string
		if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			t.Skip("the server's files are not ours to read")
		}
		hits, err := s.Dir(filepath.Join(dir, "base"), nil)
		expect(t, hits, err, append(stored, "deleted")...)
		hits, err = s.Dir(filepath.Join(dir, "pg_wal"), nil)
		expect(t, hits, err, append(stored, "deleted")...)
	})

	t.Run("memory", func(t *testing.T) {
		hits, err := s.Process(int(conn.PgConn().PID()))
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			t.Skip("the server's memory is not ours to read")
		}
		expect(t, hits, err, append(stored, "deleted")...)
	})

	dump, err := exec.LookPath("pg_dump")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); err != nil && len(found) > 0 {
		dump, err = found[len(found)-1], nil
	}
	if err != nil {
		t.Skip("there is no pg_dump")
	}
	for _, format := range []string{"plain", "custom", "directory", "tar"} {
		t.Run("dump, "+format, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "dump")
			if out, err := exec.CommandContext(t.Context(), dump, "--format="+format, "--file="+to, url).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			hits, err := s.Dir(filepath.Dir(to), nil)
			expect(t, hits, err, stored...)
		})
	}
}
