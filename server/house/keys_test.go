package house

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

func TestPlacesOfKeysLieApart(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		keys Keys
		want error
	}{
		"keys in the file of the data":   {Keys{Database: at("cloakroom.db")}, ErrSharedFile},
		"written another way":            {Keys{Database: at("x/../cloakroom.db")}, ErrSharedFile},
		"ledger in the file of the data": {Keys{Ledger: at("cloakroom.db")}, ErrNotApart},
		"ledger in that of the keys":     {Keys{Ledger: at("keys.db")}, ErrNotApart},
		"both in another":                {Keys{Database: at("k.db"), Ledger: at("k.db")}, ErrNotApart},
		"each in one of its own":         {Keys{Database: at("k.db"), Ledger: at("e.db"), Root: "file:" + filepath.Join(dir, "r.json")}, nil},
	} {
		o := options(dir)
		o.Keys = c.keys
		if err := open(o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "gateway.key")); c.want != nil && err == nil {
			t.Errorf("%s: something was made", name)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARootKeyIsMadeWithTheFirstKeysAndNeverAgain(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	root := filepath.Join(dir, "vault", "root.json")
	o.Keys.Root = "file:" + root
	if err := open(o); err == nil { // there is no such directory
		t.Fatal("a directory for the root key was made")
	}
	if err := os.Mkdir(filepath.Dir(root), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := open(o); err != nil {
		t.Fatalf("once the directory is there: %v", err)
	}
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	if err := open(o); err != nil {
		t.Errorf("a root key that is away stops the house: %v", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("a lost root key was replaced")
	}
	h, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Demo(context.Background()); !strings.Contains(errText(err), "keys are not available") {
		t.Errorf("data is sealed without a root key: %v", err)
	}
	s, err := h.KeysStatus(context.Background())
	if err != nil || s.Root != o.Keys.Root || strings.Count(s.Problem, "open the keys") != 1 || !strings.Contains(s.Problem, rootkey.ErrMissing.Error()) {
		t.Errorf("status: %+v %v", s, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWhoCanBeErased(t *testing.T) {
	ctx := context.Background()
	h, err := Open(ctx, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	gone := uuid.New() // their rows are gone, their key is not
	b, err := h.Keyring.Ensure(ctx, []uuid.UUID{gone})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if got, err := h.Erasable(ctx, gone.String()); err != nil || got != gone {
		t.Errorf("a key without rows: %v %v", got, err)
	}
	if _, err := h.Erasable(ctx, uuid.NewString()); !errors.Is(err, ErrUnknownSubject) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := h.Erasable(ctx, "ada"); !errors.Is(err, ErrNoSubject) {
		t.Errorf("a name: %v", err)
	}
	if err := h.Destroy(ctx, "", gone); !errors.Is(err, ErrNoReason) {
		t.Errorf("without a reason: %v", err)
	}
}

func TestReasonsOfAnErasure(t *testing.T) {
	for because, good := range map[string]bool{
		"request 4711": true, "Löschantrag 12": true, "": false, "  ": false, "two\nlines": false,
		"ada@example.com": false, strings.Repeat("x", 200): true, strings.Repeat("x", 201): false,
	} {
		err := CheckReason(because)
		if (err == nil) != good {
			t.Errorf("%q: %v", because, err)
		}
		if err != nil && because != "" && strings.Contains(err.Error(), "ada") {
			t.Errorf("%q is repeated", because)
		}
	}
}
