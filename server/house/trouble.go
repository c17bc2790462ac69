package house

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// explained puts the file and the remedy into what SQLite says, which names neither. Codes: sqlite.org/rescode.html.
func explained(err error, url string) error {
	var sqlite interface {
		error
		Code() int
	}
	path, ok := file(url)
	if !ok || !errors.As(err, &sqlite) {
		return err
	}
	says := func(what string) error { return fmt.Errorf("%s %s", path, what) }
	switch sqlite.Code() & 0xff { // the rest says more of the same
	case 5, 6:
		return says("is in use by another program: stop it, or try again")
	case 8:
		return says("cannot be written: see that this user may write the file and its directory, where SQLite keeps its journal")
	case 10:
		return says("cannot be read or written: the disk reports an error")
	case 11:
		return says("is damaged: restore it from a backup")
	case 13:
		return says("cannot grow: the disk is full")
	case 14:
		return says("cannot be opened: see that this user may read and write the file and its directory")
	case 26:
		return says("is not a SQLite database: name another file with --database, or restore this one from a backup")
	}
	return err
}

// unreached puts the remedy behind what PostgreSQL, or the network on the way to it, says when a database is opened. Setting is
// what named it. Codes: postgresql.org/docs/current/errcodes-appendix.html.
func unreached(err error, setting string) error {
	var answer *pgconn.PgError
	var connect *pgconn.ConnectError
	var remedy string
	switch {
	case errors.As(err, &answer) && strings.HasPrefix(answer.Code, "28"):
		remedy = "see that user and password in the setting `" + setting + "` are right"
	case errors.As(err, &answer) && answer.Code == "3D000":
		remedy = "make the database, or name another with --" + setting
	case errors.As(err, &answer) && (answer.Code == "57P03" || answer.Code == "53300"):
		remedy = "try again in a moment"
	case errors.As(err, &connect), errors.Is(err, context.DeadlineExceeded):
		remedy = "start it, or see that the URL in the setting `" + setting + "` is right"
	default:
		return err
	}
	return &Trouble{err, remedy}
}

// Trouble is an error with what to do about it.
type Trouble struct {
	Err    error
	Remedy string
}

func (t *Trouble) Error() string { return t.Err.Error() + ": " + t.Remedy }
func (t *Trouble) Unwrap() error { return t.Err }

// file is the path of a SQLite database's URL; false for another kind of database.
func file(url string) (path string, ok bool) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return strings.TrimPrefix(path, "//"), true
	}
	return url, url != "" && !strings.Contains(url, "://") && !strings.HasPrefix(url, "postgres")
}
