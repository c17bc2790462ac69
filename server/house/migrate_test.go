package house

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
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

// A schema that does more than people agreed to is refused before anything is changed, and migrate --check says so.
func TestAWiderSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	if err := open(o); err != nil {
		t.Fatal(err)
	}
	if refused, err := Refused(t.Context(), o); err != nil || len(refused) > 0 {
		t.Fatalf("refused %v, %v", refused, err)
	}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "cloakroom.db"))
	if err != nil {
		t.Fatal(err)
	}
	// People once agreed to less.
	_, err = s.DB.ExecContext(t.Context(), `INSERT INTO published_purposes (id, name, bit, basis, material, material_hash, first_published)
		SELECT '01900000-0000-7000-8000-000000000000', name, bit, basis, '{"basis":"CONSENT","data":[],"recipients":[]}', 'x', first_published
		FROM published_purposes WHERE basis = 'CONSENT' LIMIT 1`)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	var refusal *published.RefusedError
	if err := open(o); !errors.As(err, &refusal) || len(refusal.Refusals) != 1 {
		t.Errorf("opened: %v", err)
	}
	if refused, err := Refused(t.Context(), o); err != nil || len(refused) != 1 {
		t.Errorf("refused %v, %v", refused, err)
	}
}
