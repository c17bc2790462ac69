package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

func TestAServerOfOnesOwnKeepsItsData(t *testing.T) {
	postgres.Need(t)
	dir, err := os.MkdirTemp("/tmp", "cloakroom-pg-") //nolint:usetesting // a directory of t.TempDir cannot be entered by whom PostgreSQL runs as
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	o := postgres.Options{Dir: filepath.Join(dir, "pg")}
	s, err := postgres.Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, s.URL, "CREATE TABLE coats AS SELECT 7 AS id")
	if conn, err := pgx.Connect(context.Background(), strings.Replace(s.URL, "cloakroom:", "cloakroom:no", 1)); err == nil {
		_ = conn.Close(context.Background())
		t.Error("any password will do")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = postgres.Serve(o); err != nil {
		t.Fatal(err)
	}
	exec(t, s.URL, "DROP TABLE coats")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
