package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Environment variables.
const (
	urlVariable     = "CLOAKROOM_TEST_POSTGRES"
	requireVariable = "CLOAKROOM_REQUIRE_POSTGRES"
)

// remedy is what a skipped test tells its reader.
const remedy = "install PostgreSQL (Debian: apt-get install postgresql; macOS: brew install postgresql) or point " + urlVariable + " at a server"

// errNoBinaries says that this machine has no PostgreSQL to start.
var errNoBinaries = errors.New("no initdb and postgres under /usr/lib/postgresql/*/bin or on PATH")

// server is the URL of the process's one server.
var server = sync.OnceValues(func() (string, error) {
	if u := os.Getenv(urlVariable); u != "" {
		return u, nil
	}
	return launch()
})

// Start returns the URL of an empty database that is dropped when the test ends.
func Start(t testing.TB) string {
	t.Helper()
	u, drop, err := Open()
	check(t, err)
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return u
}

// Need skips the test where there is no PostgreSQL to Serve, unless that is a failure here.
func Need(t testing.TB) {
	t.Helper()
	_, err := binaries()
	check(t, err)
}

func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errNoBinaries) && os.Getenv(requireVariable) != "1":
		t.Skipf("PostgreSQL is not tested: %v; %s", err, remedy)
	case err != nil:
		t.Fatalf("%v; %s", err, remedy)
	}
}

// Open returns the URL of an empty database, for programs that are no tests, and the function that drops it.
func Open() (url string, drop func() error, err error) {
	admin, err := server()
	if err != nil {
		return "", nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	name := "cloakroom_" + strings.ToLower(rand.Text()[:16])
	if url, err = withDatabase(admin, name); err != nil {
		return "", nil, fmt.Errorf("%s: %w", urlVariable, err)
	}
	if err := run(admin, "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("create a database: %w", err)
	}
	// FORCE: a test that failed may have left connections open.
	return url, func() error { return run(admin, "DROP DATABASE "+name+" WITH (FORCE)") }, nil
}

// run executes one statement on a connection of its own: CREATE DATABASE allows no transaction around it.
func run(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// withDatabase replaces the database of a connection URL.
func withDatabase(from, name string) (string, error) {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", fmt.Errorf("want a URL such as postgres://user@host/database")
	}
	u.Path = "/" + name
	return u.String(), nil
}
