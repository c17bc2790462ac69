package rootkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// file is a root key in a keyset file.
//
// Threat: whoever reads the file, or a copy of it, can open every key-encryption key and so whatever was ever sealed, in
// backups too. The file system guards it, and nothing else does; so a file that others can read is not used at all,
// which makes the mistake known on the day it is made. A keyset may hold keys of many kinds, among them some that call a
// service or do not authenticate: only AES-256-GCM is taken.
type file struct{ path string }

func openFile(path string) (Root, error) {
	path, err := parseFile(path)
	if err != nil {
		return nil, err
	}
	f := &file{path}
	if _, err := readKeyset(path); err != nil {
		return nil, fmt.Errorf("root key %s: %w", f, err)
	}
	return f, nil
}

// parseFile is the path that stands behind file: in a URI.
func parseFile(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "//"); ok { // file:///etc/root.json has an empty host
		if !strings.HasPrefix(rest, "/") {
			return "", errors.New("root key: a file URI has no host: write file:PATH or file:///PATH")
		}
		path = rest
	}
	if path == "" {
		return "", errors.New("root key: the file has no name: write file:PATH")
	}
	return path, nil
}

func (f *file) String() string { return "file:" + f.path }

func (f *file) Wrap(ctx context.Context, key, ad []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, fmt.Errorf("root key %s: wrap: %w", f, errEmptyKey)
	}
	a, err := f.aead(ctx)
	if err != nil {
		return nil, fmt.Errorf("root key %s: wrap: %w", f, err)
	}
	wrapped, err := a.Encrypt(key, ad)
	if err != nil {
		return nil, fmt.Errorf("root key %s: wrap: %w", f, err)
	}
	return wrapped, nil
}

func (f *file) Unwrap(ctx context.Context, wrapped, ad []byte) ([]byte, error) {
	a, err := f.aead(ctx)
	if err != nil {
		return nil, fmt.Errorf("root key %s: unwrap: %w", f, err)
	}
	key, err := a.Decrypt(wrapped, ad)
	if err != nil {
		return nil, fmt.Errorf("root key %s: unwrap: %w: restore the file that belongs to this database", f, ErrWrongKey)
	}
	return key, nil
}

// aead reads the file for one call.
func (f *file) aead(ctx context.Context) (tink.AEAD, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := readKeyset(f.path)
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

const maxKeyset = 1 << 20 // bytes; thousands of keys

// readKeyset reads the file after a look at who else can. The look is at the file that is then read: between a name's
// look-up and the next, the name may come to mean another file.
func readKeyset(path string) (*keyset.Handle, error) {
	named, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: restore %s from its backup; without it sealed data cannot be read", ErrMissing, path)
	case err != nil:
		return nil, err
	case !named.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file (%s): name the file itself", ErrUnfit, path, named.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file (%s): name the file itself", ErrUnfit, path, info.Mode().Type())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o: run chmod 600 %s", ErrExposed, path, info.Mode().Perm(), path)
	}
	if info.Size() > maxKeyset {
		return nil, fmt.Errorf("%w: %s has %d bytes, more than any keyset: restore it from its backup", ErrDamaged, path, info.Size())
	}
	data := make([]byte, info.Size())
	defer clear(data)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return parseKeyset(path, data)
}

// parseKeyset leaves out what Tink says is wrong: it may quote the file, and so the key.
func parseKeyset(path string, data []byte) (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not a Tink keyset in JSON: restore it from its backup", ErrDamaged, path)
	}
	if _, err := h.Primary(); err != nil {
		return nil, fmt.Errorf("%w: %s has no primary key that is enabled: restore it from its backup", ErrDamaged, path)
	}
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: restore it from its backup", ErrDamaged, path)
		}
		k, ok := e.Key().(*aesgcm.Key)
		if !ok {
			return nil, fmt.Errorf("%w: key %d in %s is not of type AES256_GCM", ErrUnfit, e.KeyID(), path)
		}
		if p, ok := k.Parameters().(*aesgcm.Parameters); !ok || p.KeySizeInBytes() != 32 {
			return nil, fmt.Errorf("%w: key %d in %s is not of type AES256_GCM", ErrUnfit, e.KeyID(), path)
		}
	}
	return h, nil
}
