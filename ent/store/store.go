package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent"
	_ "github.com/cloakroom-crm/cloakroom/ent/runtime" // arms policies, hooks and defaults
)

// ErrUnknownURL is a database URL of a kind that is not supported.
var ErrUnknownURL = errors.New("want sqlite:PATH or postgres://…")

// Store is an open database.
type Store struct {
	Client  *ent.Client
	DB      *sql.DB
	Dialect string // dialect.SQLite or dialect.Postgres of entgo.io/ent
	// Pool is the PostgreSQL behind DB without database/sql between; nil on SQLite.
	Pool *pgxpool.Pool

	// migrations opens a connection for schema changes alone.
	migrations func() (*sql.DB, error)
}

// Open connects to url: `postgres://…`, `sqlite:PATH`, or a path. It does not migrate.
func Open(ctx context.Context, url string) (*Store, error) { return connect(ctx, url, forWork) }

// OpenDurable is Open for what must never be lost once it was written, not even when the power fails: keys, and what proves
// something. SQLite then waits for the disk at every commit, as PostgreSQL does anyway.
func OpenDurable(ctx context.Context, url string) (*Store, error) { return connect(ctx, url, durably) }

// Look is Open for whoever only looks: a file that is not there is not made (fs.ErrNotExist), and the database itself refuses to
// write.
func Look(ctx context.Context, url string) (*Store, error) { return connect(ctx, url, toLook) }

// way is what a database is opened for.
type way int

const (
	forWork way = iota
	durably
	toLook
)

func connect(ctx context.Context, url string, how way) (*Store, error) {
	var (
		s   *Store
		err error
	)
	switch scheme, _, found := strings.Cut(url, ":"); {
	case found && (scheme == "postgres" || scheme == "postgresql"):
		s, err = openPostgres(ctx, url, how)
	case found && scheme == "sqlite":
		s, err = openSQLite(strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//"), how)
	case url == "" || strings.Contains(url, "://"):
		return nil, fmt.Errorf("open database: %w", ErrUnknownURL)
	default:
		s, err = openSQLite(url, how)
	}
	if err != nil {
		return nil, err
	}
	if err := s.DB.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s database: %w", s.name(), once(err)), s.Close())
	}
	return s, nil
}

// HasTable reports whether the database has a table of that name.
func (s *Store) HasTable(ctx context.Context, name string) (has bool, err error) {
	query := `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = $1`
	if s.Dialect == dialect.Postgres {
		query = `SELECT to_regclass($1) IS NOT NULL`
	}
	if err := s.DB.QueryRowContext(ctx, query, name).Scan(&has); err != nil {
		return false, fmt.Errorf("look into the database: %w", err)
	}
	return has, nil
}

func newStore(name string, db *sql.DB, migrations func() (*sql.DB, error)) *Store {
	client := ent.NewClient(ent.Driver(entsql.OpenDB(name, db)))
	return &Store{Client: client, DB: db, Dialect: name, migrations: migrations}
}

// name is the dialect as people write it, and the name of its migrations' directory.
func (s *Store) name() string {
	if s.Dialect == dialect.SQLite {
		return "sqlite"
	}
	return s.Dialect
}

// Stats are the figures of the pool, in the form of database/sql whatever is behind it.
func (s *Store) Stats() sql.DBStats {
	if s.Pool == nil {
		return s.DB.Stats()
	}
	p := s.Pool.Stat() // database/sql only borrows from it
	return sql.DBStats{MaxOpenConnections: int(p.MaxConns()), OpenConnections: int(p.TotalConns()), InUse: int(p.AcquiredConns()), Idle: int(p.IdleConns()),
		WaitCount: p.EmptyAcquireCount(), WaitDuration: p.EmptyAcquireWaitTime()}
}

// Close closes the pool.
func (s *Store) Close() error {
	err := s.DB.Close()
	if s.Pool != nil {
		s.Pool.Close()
	}
	return err
}
