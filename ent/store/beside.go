package store

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Beside are the migrations of tables that a package keeps beside Ent's, in the same database or in one of its own.
type Beside struct {
	Files    fs.FS  // with a directory for each database: "postgres" and "sqlite"
	Versions string // table that keeps how far they are
	What     string // they are of, in errors: "what replicas share"
	Dir      string // before the names of files, for whoever is told which are to come
}

func (b Beside) files(s *Store) (fs.FS, error) {
	return fs.Sub(b.Files, strings.TrimSuffix(s.Dialect, "3"))
}

// Migrate brings the tables to this program's version.
func (b Beside) Migrate(ctx context.Context, s *Store) error {
	files, err := b.files(s)
	if err == nil {
		err = s.MigrateFrom(ctx, files, b.Versions)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.What, err)
	}
	return nil
}

// Pending are the migrations that Migrate would apply. It reads only.
func (b Beside) Pending(ctx context.Context, s *Store) ([]Pending, error) {
	files, err := b.files(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.What, err)
	}
	pending, err := s.PendingFrom(ctx, files, b.Versions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.What, err)
	}
	for i := range pending {
		pending[i].File = path.Join(b.Dir, pending[i].File)
	}
	return pending, nil
}
