package standby_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/standby"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// TestAStandby follows a real one through what may become of it.
func TestAStandby(t *testing.T) {
	postgres.Need(t)
	primary, err := postgres.Serve(postgres.Options{Settings: map[string]string{"synchronous_commit": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Close() })
	copied, err := primary.Standby(primary.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = copied.Close() })
	both := strings.Replace(primary.URL, primary.Addr, primary.Addr+","+copied.Addr, 1) + "&target_session_attrs=read-write"
	db, err := store.Open(t.Context(), both)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := shared.Tables.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `CREATE TABLE people (id int)`); err != nil {
		t.Fatal(err)
	}
	const wait = 700 * time.Millisecond
	set := func(urls ...string) *standby.Set {
		s, err := standby.Open(standby.Config{Primary: db.Pool, Database: both, Standbys: urls, Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	here, blind := set(copied.URL), set()
	serves := func(want bool) {
		t.Helper()
		for end := time.Now().Add(15 * time.Second); (here.Pool() != nil) != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("want that it serves: %v; it is %+v", want, here.States())
			}
		}
	}
	commit := func() string {
		return exec(t, db.Pool, `INSERT INTO people VALUES (1) RETURNING pg_current_xact_id()::text`)
	}
	run := func(s *postgres.Server, statement string) {
		t.Helper()
		if err := s.Run(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	count := func() string { return exec(t, here.Pool(), `SELECT count(*)::text FROM people`) }

	serves(true)
	for range 20 { // what is confirmed is seen there
		want := exec(t, db.Pool, `SELECT (count(*) + 1)::text FROM people`)
		began := time.Now()
		if err := here.Await(t.Context(), commit()); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != want {
			t.Fatalf("confirmed, and %s people instead of %s", got, want)
		}
		t.Log("confirmed after", time.Since(began))
	}
	here.Wrote()
	if here.Pool() != nil {
		t.Error("whoever wrote reads at a standby that may not have it")
	}
	serves(true)
	if err := blind.Await(t.Context(), commit()); !errors.Is(err, standby.ErrElsewhere) {
		t.Error("another gateway's standby is not waited for:", err)
	}

	tx, err := here.Pool().BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, `SELECT count(*)::text FROM people`)
	if err := here.Await(t.Context(), commit()); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a page on the standby is not waited for:", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	run(copied, `SELECT pg_wal_replay_pause()`)
	if err := here.Await(t.Context(), commit()); err == nil {
		t.Error("confirmed, and the standby does not have it")
	}
	serves(false)
	if err := here.Await(t.Context(), commit()); err == nil {
		t.Error("confirmed, and the standby may be promoted without it")
	}
	run(copied, `SELECT pg_wal_replay_resume()`)
	serves(true)
	if err := here.Await(t.Context(), commit()); err != nil {
		t.Error(err)
	}

	copied.Kill()
	if err := here.Await(t.Context(), commit()); err == nil {
		t.Error("confirmed, and the standby is away")
	}
	serves(false)
	if err := copied.Start(); err != nil {
		t.Fatal(err)
	}
	serves(true)
	if err := here.Await(t.Context(), commit()); err != nil {
		t.Error(err)
	}

	want := exec(t, db.Pool, `SELECT count(*)::text FROM people`)
	primary.Kill()
	run(copied, `SELECT pg_promote()`)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var got string
		if err = db.Pool.QueryRow(t.Context(), `SELECT count(*)::text FROM people`).Scan(&got); err == nil {
			if got != want {
				t.Errorf("%s people instead of %s", got, want)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	serves(false)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = here.Await(t.Context(), commit()); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("after the promotion:", err)
		}
	}
	if why := here.States()[0].Why; !strings.Contains(why, "primary") {
		t.Error(why)
	}
}
