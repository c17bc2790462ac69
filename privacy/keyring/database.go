package keyring

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/schema"
)

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// dialectOf renders the little SQL of this package for a database of Ent's dialect name.
type dialectOf string

func (d dialectOf) postgres() bool { return string(d) == dialect.Postgres }

// sql is a statement as this database has its parameters.
func (d dialectOf) sql(query string) string { return store.Numbered(string(d), query) }

// among is the condition that a column is one of a list of ids, given as one parameter: see list.
func (d dialectOf) among(column string) string {
	if d.postgres() {
		return column + " = ANY(CAST(? AS uuid[]))"
	}
	return column + " IN (SELECT value FROM json_each(?))"
}

// list is the parameter of among.
func (d dialectOf) list(ids []uuid.UUID) string {
	open, quote, shut := "[", `"`, "]"
	if d.postgres() {
		open, quote, shut = "{", "", "}"
	}
	b := make([]byte, 0, 2+40*len(ids))
	b = append(b, open...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote...)
		b = append(b, id.String()...)
		b = append(b, quote...)
	}
	return string(append(b, shut...))
}

// forUpdate locks the rows of a SELECT. SQLite has one writer at a time anyway.
func (d dialectOf) forUpdate() string {
	if d.postgres() {
		return " FOR UPDATE"
	}
	return ""
}

// forShare keeps the rows at t of a SELECT from being changed.
func (d dialectOf) forShare() string {
	if d.postgres() {
		return " FOR SHARE OF t"
	}
	return ""
}

// ident quotes a name of the schema.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// tables are the migrations of a database of this package, "keys" or "ledger". The table of versions has a name of its own, because
// keys may lie in the database of the data.
func tables(what string) (store.Beside, error) {
	files, err := fs.Sub(schema.FS, what)
	return store.Beside{Files: files, Versions: "keyring_" + what + "_version", What: "the " + what + " database", Dir: what}, err
}

// migrate brings a database of this package to its version.
func migrate(ctx context.Context, s *store.Store, what string) error {
	t, err := tables(what)
	if err != nil {
		return err
	}
	return t.Migrate(ctx, s)
}

// Pending are the migrations that Open would apply to the databases of keys and ledger. It reads only.
func Pending(ctx context.Context, keys, ledger *store.Store) ([]store.Pending, error) {
	var out []store.Pending
	for _, of := range []struct {
		what string
		s    *store.Store
	}{{"keys", keys}, {"ledger", ledger}} {
		t, err := tables(of.what)
		if err != nil {
			return nil, err
		}
		pending, err := t.Pending(ctx, of.s)
		if err != nil {
			return nil, err
		}
		out = append(out, pending...)
	}
	return out, nil
}

// within runs fn in a transaction.
func within(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, nil)
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

// each runs a query and hands out its rows.
func each(ctx context.Context, db Querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ordered sorts subjects: two transactions that insert the same ones in different order would wait for each other.
func ordered(subjects []uuid.UUID) []uuid.UUID {
	return slices.SortedFunc(slices.Values(subjects), compareIDs)
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// pieces cuts a list into pieces a statement can take.
func pieces[T any](list []T, size int, each func([]T) error) error {
	for len(list) > 0 {
		n := min(size, len(list))
		if err := each(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// piece is how many rows are handled at a time: enough to be fast, few enough to hold nobody up.
const piece = 500
