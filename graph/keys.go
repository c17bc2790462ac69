package graph

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// Keys are the gateway's own secrets: what seals cursors and what keys pseudonyms. Each is derived from one root secret
// with HKDF-SHA-256 (RFC 5869) under its own label, so that none tells anything about another.
type Keys struct {
	policy.Withheld

	Cursor    []byte
	Pseudonym []byte
	Asking    []byte // links that are mailed are derived from it
	Leaving   []byte // seals the links by which people opt out
	Shared    []byte // what replicas share outside of the database is sealed and signed with keys derived from it
}

const keyFile = "gateway.key"

// LoadKeys reads the root secret of a data directory. For a new database it is created, with mode 0600; to one that is in
// use it is never created, and a file of the wrong length is never replaced: another secret would change every pseudonym,
// and so make two people of one in whatever was exported before. A file that others can read is refused: its holder can
// open cursors and recompute pseudonyms.
func LoadKeys(dir string, isNew bool) (Keys, error) {
	keys, err := FindKeys(dir, isNew)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := createRoot(filepath.Join(dir, keyFile)); err != nil {
		return Keys{}, fmt.Errorf("create gateway key: %w", err)
	}
	return FindKeys(dir, false)
}

// FindKeys is LoadKeys that makes nothing: fs.ErrNotExist where LoadKeys would make the secret.
func FindKeys(dir string, isNew bool) (Keys, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isNew:
		return Keys{}, fmt.Errorf("gateway key: %s is missing, and the database is in use: restore it from a backup, or copy it from the data directory of another server on this database; "+
			"if it is lost, make one with `(umask 077 && head -c 32 /dev/urandom > %s)`: every pseudonym and every cursor changes", path, path)
	case err != nil:
		return Keys{}, fmt.Errorf("gateway key: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return Keys{}, fmt.Errorf("gateway key: %s is open to others (mode %04o): run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	root, err := os.ReadFile(path)
	if err != nil {
		return Keys{}, fmt.Errorf("gateway key: %w", err)
	}
	if len(root) != 32 {
		return Keys{}, fmt.Errorf("gateway key: %s has %d bytes, want 32: restore it from a backup", path, len(root))
	}
	return DeriveKeys(root)
}

// DeriveKeys derives the keys from a root secret of 32 bytes.
func DeriveKeys(root []byte) (Keys, error) {
	var k Keys
	for _, d := range []struct {
		label string
		size  int
		key   *[]byte
	}{{"cloakroom cursor v2", read.CursorKeySize, &k.Cursor}, {"cloakroom pseudonym v1", 32, &k.Pseudonym}, {"cloakroom shared v1", 32, &k.Shared},
		{"cloakroom asking v1", 32, &k.Asking}, {"cloakroom leaving v1", 32, &k.Leaving}} {
		var err error
		if *d.key, err = hkdf.Key(sha256.New, root, nil, d.label, d.size); err != nil {
			return Keys{}, fmt.Errorf("derive key: %w", err)
		}
	}
	return k, nil
}

// createRoot writes a new secret under a temporary name and links it into place, so that of two processes starting at
// once both read the same one.
func createRoot(path string) error {
	root := make([]byte, 32)
	if _, err := rand.Read(root); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), keyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(root)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
