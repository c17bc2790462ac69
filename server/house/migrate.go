package house

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// checkVersion is ErrPending where the database is not at the program's version.
func (h *House) checkVersion(ctx context.Context) error {
	pending, err := h.store.Pending(ctx)
	if err != nil {
		return err
	}
	more, err := shared.Pending(ctx, h.store)
	if err != nil {
		return err
	}
	pending = append(pending, more...)
	if len(pending) > 0 {
		return fmt.Errorf("%w (%d to go, the first is %s)", ErrPending, len(pending), pending[0].File)
	}
	return nil
}

// Pending are the migrations that Open would apply, and what each would lose. It changes nothing, and makes no database that is
// not there: all of that one's migrations are pending.
func Pending(ctx context.Context, o Options) (all []store.Pending, err error) {
	o.Keys = o.Keys.in(o.Data, o.Database)
	open := func(url string) (*store.Store, func(), error) {
		if path, ok := file(url); ok {
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				dir, err := os.MkdirTemp("", "cloakroom-") // an empty one in its place
				if err != nil {
					return nil, nil, err
				}
				s, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "none.db"))
				if err != nil {
					return nil, nil, errors.Join(err, os.RemoveAll(dir))
				}
				return s, func() { _ = s.Close(); _ = os.RemoveAll(dir) }, nil
			}
		}
		s, err := store.Open(ctx, url)
		if err != nil {
			return nil, nil, explained(err, url)
		}
		return s, func() { _ = s.Close() }, nil
	}
	data, closeData, err := open(o.Database)
	if err != nil {
		return nil, err
	}
	defer closeData()
	keys, closeKeys, err := open(o.Keys.Database)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer closeKeys()
	ledger, closeLedger, err := open(o.Keys.Ledger)
	if err != nil {
		return nil, fmt.Errorf("erasure ledger: %w", err)
	}
	defer closeLedger()
	all, err = data.Pending(ctx)
	if err != nil {
		return nil, err
	}
	more, err := shared.Pending(ctx, data)
	if err != nil {
		return nil, err
	}
	all = append(all, more...)
	more, err = keyring.Pending(ctx, keys, ledger)
	return append(all, more...), err
}
