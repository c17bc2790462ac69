package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/ent"
)

// onTx is an Ent driver on a transaction that somebody else commits, so that Ent, the consent ledger and the checks
// around them share it.
type onTx struct {
	entsql.Conn
	name string
}

func (d onTx) Dialect() string                        { return d.name }
func (d onTx) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }
func (d onTx) Close() error                           { return nil }

// clientOn returns an Ent client that works on tx.
func clientOn(tx *sql.Tx, name string) *ent.Client {
	return ent.NewClient(ent.Driver(onTx{entsql.Conn{ExecQuerier: tx}, name}))
}

// Within runs fn in one transaction: committed when fn succeeds, rolled back whole when it fails or panics.
func Within(ctx context.Context, db *sql.DB, name string, fn func(tx *sql.Tx, client *ent.Client) error) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin write: %w", err)
	}
	defer func() {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
	}()
	if err := fn(tx, clientOn(tx, name)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit write: %w", err)
	}
	return nil
}
