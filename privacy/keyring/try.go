package keyring

import (
	"context"
	"database/sql"
	"fmt"
)

// Trial is how a version of the key-encryption key fared with the root key.
type Trial struct {
	Version int64
	Err     error // why it does not open
}

// Try opens every version of the key-encryption key with the root key, the latest first, and changes nothing: the databases may be
// opened to look. There are none where no keys were made yet, which is ErrLost where there is sealed data already. It needs
// Schema, Data, Keys and Root of the Config.
func Try(ctx context.Context, c Config) ([]Trial, error) {
	made, err := c.Keys.HasTable(ctx, "keyring_keks")
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var all []Trial
	var wrapped [][]byte
	if made {
		err := each(ctx, c.Keys.DB, func(rows *sql.Rows) error {
			var t Trial
			var w []byte
			err := rows.Scan(&t.Version, &w)
			all, wrapped = append(all, t), append(wrapped, w)
			return err
		}, `SELECT version, wrapped FROM keyring_keks ORDER BY version DESC`)
		if err != nil {
			return nil, fmt.Errorf("read the keys database: %w", err)
		}
	}
	for i, t := range all {
		key, err := c.Root.Unwrap(ctx, wrapped[i], kekFor(t.Version))
		clear(key)
		all[i].Err = err
	}
	if len(all) > 0 {
		return all, nil
	}
	if pending, err := c.Data.Pending(ctx); err != nil || len(pending) > 0 {
		return nil, err // an older database may lack the columns
	}
	if sealed, err := sealedData(ctx, c); err != nil || !sealed {
		return nil, err
	}
	return nil, ErrLost
}
