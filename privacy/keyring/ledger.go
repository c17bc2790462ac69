package keyring

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// erasure is a line of the ledger: whose key was destroyed, when, and why. It names nobody but by a number that leads nowhere
// any more (GDPR Art. 5(2): the controller shall be able to demonstrate; Art. 17).
type erasure struct {
	subject uuid.UUID
	at      time.Time
	reason  string
}

// subjectsOf are whom lines are about.
func subjectsOf(list []erasure) []uuid.UUID {
	out := make([]uuid.UUID, len(list))
	for i, e := range list {
		out[i] = e.subject
	}
	return out
}

// record writes lines that are not there yet. When it returns they outlast a power failure.
func (k *Keyring) record(ctx context.Context, list []erasure) error {
	d := dialectOf(k.c.Ledger.Dialect)
	err := within(ctx, k.c.Ledger.DB, func(tx *sql.Tx) error {
		for _, e := range list {
			if _, err := tx.ExecContext(ctx, d.sql(`INSERT INTO keyring_erasures (subject_id, at, reason) VALUES (?, ?, ?) ON CONFLICT (subject_id) DO NOTHING`),
				e.subject.String(), e.at.UTC(), e.reason); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write to the erasure ledger: %w", err)
	}
	return nil
}

// recordNew writes those the ledger does not have, and returns how many these are. Usually it has them all: one look is enough.
func (k *Keyring) recordNew(ctx context.Context, list []erasure) (int64, error) {
	d := dialectOf(k.c.Ledger.Dialect)
	has := make(map[uuid.UUID]bool, len(list))
	err := each(ctx, k.c.Ledger.DB, func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		has[id] = true
		return err
	}, d.sql(`SELECT subject_id FROM keyring_erasures WHERE `+d.among("subject_id")), d.list(subjectsOf(list)))
	if err != nil {
		return 0, fmt.Errorf("read the erasure ledger: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(list), func(e erasure) bool { return has[e.subject] })
	if len(missing) == 0 {
		return 0, nil
	}
	return int64(len(missing)), k.record(ctx, missing)
}

// erased reads the ledger behind a subject, a piece at a time.
func (k *Keyring) erased(ctx context.Context, after uuid.UUID) ([]erasure, error) {
	d := dialectOf(k.c.Ledger.Dialect)
	var out []erasure
	err := each(ctx, k.c.Ledger.DB, func(rows *sql.Rows) error {
		var e erasure
		if err := rows.Scan(&e.subject, &e.at, &e.reason); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, d.sql(`SELECT subject_id, at, reason FROM keyring_erasures WHERE subject_id > ? ORDER BY subject_id LIMIT ?`), after.String(), piece)
	if err != nil {
		return nil, fmt.Errorf("read the erasure ledger: %w", err)
	}
	return out, nil
}

// count counts the ledger's lines.
func (k *Keyring) count(ctx context.Context) (n int64, err error) {
	if err := k.c.Ledger.DB.QueryRowContext(ctx, `SELECT count(*) FROM keyring_erasures`).Scan(&n); err != nil {
		return 0, fmt.Errorf("read the erasure ledger: %w", err)
	}
	return n, nil
}
