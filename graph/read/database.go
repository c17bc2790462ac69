package read

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

// Querier is what statements run on in somebody else's transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// call is a statement to be run, with its parameters. Its rows are slices of width cells; about so many are expected.
type call struct {
	sql           string
	args          []any
	width, expect int
}

// database runs statements and returns the rows of each, in mem. Last says that none will follow.
type database interface {
	run(ctx context.Context, calls []call, last bool, mem *memory) ([][][]cell, error)
}

// standard is a database behind database/sql.
type standard struct{ db Querier }

func (s standard) run(ctx context.Context, calls []call, _ bool, mem *memory) (out [][][]cell, err error) {
	out = make([][][]cell, len(calls))
	for i, c := range calls {
		if out[i], err = s.rows(ctx, c, mem); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s standard) rows(ctx context.Context, c call, mem *memory) ([][]cell, error) {
	rows, err := s.db.QueryContext(ctx, c.sql, c.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	values, dest := make([]any, c.width), make([]any, c.width)
	for i := range values {
		dest[i] = &values[i]
	}
	out := mem.rows.take(c.expect, 0)[:0]
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		row := mem.cells.take(c.width, 8*c.width)
		for i, v := range values {
			row[i] = cellOf(v)
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Standbys say which standby of the database may answer a read that begins now.
type Standbys interface {
	Pool() *pgxpool.Pool // nil: only the primary may
	// MaxRead is the longest that one operation may take on a standby, so that it ends before the standby is forgotten.
	MaxRead() time.Duration
}

// standby is where an operation of the session is read, if not at the primary.
func (e *Engine) standby(s *Session) *pgxpool.Pool {
	if e.standbys == nil || !s.anywhere.Load() {
		return nil
	}
	return e.standbys.Pool()
}

// afar is a database that may go away: a standby. What fails there is read anew at the primary.
type afar struct {
	database
	began time.Time
	most  time.Duration
}

// awayError is what went wrong on a standby.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

func (a afar) run(ctx context.Context, calls []call, last bool, mem *memory) ([][][]cell, error) {
	out, err := a.database.run(ctx, calls, last, mem)
	if err == nil && time.Since(a.began) > a.most { // it may be forgotten by now
		err = errSlow
	}
	if err != nil {
		return nil, awayError{err}
	}
	return out, nil
}

var errSlow = errors.New("a standby took too long")

// nearer asks, and asks the primary where a standby has failed.
func nearer[T any](ctx context.Context, s *Session, ask func() (T, error)) (T, error) {
	out, err := ask()
	if away := (awayError{}); errors.As(err, &away) && ctx.Err() == nil {
		s.anywhere.Store(false)
		return ask()
	}
	return out, err
}

// snapshot begins a transaction in which several statements see one state. Call done when they have run.
func (e *Engine) snapshot(ctx context.Context, s *Session) (db database, done func(), err error) {
	if pool := e.standby(s); pool != nil {
		began := time.Now()
		conn, err := pool.Acquire(detach.Context(ctx))
		if err != nil {
			return nil, nil, awayError{fmt.Errorf("begin read: %w", err)}
		}
		n := &nativeSnapshot{conn: conn}
		return afar{n, began, e.standbys.MaxRead()}, n.done, nil
	}
	if e.pool != nil {
		conn, err := e.pool.Acquire(detach.Context(ctx))
		if err != nil {
			return nil, nil, fmt.Errorf("begin read: %w", err)
		}
		n := &nativeSnapshot{conn: conn}
		return n, n.done, nil
	}
	// SQLite's read transactions see one state by themselves.
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, nil, fmt.Errorf("begin read: %w", err)
	}
	return standard{tx}, func() {
		// Nothing was written: that the end of reading fails is of no consequence, and the driver drops the connection.
		_ = tx.Rollback()
	}, nil
}

// single is the database for an answer that is one statement.
func (e *Engine) single(s *Session) database {
	if pool := e.standby(s); pool != nil {
		return afar{native{pool}, time.Now(), e.standbys.MaxRead()}
	}
	if e.pool != nil {
		return native{e.pool}
	}
	return standard{e.db}
}
