// Package keyringtest opens keyrings for tests: real keys, in files that are gone when the test is.
package keyringtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// Open opens a keyring for the data of a store, with the keys in SQLite.
func Open(t testing.TB, s *ir.Schema, data *store.Store, edit ...func(*keyring.Config)) *keyring.Keyring {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root-key.json")
	if err := rootkey.CreateFile(root); err != nil {
		t.Fatal(err)
	}
	c := keyring.Config{Schema: s, Data: data, Root: rootkey.Later("file:" + root),
		Keys: Store(t, filepath.Join(dir, "keys.db")), Ledger: Store(t, filepath.Join(dir, "erasures.db"))}
	for _, e := range edit {
		e(&c)
	}
	k, err := keyring.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// Store opens a database, and closes it after the test.
func Store(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.OpenDurable(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Change is a value for a column of a stored row: of a stored field, or subject_id or privacy_state. It is a storage value, nil
// for NULL.
type Change struct {
	Type   *ir.Type
	Row    uuid.UUID
	Column string
	Value  any
}

// Put overwrites stored values behind the back of whoever writes there, and keeps the seals right: a cell is sealed for its
// place, a row that comes to be about somebody else is sealed again.
func Put(t testing.TB, k *keyring.Keyring, data *store.Store, changes ...Change) {
	t.Helper()
	if err := put(context.Background(), k, data, changes); err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, k *keyring.Keyring, data *store.Store, changes []Change) (err error) {
	tx, err := data.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	w := k.On(tx)
	defer w.Close()
	for _, c := range changes {
		if err := c.put(ctx, k, data.Dialect, tx, w); err != nil {
			return fmt.Errorf("put %s.%s: %w", c.Type.Table, c.Column, err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		return err
	}
	return tx.Commit()
}

func (c Change) put(ctx context.Context, k *keyring.Keyring, name string, tx *sql.Tx, w *keyring.Keeper) error {
	set := func(column string, v any) error {
		marks := []any{"?", "?"}
		if name == dialect.Postgres {
			marks = []any{"$1", "$2"}
		}
		if id, ok := v.(uuid.UUID); ok {
			v = id.String()
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE "%s" SET "%s" = %s WHERE id = %s`, append([]any{c.Type.Table, column}, marks...)...), v, c.Row.String())
		return err
	}
	var f *ir.Field
	for _, have := range c.Type.Fields {
		if have.Stored() && have.Column == c.Column {
			f = have
		}
	}
	switch {
	case c.Type.Subject && c.Column == c.Type.SealedBy():
		subject, _ := c.Value.(uuid.UUID)
		if err := w.Adopt(ctx, c.Type, c.Row, subject); err != nil {
			return err
		}
		return set(c.Column, c.Value)
	case f == nil || !f.Sealed():
		if f != nil && f.Kind == ir.ToOne && f.Edge.IsOwner {
			w.Turned(c.Type, c.Row, f)
		}
		return set(c.Column, c.Value)
	}
	cell, index, err := sealed(ctx, k, tx, f, c.Row, c.Value)
	if err == nil {
		err = set(c.Column, cell)
	}
	if err == nil && f.Blind() {
		err = set(f.IndexColumn(), index)
	}
	return err
}

// sealed seals a value for its place, with whose key the row is sealed.
func sealed(ctx context.Context, k *keyring.Keyring, tx keyring.Querier, f *ir.Field, row uuid.UUID, v any) (cell, index any, err error) {
	if v == nil {
		return nil, nil, nil
	}
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`SELECT "%s" FROM "%s" WHERE id = '%s'`, f.Owner.SealedBy(), f.Owner.Table, row))
	if err != nil {
		return nil, nil, err
	}
	var by uuid.NullUUID
	for rows.Next() {
		if err := rows.Scan(&by); err != nil {
			return nil, nil, errors.Join(err, rows.Close())
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, nil, err
	}
	batch, err := k.Ensure(ctx, []uuid.UUID{by.UUID})
	if err != nil {
		return nil, nil, err
	}
	defer batch.Close()
	if cell, err = batch.Seal(by.UUID, row, f, v); err != nil || !f.Blind() {
		return cell, nil, err
	}
	indexes, err := k.Blind(ctx, f, v)
	if err != nil {
		return nil, nil, err
	}
	return cell, indexes[0], nil
}
