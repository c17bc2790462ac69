package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeyFile is the name of the development key in a data directory.
const KeyFile = "dev-identity.key"

const keySize = 32 // bytes; RFC 7518 Section 3.2 wants at least the size of the hash

// loadKey reads the development key of a data directory, creating it on first use. A key others could read is refused:
// it lets its holder be anybody.
func loadKey(dir string) ([]byte, error) {
	key, err := findKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(filepath.Join(dir, KeyFile)); err != nil {
		return nil, fmt.Errorf("create development key: %w", err)
	}
	return findKey(dir)
}

// CheckDev says what NewDev would say of the development key of a data directory, and makes none.
func CheckDev(dir string) error {
	if _, err := findKey(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func findKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, KeyFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("development key: %s is open to others (mode %04o): run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("development key: %s has %d bytes, want %d: delete it to get a new one; tokens made with the old one end", path, len(key), keySize)
	}
	return key, nil
}

// createKey writes the key under a temporary name and links it into place. A link fails where there is a file already, so
// of two processes that start at once both end up reading the key of the first, and nobody ever reads half a key.
func createKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), KeyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(key)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
