package read

import (
	"context"
	"database/sql"
	"fmt"

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

// snapshot begins a transaction in which several statements see one state. Call done when they have run.
func (e *Engine) snapshot(ctx context.Context) (db database, done func(), err error) {
	if e.pool != nil {
		conn, err := e.pool.Acquire(detach.Context(ctx))
		if err != nil {
			return nil, nil, fmt.Errorf("begin read: %w", err)
		}
		s := &nativeSnapshot{conn: conn}
		return s, s.done, nil
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
func (e *Engine) single() database {
	if e.pool != nil {
		return native{e.pool}
	}
	return standard{e.db}
}
