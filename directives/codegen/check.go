package codegen

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// StaleError says that generated files do not match the schema.
type StaleError struct{ Files []string }

// Error names the files and the remedy.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%d generated files are out of date; run cloakroom generate:\n  %s",
		len(e.Files), strings.Join(e.Files, "\n  "))
}

// inputs are what the pipeline reads: the schema, and every package the generated code is bound to.
var inputs = []string{"go.mod", "go.sum", "gqlgen.yml", "directives", "ent", "graph"}

// outputs are where it writes.
var outputs = []string{"ent", "graph"}

// check generates into a copy and compares.
func check(ctx context.Context, o Options) (Result, error) {
	tmp, err := os.MkdirTemp("", "cloakroom-check-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, in := range inputs {
		if err := copyTree(filepath.Join(o.Root, in), filepath.Join(tmp, in)); err != nil {
			return Result{}, fmt.Errorf("copy the module: %w", err)
		}
	}
	fresh := o
	fresh.Root = tmp
	result, err := generate(ctx, fresh)
	if err != nil {
		return result, err
	}
	for _, out := range outputs {
		stale, err := differences(o.Root, tmp, out)
		if err != nil {
			return result, err
		}
		result.Stale = append(result.Stale, stale...)
	}
	if len(result.Stale) > 0 {
		return result, &StaleError{result.Stale}
	}
	return result, nil
}

func copyTree(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	}
	return os.CopyFS(to, os.DirFS(from))
}

// differences lists the files under sub that are not the same in both trees.
func differences(a, b, sub string) ([]string, error) {
	left, err := readTree(filepath.Join(a, sub))
	if err != nil {
		return nil, err
	}
	right, err := readTree(filepath.Join(b, sub))
	if err != nil {
		return nil, err
	}
	var out []string
	for name, data := range left {
		other, ok := right[name]
		if !ok {
			out = append(out, sub+"/"+name+" (no longer generated)")
		} else if !bytes.Equal(data, other) {
			out = append(out, sub+"/"+name)
		}
	}
	for name := range right {
		if _, ok := left[name]; !ok {
			out = append(out, sub+"/"+name+" (missing)")
		}
	}
	slices.Sort(out)
	return out, nil
}

func readTree(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasSuffix(filepath.ToSlash(path), schemaDir) {
				return fs.SkipDir // an input: someone may be editing it
			}
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	return files, err
}
