package keyring

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// reachLimit is how long the keys database may say nothing. The key service may take longer.
const reachLimit = 2 * time.Second

// Ready reports whether keys can be had: ErrUnavailable with the cause if not. It asks the key service only while nothing was
// had from it yet.
func (k *Keyring) Ready(ctx context.Context) error {
	reach, cancel := context.WithTimeout(ctx, reachLimit)
	err := k.keys.PingContext(reach)
	cancel()
	if err != nil {
		return unavailable("reach the keys database", err)
	}
	_, err = k.blinds.all(ctx)
	return err
}

// Knows reports whether there is a key of subject, or was one: the rows of a person may be gone, and their key be there.
func (k *Keyring) Knows(ctx context.Context, subject uuid.UUID) (known bool, err error) {
	err = k.keys.QueryRowContext(ctx, k.d.sql(`SELECT EXISTS (SELECT 1 FROM keyring_keys WHERE subject_id = ?)`), subject.String()).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for a key: %w", err)
	}
	return known, nil
}
