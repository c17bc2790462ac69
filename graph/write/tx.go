package write

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/graph/event"
	"github.com/cloakroom-crm/cloakroom/graph/read"
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

// clientOn returns an Ent client that works on a transaction, or on a database.
func clientOn(on entsql.ExecQuerier, name string) *ent.Client {
	return ent.NewClient(ent.Driver(onTx{entsql.Conn{ExecQuerier: on}, name}))
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
	// Everywhere waits until what was committed is seen by every read; nil: it is seen at once.
	Everywhere Everywhere
	Log        *slog.Logger // default slog.Default()
}

// Everywhere is the database with whatever else answers reads.
type Everywhere interface {
	// Await returns when no read can be older any more than a transaction, which is committed; without an id, than all that is
	// committed. An error says that this is not sure.
	Await(ctx context.Context, xid string) error
	// Wrote says that something was committed, or may have been.
	Wrote()
}

// Writing is one transaction: what Ent does on Client with Context is in it, and is sealed.
type Writing struct {
	context.Context
	Tx     *sql.Tx
	Client *ent.Client
	Keeper *keyring.Keeper

	changes *changes
	strict  *strict
}

// strict is what a transaction that makes reads stricter has to wait for.
type strict struct {
	on   bool
	done Done
}

// Done reports whether a transaction was carried out, from what it left in the database.
type Done func(ctx context.Context, db *sql.DB) (bool, error)

// MustBeSeen says that the transaction makes reads stricter: it has succeeded when no read anywhere shows any more what it hides.
// Done is asked when the database did not say whether it committed; nil: then nobody knows.
func (w Writing) MustBeSeen(done Done) {
	w.strict.on = true
	if done != nil {
		w.strict.done = done
	}
}

// Errors of what may have been done.
var (
	errUndecided = read.Fail(read.CodeUnknown, "the database did not say whether this was recorded: it may or may not have been. Send it again, with the same Idempotency-Key if there was one")
	errNotSeen   = read.Fail(read.CodeUnknown, "this was recorded, and may not yet be seen everywhere. Send it again until it is answered otherwise: that changes nothing more")
)

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
	w := Writing{Context: seal.WithKeeper(ctx, keeper), Tx: tx, Client: clientOn(tx, s.Dialect), Keeper: keeper, strict: &strict{}}
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
	xid, err := s.id(ctx, w)
	if err != nil {
		return fmt.Errorf("commit write: %w", err)
	}
	err = tx.Commit()
	if s.Everywhere != nil {
		s.Everywhere.Wrote()
	}
	s.tell(ctx, w)
	if err != nil {
		if decided(err) {
			return fmt.Errorf("commit write: %w", err)
		}
		// Nobody knows whether it was done, and the database may be at it still: whoever waits for the change looks again.
		time.AfterFunc(settled, func() { s.tell(context.Background(), w) })
		s.warn(ctx, "a commit was not answered", err)
		if !s.found(ctx, w) {
			return errUndecided
		}
	}
	if s.Everywhere == nil || !w.strict.on {
		return nil
	}
	if err := s.Everywhere.Await(ctx, xid); err != nil {
		s.warn(ctx, "it is not sure that a change is seen everywhere", err)
		return errNotSeen
	}
	return nil
}

// id is the transaction's own, if it has one: one that only found that all was done has none.
func (s Store) id(ctx context.Context, w Writing) (string, error) {
	if s.Everywhere == nil || !w.strict.on {
		return "", nil
	}
	var id sql.NullString
	err := w.Tx.QueryRowContext(ctx, `SELECT pg_current_xact_id_if_assigned()::text`).Scan(&id)
	return id.String, err
}

// decided reports whether the database said that it did not commit.
func decided(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) { // whoever ends a session may do so while it commits
		return pg.Severity == "ERROR"
	}
	var lite interface{ Code() int } // of modernc.org/sqlite
	return errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, sql.ErrTxDone) || errors.As(err, &lite)
}

// found looks on another connection whether a transaction was carried out whose commit was not answered. One that is not found may
// be under way still.
func (s Store) found(ctx context.Context, w Writing) bool {
	if w.strict.done == nil {
		return false
	}
	ctx, end := context.WithTimeout(ctx, settled)
	defer end()
	done, err := w.strict.done(ctx, s.DB)
	if err != nil {
		s.warn(ctx, "it cannot be seen whether a change was recorded", err)
	}
	return done && err == nil
}

func (s Store) warn(ctx context.Context, what string, err error) {
	cmp.Or(s.Log, slog.Default()).WarnContext(ctx, what, "err", err)
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
