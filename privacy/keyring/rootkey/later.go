package rootkey

import (
	"context"
	"sync"
)

// Later is the root key that uri names, opened when it is first asked and again after a failure: a key that is missing today
// may be mounted tomorrow, and until then everything that needs no key goes on.
func Later(uri string) Root { return &later{uri: uri} }

type later struct {
	uri  string
	mu   sync.Mutex
	root Root
}

func (l *later) open() (Root, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.root == nil {
		root, err := Open(l.uri)
		if err != nil {
			return nil, err
		}
		l.root = root
	}
	return l.root, nil
}

func (l *later) Wrap(ctx context.Context, key, ad []byte) ([]byte, error) {
	root, err := l.open()
	if err != nil {
		return nil, err
	}
	return root.Wrap(ctx, key, ad)
}

func (l *later) Unwrap(ctx context.Context, wrapped, ad []byte) ([]byte, error) {
	root, err := l.open()
	if err != nil {
		return nil, err
	}
	return root.Unwrap(ctx, wrapped, ad)
}

// String is the URI if it is one that may be printed.
func (l *later) String() string {
	root, err := l.open()
	if err != nil {
		return "the root key"
	}
	return root.String()
}

// Rotate adds a new root key where that is ours to do, which is in a file. A key service rotates by its own means.
func (l *later) Rotate() error { return l.inFile(Rotate) }

// Retire removes the older root keys where that is ours to do.
func (l *later) Retire(check func(Opens) error) error {
	return l.inFile(func(path string) error { return Retire(path, check) })
}

func (l *later) inFile(do func(path string) error) error {
	root, err := l.open()
	if err != nil {
		return err
	}
	f, ok := root.(*file)
	if !ok {
		return nil
	}
	return do(f.path)
}
