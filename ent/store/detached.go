package store

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

// detached is a connector whose connections see no request: see package detach.
type detached struct{ driver.Connector }

func (d detached) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(detach.Context(ctx))
	if err != nil {
		return nil, err
	}
	conn, ok := c.(*stdlib.Conn)
	if !ok {
		return c, nil
	}
	return &detachedConn{conn}, nil
}

// detachedConn is a connection of pgx behind database/sql. Embedding passes on whatever else database/sql asks of it.
type detachedConn struct{ *stdlib.Conn }

func (c *detachedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.Conn.PrepareContext(detach.Context(ctx), query)
	if err != nil {
		return nil, err
	}
	if stmt, ok := s.(*stdlib.Stmt); ok {
		return &detachedStmt{stmt}, nil
	}
	return s, nil
}

func (c *detachedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.BeginTx(detach.Context(ctx), o)
}

func (c *detachedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(detach.Context(ctx), query, args)
}

func (c *detachedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(detach.Context(ctx), query, args)
}

func (c *detachedConn) Ping(ctx context.Context) error { return c.Conn.Ping(detach.Context(ctx)) }

func (c *detachedConn) ResetSession(ctx context.Context) error {
	return c.Conn.ResetSession(detach.Context(ctx))
}

type detachedStmt struct{ *stdlib.Stmt }

func (s *detachedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.Stmt.ExecContext(detach.Context(ctx), args)
}

func (s *detachedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.QueryContext(detach.Context(ctx), args)
}
