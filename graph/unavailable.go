package graph

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// unavailable reports whether err says that the database does not answer at the moment, rather than that something is
// wrong with what it was asked.
func unavailable(err error) bool {
	// A transaction is done before its time when its connection broke, or its time was up.
	for _, target := range []error{context.DeadlineExceeded, context.Canceled, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone,
		pgconn.ErrConnClosed, pgx.ErrTxClosed, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, target) {
			return true
		}
	}
	var network *net.OpError
	var connect *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connect) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] { // classes of https://www.postgresql.org/docs/15/errcodes-appendix.html
		case "08", "53", "57", "58": // connection, resources, operator intervention, system error
			return true
		}
		switch pg.Code {
		case "40001", "40P01", "55P03", // two transactions were in each other's way
			"25006", "25P03": // a server that is no primary any more; a transaction that was given up
			return true
		}
		return false
	}
	var lite interface{ Code() int } // of modernc.org/sqlite
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff { // primary result codes of https://www.sqlite.org/rescode.html
		case 5, 6, 10, 13, 14: // SQLITE_BUSY, _LOCKED, _IOERR, _FULL, _CANTOPEN
			return true
		}
	}
	return false
}
