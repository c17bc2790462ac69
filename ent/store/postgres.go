package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// errBadURL stands for whatever the URL parser says: its words quote the URL, and the URL holds a password.
var errBadURL = errors.New("the URL is malformed; want postgres://user:password@host:port/database")

// ApplicationName begins the name of every session of ours in the database, whatever the URL calls them: a withdrawal of consent
// waits for reads that are under way, and has to know them.
const ApplicationName = "cloakroom"

func openPostgres(ctx context.Context, url string, how way) (*Store, error) {
	cfg, err := poolConfig(url, how)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open postgres database: %w", err)
	}
	// Both ways in share the pool: what database/sql borrows it gives back at once.
	s := newStore(dialect.Postgres, sql.OpenDB(detached{stdlib.GetPoolConnector(pool)}), func() (*sql.DB, error) {
		if how == toLook {
			return stdlib.OpenDB(*cfg.ConnConfig, stdlib.OptionAfterConnect(cfg.AfterConnect)), nil
		}
		return stdlib.OpenDB(*cfg.ConnConfig), nil
	})
	s.Pool = pool
	return s, nil
}

// poolConfig is what all our connections have in common.
func poolConfig(url string, how way) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open postgres database: %w", errBadURL)
	}
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if name := cfg.ConnConfig.RuntimeParams["application_name"]; !strings.HasPrefix(name, ApplicationName) {
		cfg.ConnConfig.RuntimeParams["application_name"] = strings.TrimSpace(ApplicationName + " " + name)
	}
	// Every statement here takes milliseconds, and compiling one to machine code takes tens: a search looks expensive to the
	// planner long before it is. And a replica that is cut off within a transaction must not keep its locks for hours: others
	// may be withdrawing consent. No start-up parameters, because poolers in between know only a few.
	setUp := "SET jit = off; SET idle_in_transaction_session_timeout = '1min'"
	if how == toLook {
		setUp += "; SET default_transaction_read_only = on"
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, setUp)
		return err
	}
	hurry(cfg)
	cfg.MaxConns = max(cfg.MaxConns, 24)
	cfg.MaxConnIdleTime = 5 * time.Minute
	return cfg, nil
}

// OpenPool is a pool of connections to a PostgreSQL for statements of one's own, like that of Open; most of them, or as many as
// that has if most is 0. Each connection is checked. It connects when it is first used.
func OpenPool(url string, most int32, check func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(url, forWork)
	if err != nil {
		return nil, err
	}
	if most > 0 {
		cfg.MaxConns = most
	}
	if ready := cfg.AfterConnect; check != nil {
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			return errors.Join(ready(ctx, conn), check(ctx, conn))
		}
	}
	return pgxpool.NewWithConfig(context.Background(), cfg)
}

// toldOnce is an error in one line that says nothing twice.
type toldOnce struct {
	error
	text string
}

func (e toldOnce) Error() string { return e.text }
func (e toldOnce) Unwrap() error { return e.error }

// once shortens what pgx says of a server that does not answer: a line for each address it tried, and a host may have the
// same one twice.
func once(err error) error {
	var lines []string
	for _, l := range strings.Split(err.Error(), "\n") {
		if l = strings.TrimSpace(l); l != "" && !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	if len(lines) < 2 {
		return err
	}
	return toldOnce{err, lines[0] + " " + strings.Join(lines[1:], "; ")}
}
