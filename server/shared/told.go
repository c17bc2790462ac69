package shared

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// told keeps what viewers were told in aggregates, so that what one replica told limits what another tells.
//
// Threat: it is a list of questions, with the values they were about, and of the groups that were shown; whoever reads the
// database, or a backup, must not find somebody in it. So it is sealed with AES-256-GCM under a key of the gateway,
// with a random nonce, bound to viewer and version; the viewer is an HMAC. What does not open was not written by us, or
// is in the wrong place, and then nobody is told anything: to forget would tell too much. Restoring an older database
// forgets, as it does everything else of that time.
type told struct {
	table
	names []byte
	aead  cipher.AEAD
	now   func() time.Time
}

func newTold(t table, names, key []byte, now func() time.Time) (*told, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &told{t, names, aead, now}, nil
}

func (t *told) bound(viewer []byte, version int64) []byte {
	return fmt.Appendf(nil, "told %x %d", viewer, version)
}

// Load implements read.Told.
func (t *told) Load(ctx context.Context, viewer string) (kept []byte, version int64, err error) {
	id := sign(t.names, "told", viewer)
	var sealed []byte
	var until int64
	err = t.db.QueryRowContext(ctx, t.sql("SELECT version, sealed, until FROM shared_told WHERE viewer = ?"), id).Scan(&version, &sealed, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read what a viewer was told: %w", err)
	}
	if until < t.now().Unix() {
		return nil, version, nil
	}
	if kept, err = t.aead.Open(nil, nil, sealed, t.bound(id, version)); err != nil {
		return nil, 0, errors.New("what a viewer was told in aggregates does not open: was it sealed with another gateway.key? It is over after a day; DELETE FROM shared_told forgets it at once")
	}
	return kept, version, nil
}

// Store implements read.Told.
func (t *told) Store(ctx context.Context, viewer string, version int64, kept []byte, until time.Time) (bool, error) {
	id := sign(t.names, "told", viewer)
	sealed := t.aead.Seal(nil, nil, kept, t.bound(id, version+1)) //nolint:gosec // this AEAD makes its nonces itself and takes none
	query, args := "UPDATE shared_told SET version = ?, sealed = ?, until = ? WHERE viewer = ? AND version = ?", []any{version + 1, sealed, until.Unix(), id, version}
	if version == 0 {
		query, args = "INSERT INTO shared_told (viewer, version, sealed, until) VALUES (?, 1, ?, ?) ON CONFLICT (viewer) DO NOTHING", []any{id, sealed, until.Unix()}
	}
	res, err := t.db.ExecContext(ctx, t.sql(query), args...)
	if err != nil {
		return false, fmt.Errorf("keep what a viewer was told: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
