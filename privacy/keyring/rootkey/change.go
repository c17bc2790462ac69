package rootkey

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// CreateFile makes a new root key in a file of mode 0600, if there is nothing of that name. It makes no directory: one
// that is missing may be a volume that is not mounted, with the key that counts on it.
func CreateFile(path string) error {
	if err := create(path, os.Link); err != nil {
		return fmt.Errorf("create root key file:%s: %w", path, err)
	}
	return nil
}

// Rotate adds a new key to the file, by which everything is wrapped from now on. What the older ones wrapped stays
// readable.
func Rotate(path string) error {
	if err := change(path, addPrimary, os.Rename); err != nil {
		return fmt.Errorf("rotate root key file:%s: %w", path, err)
	}
	return nil
}

// Opens decrypts what a root key wrapped.
type Opens func(wrapped, ad []byte) ([]byte, error)

// Retire deletes all keys of the file but the newest. What the deleted keys wrapped cannot be read any more, so the caller has
// wrapped everything anew, and check sees with the newest key alone that this is so: while it looks nobody rotates, and when it
// fails nothing is deleted. Backups of the file keep the old keys.
func Retire(path string, check func(Opens) error) error {
	retire := func(m *keyset.Manager, h *keyset.Handle) (bool, error) {
		changed, err := keepPrimary(m, h)
		if err != nil {
			return false, err
		}
		left, err := m.Handle()
		if err != nil {
			return false, err
		}
		a, err := aead.New(left)
		if err != nil {
			return false, err
		}
		return changed, check(a.Decrypt)
	}
	if err := change(path, retire, os.Rename); err != nil {
		return fmt.Errorf("retire old keys of root key file:%s: %w", path, err)
	}
	return nil
}

// create and change do their work on a file beside path and put it into place in one step. So whoever reads path, at
// any time and after any crash, finds a whole keyset: the old one or the new one.
func create(path string, place func(tmp, path string) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return locked(path, func() error {
		m := keyset.NewManager()
		if _, err := addPrimary(m, nil); err != nil {
			return err
		}
		// A link fails where there is a file already: the key of another process is never replaced.
		if err := write(path, m, nil, place); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

func change(path string, edit func(*keyset.Manager, *keyset.Handle) (bool, error), place func(tmp, path string) error) error {
	if _, err := readKeyset(path); err != nil { // before there is a lock beside a file that is not ours
		return err
	}
	return locked(path, func() error {
		h, err := readKeyset(path)
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		m := keyset.NewManagerFromHandle(h)
		if changed, err := edit(m, h); err != nil {
			return err
		} else if !changed {
			return removeLeftover(path)
		}
		return write(path, m, info, place)
	})
}

func addPrimary(m *keyset.Manager, _ *keyset.Handle) (bool, error) {
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return false, err
	}
	return true, m.SetPrimary(id)
}

func keepPrimary(m *keyset.Manager, h *keyset.Handle) (bool, error) {
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return false, err
		}
		if e.IsPrimary() {
			continue
		}
		if err := m.Delete(e.KeyID()); err != nil {
			return false, err
		}
	}
	return h.Len() > 1, nil
}

// write puts the keyset of m into path with place, on the disk before it returns. like is the file it replaces, if any:
// the owner stays, so that root can rotate the key of a service.
func write(path string, m *keyset.Manager, like fs.FileInfo, place func(tmp, path string) error) error {
	h, err := m.Handle()
	if err != nil {
		return err
	}
	buf := bytes.NewBuffer(make([]byte, 0, 64<<10)) // large, for a buffer that grows leaves copies behind
	defer func() { clear(buf.Bytes()) }()
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(buf)); err != nil {
		return err
	}
	if err := removeLeftover(path); err != nil {
		return err
	}
	tmp := leftover(path)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }()
	if like != nil {
		err = keepOwner(f, like)
	}
	if err == nil {
		_, err = f.Write(buf.Bytes())
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// leftover is the name of the file that is written. After a crash it stays behind, with keys in it; nobody reads it, and
// the next change removes it. Removing is of the name alone: it may be a second one of the file in use.
func leftover(path string) string { return path + ".new" }

func removeLeftover(path string) error {
	if err := os.Remove(leftover(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes a name survive a loss of power; syncing the file keeps only what it names.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockLimit is how long to wait for another process. A change takes milliseconds.
const lockLimit = 10 * time.Second

// locked calls f while no other process changes path. The lock is on a file of its own, since path becomes another file
// by each change, and it ends with the process, however that ends. The empty lock file stays.
func locked(path string, f func() error) error {
	l, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // and so unlock
	for end := time.Now().Add(lockLimit); ; time.Sleep(10 * time.Millisecond) {
		ok, err := tryLock(l)
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.Name(), err)
		}
		if ok {
			return f()
		}
		if time.Now().After(end) {
			return fmt.Errorf("another process has held %s for %s: end it, then try again", l.Name(), lockLimit)
		}
	}
}
