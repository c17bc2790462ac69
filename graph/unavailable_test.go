package graph

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "modernc.org/sqlite"
)

// A database that does not answer is no mistake of ours.
func TestUnavailable(t *testing.T) {
	ctx := context.Background()
	_, refused := pgx.Connect(ctx, "postgres://nobody@127.0.0.1:1/none")
	dsn := filepath.Join(t.TempDir(), "busy.db") + "?_pragma=busy_timeout(1)&_txlock=immediate"
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	holder, err := open().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	_, busy := open().Begin()
	_, wrong := open().Exec("nonsense")
	late, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	_, timeout := open().ExecContext(late, "SELECT 1")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"refused":        {refused, true},
		"busy":           {busy, true},
		"out of time":    {timeout, true},
		"shut down":      {&pgconn.PgError{Code: "57P01"}, true},
		"cut":            {fmt.Errorf("begin write: %w", pgconn.ErrConnClosed), true},
		"cut within":     {sql.ErrTxDone, true},
		"no primary":     {&pgconn.PgError{Code: "25006"}, true},
		"too many":       {&pgconn.PgError{Code: "53300"}, true},
		"a syntax error": {&pgconn.PgError{Code: "42601"}, false},
		"SQL of ours":    {wrong, false},
		"anything":       {errors.New("x"), false},
	} {
		if c.err == nil {
			t.Fatal(name, "did not fail")
		}
		if got := unavailable(fmt.Errorf("read Contact: %w", c.err)); got != c.want {
			t.Errorf("%s (%v): %t", name, c.err, got)
		}
	}
}
