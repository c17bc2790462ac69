package write

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/graph/event"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
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

// Store is the database that is written to, and the keyring that seals what is written.
type Store struct {
	DB      *sql.DB
	Dialect string // Ent's name: dialect.SQLite or dialect.Postgres
	Keys    *keyring.Keyring
	// Tell is told what was written once it is committed, or may have been; nil: nobody is. It must not block, and nothing that goes wrong in it
	// can make a write fail that is done.
	Tell  func(context.Context, []event.Event)
	Reach *Reach // with Tell
}

// Writing is one transaction: what Ent does on Client with Context is in it, and is sealed.
type Writing struct {
	context.Context
	Tx     *sql.Tx
	Client *ent.Client
	Keeper *keyring.Keeper

	changes *changes
}

// Within runs fn in one transaction: committed when fn succeeds, rolled back whole when it fails or panics.
func (s Store) Within(ctx context.Context, fn func(w Writing) error) (err error) {
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin write: %w", err)
	}
	defer func() {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
	}()
	keeper := s.Keys.On(tx)
	defer keeper.Close()
	w := Writing{Context: seal.WithKeeper(ctx, keeper), Tx: tx, Client: clientOn(tx, s.Dialect), Keeper: keeper}
	if s.Tell != nil {
		w.changes = &changes{reach: s.Reach}
		w.Client.Use(w.changes.hook)
	}
	if err := fn(w); err != nil {
		return err
	}
	if err := keeper.Flush(ctx); err != nil {
		return fmt.Errorf("seal again what is about somebody else now: %w", err)
	}
	err = tx.Commit()
	s.tell(ctx, w)
	if err != nil {
		// Nobody knows whether it was done, and the database may be at it still: whoever waits for the change looks again.
		time.AfterFunc(settled, func() { s.tell(context.Background(), w) })
		return fmt.Errorf("commit write: %w", err)
	}
	return nil
}

// settled is when a commit that was not answered is done, or will not be.
const settled = 2 * time.Second

func (s Store) tell(ctx context.Context, w Writing) {
	if w.changes == nil {
		return
	}
	if events := w.changes.events(time.Now().UTC()); len(events) > 0 {
		s.Tell(ctx, events)
	}
}
