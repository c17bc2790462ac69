package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// TestAServerThatCannotStartLeavesTheDatabaseAlone has a new PostgreSQL database, and something else that is wrong.
func TestAServerThatCannotStartLeavesTheDatabaseAlone(t *testing.T) {
	url := postgres.Start(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"the port is taken":           {[]string{"--admin", taken.Addr().String()}, "name another address with --admin"},
		"Redis is away":               {[]string{"--redis", "redis://127.0.0.1:1"}, "the setting `redis` is right"},
		"the keys database is away":   {[]string{"--keys.dsn", "postgres://k@127.0.0.1:1/k"}, "the setting `keys.dsn` is right"},
		"somebody else is to migrate": {[]string{"--migrate", "check"}, "run `cloakroom migrate`"},
		"the user is unknown":         {[]string{"--database", strings.Replace(url, "cloakroom@", "nobody@", 1)}, "user and password in the setting `database`"},
		"the database is unknown":     {[]string{"--database", strings.Replace(url, "@/", "@/not_", 1)}, "make the database"},
	} {
		_, said := cloakroom(t, exitFailed, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "", "--demo", "--data", data, "--database", url}, c.args...)...)
		if !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %s", name, said)
		}
		var tables int
		if err := s.DB.QueryRowContext(context.Background(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`).Scan(&tables); err != nil || tables != 0 {
			t.Errorf("%s: %d relations were made: %v", name, tables, err)
		}
		if _, err := os.Stat(data); !os.IsNotExist(err) {
			t.Errorf("%s: the data directory was made: %v", name, err)
		}
	}
	if _, said := cloakroom(t, exitFindings, "migrate", "--check", "--data", data, "--database", url); said != "" {
		t.Errorf("migrate --check: %s", said)
	}
	var tables int
	if err := s.DB.QueryRowContext(context.Background(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("migrate --check made %d relations: %v", tables, err)
	}
}
