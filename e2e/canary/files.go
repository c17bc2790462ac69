package canary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// withheld stands for a name that is itself a remnant.
const withheld = "[withheld]"

// File scans one file.
func (s *Scanner) File(path string) ([]Hit, error) { return s.file(path, s.shown(path)) }

func (s *Scanner) file(path, shown string) ([]Hit, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", shown, cause(err))
	}
	hits, err := s.Reader(shown, f)
	return hits, errors.Join(err, f.Close())
}

// Dir scans every regular file below root, hidden ones too, and the names of all entries: an export may be called after
// the person. Links are not followed. skip, which may be nil, leaves out files and whole directories. Files that go away
// meanwhile, as temporary ones do, are no error; files that cannot be read are, and the others are scanned all the same.
func (s *Scanner) Dir(root string, skip func(path string) bool) ([]Hit, error) {
	var found findings
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		shown := path
		if below, err := filepath.Rel(root, path); err == nil {
			shown = filepath.Join(root, s.shown(below))
		}
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist) && path != root:
			return nil
		case err != nil:
			found.errs = append(found.errs, fmt.Errorf("scan %s: %w", shown, cause(err)))
			return nil
		case skip != nil && skip(path) && entry.IsDir():
			return fs.SkipDir
		case skip != nil && skip(path):
			return nil
		}
		if path != root {
			hits, _ := s.Reader(filepath.Dir(shown)+" (name of an entry)", strings.NewReader(entry.Name()))
			found.hits = append(found.hits, hits...)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		hits, err := s.file(path, shown)
		found.hits = append(found.hits, hits...)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			found.errs = append(found.errs, err)
		}
		return nil
	})
	return found.result()
}

// shown is a path as it may be printed.
func (s *Scanner) shown(path string) string {
	if hits, _ := s.Reader("", strings.NewReader(path)); len(hits) == 0 {
		return path
	}
	parts := strings.Split(path, string(filepath.Separator))
	for i, part := range parts {
		if hits, _ := s.Reader("", strings.NewReader(part)); len(hits) > 0 {
			parts[i] = withheld
		}
	}
	return strings.Join(parts, string(filepath.Separator))
}

// cause is what happened to a file, without its path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}
