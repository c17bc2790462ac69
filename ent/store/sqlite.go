package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"entgo.io/ent/dialect"
	_ "modernc.org/sqlite" // the driver
)

const pragmas = "&_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)&_time_format=sqlite"

// pragmasOf is the rest. WAL lets readers work beside the one writer; a writer takes its lock when the transaction begins and waits
// for it, so that no transaction fails halfway for having read first. Who looks is not given a read-only file, as SQLite
// would leave its journals beside it.
var pragmasOf = map[way]string{
	forWork: "_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=secure_delete(1)&_txlock=immediate",
	durably: "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_txlock=immediate",
	toLook:  "mode=rw&_pragma=query_only(1)",
}

func openSQLite(path string, how way) (*Store, error) {
	if path == "" {
		return nil, fmt.Errorf("open sqlite database: %w", ErrUnknownURL)
	}
	see := private
	if how == toLook {
		see = present
	}
	if err := see(path); err != nil {
		return nil, fmt.Errorf("open sqlite database: %w", err)
	}
	dsn := func(foreignKeys string) string {
		u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}
		return u.String() + "?_pragma=foreign_keys(" + foreignKeys + ")&" + pragmasOf[how] + pragmas
	}
	db, err := sql.Open("sqlite", dsn("1"))
	if err != nil {
		return nil, fmt.Errorf("open sqlite database: %w", err)
	}
	db.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	db.SetMaxIdleConns(max(4, 2*runtime.NumCPU()))
	return newStore(dialect.SQLite, db, func() (*sql.DB, error) {
		// SQLite changes a table by copying it and dropping the original, and with foreign keys on the drop would cascade
		// into every table that refers to it. The pragma cannot be changed inside a transaction.
		db, err := sql.Open("sqlite", dsn("0"))
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	}), nil
}

// private creates the file for its owner alone before SQLite would create it for everyone; its journals inherit the mode.
// It makes no directory: whoever names one that is not there has mistyped it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// present fails with fs.ErrNotExist where there is no file.
func present(path string) error {
	_, err := os.Stat(path)
	return err
}
