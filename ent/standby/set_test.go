package standby_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/standby"
	"github.com/cloakroom-crm/cloakroom/ent/store"
)

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Pool
}

func exec(t *testing.T, db interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, query string) (out string) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAwait has one gateway commit, and others in the middle of something.
func TestAwait(t *testing.T) {
	url := postgres.Start(t)
	here, there := open(t, url), open(t, url)
	if _, err := here.Exec(t.Context(), `CREATE TABLE people (id int, seen bool)`); err != nil {
		t.Fatal(err)
	}
	set, err := standby.Open(standby.Config{Primary: here, Wait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	commit := func() string {
		return exec(t, here, `INSERT INTO people VALUES (1, false) RETURNING pg_current_xact_id()::text`)
	}
	begin := func(level pgx.TxIsoLevel, first string) pgx.Tx {
		tx, err := there.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
		if err != nil {
			t.Fatal(err)
		}
		if first != "" {
			exec(t, tx, first)
		}
		return tx
	}
	const look = `SELECT count(*)::text FROM people`
	for name, c := range map[string]struct {
		before, after func() pgx.Tx
		waits         bool
	}{
		"nobody else":                       {},
		"a page between its statements":     {before: func() pgx.Tx { return begin(pgx.RepeatableRead, look) }, waits: true},
		"a transaction that has not looked": {before: func() pgx.Tx { return begin(pgx.RepeatableRead, "") }},
		"a page that begins afterwards":     {after: func() pgx.Tx { return begin(pgx.RepeatableRead, look) }},
		"somebody who writes": {before: func() pgx.Tx {
			return begin(pgx.RepeatableRead, `INSERT INTO people VALUES (2, true) RETURNING id::text`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var tx pgx.Tx
			if c.before != nil {
				tx = c.before()
			}
			xid := commit()
			if c.after != nil {
				tx = c.after()
			}
			if err := set.Await(t.Context(), xid); (err != nil) != c.waits {
				t.Error(err)
			}
			if tx == nil {
				return
			}
			ended := make(chan error)
			go func() { ended <- set.Await(context.Background(), xid) }()
			if c.waits {
				select {
				case err := <-ended:
					t.Error("it does not wait:", err)
				case <-time.After(50 * time.Millisecond):
				}
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a page, where nothing was to be written", func(t *testing.T) {
		tx := begin(pgx.RepeatableRead, look)
		if err := set.Await(t.Context(), ""); err == nil {
			t.Error("it does not wait")
		}
		_ = tx.Rollback(t.Context())
		if err := set.Await(t.Context(), ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("a session that is no gateway's", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, tx, look)
		if err := set.Await(t.Context(), commit()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one whose URL has a name of its own", func(t *testing.T) {
		named := open(t, url+"&application_name=crm")
		if got := exec(t, named, `SHOW application_name`); got != "cloakroom crm" {
			t.Error(got)
		}
	})
}
