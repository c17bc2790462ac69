package keyring_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

func TestReadySaysWhyNot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.row(t, "Person", everything(1))
		if err := w.Ready(ctx); err != nil {
			t.Error(err)
		}
		nowhere := rootkey.Later("file:" + filepath.Join(t.TempDir(), "missing.json"))
		other := w.again(t, func(c *keyring.Config) { c.Root = nowhere })
		if err := other.Ready(ctx); !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, rootkey.ErrMissing) {
			t.Errorf("without its root key: %v", err)
		}
	})
}

func TestKnowsKeysAndWhatWasDestroyed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		person := w.row(t, "Person", everything(1))
		knows := func(id uuid.UUID) bool {
			known, err := w.Knows(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return known
		}
		if !knows(person) || knows(uuid.New()) {
			t.Error("who has a key is not known, or who has none is")
		}
		if err := w.Destroy(ctx, "request 1", person); err != nil {
			t.Fatal(err)
		}
		if !knows(person) {
			t.Error("who had a key is not known")
		}
	})
}
