package read

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Querier is what statements run on in somebody else's transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// database runs statements. Rows come as slices of width cells, in mem; about so many are expected.
type database interface {
	rows(ctx context.Context, sql string, args []any, width, expect int, mem *memory) ([][]cell, error)
}

// standard is a database behind database/sql.
type standard struct{ db Querier }

func (s standard) rows(ctx context.Context, query string, args []any, width, expect int, mem *memory) ([][]cell, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	values, dest := make([]any, width), make([]any, width)
	for i := range values {
		dest[i] = &values[i]
	}
	out := mem.rows.take(expect, 0)[:0]
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		row := mem.cells.take(width, 8*width)
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
		tx, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return nil, nil, fmt.Errorf("begin read: %w", err)
		}
		return native{tx}, func() { rollback(tx) }, nil
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

// rollback ends reading even when the request is over; pgx drops a connection it cannot end in order.
func rollback(tx pgx.Tx) { _ = tx.Rollback(context.Background()) }

// single is the database for an answer that is one statement.
func (e *Engine) single() database {
	if e.pool != nil {
		return native{e.pool}
	}
	return standard{e.db}
}

// nativeQuerier is a pgx pool or transaction.
type nativeQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

var _ nativeQuerier = (*pgxpool.Pool)(nil)
