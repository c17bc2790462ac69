package store

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How long a server may say nothing.
const (
	connecting = 2 * time.Second        // unless the URL has connect_timeout
	leaving    = time.Second            // when a connection is given up
	alive      = 500 * time.Millisecond // when a connection was not used for a second
)

// hurry gives an end to all waiting that is not the caller's. Whatever waits for a server keeps its place in the pool: where the
// way swallows everything and tells nobody, as firewalls do that forget connections, nothing would be answered for a quarter of
// a minute after the way is good again, or for two.
func hurry(cfg *pgxpool.Config) {
	c := cfg.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connecting
	}
	cfg.PingTimeout = alive
	dial, ready, limit := c.DialFunc, c.AfterConnect, c.ConnectTimeout
	// Connections that ask for a statement to be cancelled are dialled, too, and never become ready.
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return hurried{conn}, conn.SetDeadline(time.Now().Add(limit))
	}
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := conn.Conn().SetDeadline(time.Time{}); err != nil || ready == nil {
			return err
		}
		return ready(ctx, conn)
	}
}

// hurried is a connection whose deadlines are near. pgx sets one in the future only to take leave of a server.
type hurried struct{ net.Conn }

func (h hurried) SetDeadline(t time.Time) error {
	if last := time.Now().Add(leaving); t.After(last) {
		t = last
	}
	return h.Conn.SetDeadline(t)
}
