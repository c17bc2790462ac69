package shared

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/server/shared/schema"
)

// table is the database of the data, with the little SQL of this package. What must not be lost lies there and not in Redis,
// which loses what it holds without a word: when it starts again, when it is full, when a replica of it takes over too soon.
type table struct {
	db      *sql.DB
	dialect string
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func tableOn(s *store.Store) table { return table{s.DB, s.Dialect} }

// sql is a statement as this database has its parameters.
func (t table) sql(query string) string { return store.Numbered(t.dialect, query) }

// within runs fn in a transaction.
func (t table) within(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// sweep removes what is over, now and then, until ctx ends. Nothing that is over is ever believed, swept or not.
func (t table) sweep(ctx context.Context, now func() time.Time) {
	for {
		for _, statement := range []string{"DELETE FROM shared_once WHERE until < ?", "DELETE FROM shared_told WHERE until < ?"} {
			_, _ = t.db.ExecContext(ctx, t.sql(statement), now().Unix()) // the next one will
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Minute):
		}
	}
}

// Tables are the migrations of what replicas share in the database.
var Tables = store.Beside{Files: schema.FS, Versions: "shared_version", What: "what replicas share", Dir: "shared"}
