package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

func TestEveryCallGivesAnEmptyDatabase(t *testing.T) {
	first, second := postgres.Start(t), postgres.Start(t)
	if first == second {
		t.Fatal("two calls returned one database")
	}
	exec(t, first, "CREATE TABLE coats (id int)")
	exec(t, second, "CREATE TABLE coats (id int)")
}

func TestTheDatabaseGoesWithTheTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) {
		url = postgres.Start(t)
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn // left open on purpose: a leaked connection must not keep the database alive
	})
	if t.Skipped() || url == "" {
		t.SkipNow()
	}
	if conn, err := pgx.Connect(context.Background(), url); err == nil {
		_ = conn.Close(context.Background())
		t.Fatal("the database outlived its test")
	}
}

func exec(t *testing.T, url, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}
