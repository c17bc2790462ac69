package house

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// TestCheckChangesNothing opens a database that says it is older than the program.
func TestCheckChangesNothing(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	if err := open(o); err != nil {
		t.Fatal(err)
	}
	o.Check = true
	if err := open(o); err != nil {
		t.Fatal("up to date, and refused:", err)
	}
	for file, statement := range map[string]string{"keys.db": `DELETE FROM keyring_keys_version WHERE version_id > 0`, "cloakroom.db": `DELETE FROM goose_db_version WHERE version_id > 0`} {
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := open(o); !errors.Is(err, ErrPending) {
			t.Errorf("%s is older: %v", file, err)
		}
		if pending, err := Pending(t.Context(), o); err != nil || len(pending) == 0 {
			t.Errorf("%s: %v %v", file, pending, err)
		}
	}
}
