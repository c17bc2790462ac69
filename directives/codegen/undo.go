package codegen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
)

// ErrNothingToUndo says that every migration is committed.
var ErrNothingToUndo = errors.New("every migration is committed: what others may have applied is not taken back; change the schema and generate a further one")

// Undo takes back the migrations that are not committed yet: it deletes their files, and restores the generator's memory,
// atlas.sum and schema.hcl, from the last commit. A migration that is committed may have been applied somewhere, and is only
// ever followed by another one. Returned are the files deleted, relative to the root.
func Undo(ctx context.Context, root string) ([]string, error) {
	var removed []string
	restore := map[string][]byte{}
	for _, d := range dialects {
		dir := migrateDir + "/" + d.dirName()
		committed, err := committedFiles(ctx, root, dir)
		if err != nil {
			return nil, err
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.sql"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if name := dir + "/" + filepath.Base(f); !committed[name] {
				removed = append(removed, name)
			}
		}
		for _, memory := range []string{atlas.HashFileName, stateFile} {
			if restore[dir+"/"+memory], err = git(ctx, root, "show", "HEAD:./"+dir+"/"+memory); err != nil {
				return nil, err
			}
		}
	}
	if len(removed) == 0 {
		return nil, ErrNothingToUndo
	}
	for _, name := range removed {
		if err := os.Remove(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return nil, err
		}
	}
	for name, data := range restore {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), data, 0o644); err != nil {
			return nil, err
		}
	}
	return removed, sound(root)
}

// sound sees that what is left is as it was generated.
func sound(root string) error {
	for _, d := range dialects {
		dir, err := atlas.NewLocalDir(filepath.Join(root, migrateDir, d.dirName()))
		if err != nil {
			return err
		}
		if err := atlas.Validate(dir); err != nil {
			return fmt.Errorf("%s/%s is not as it was committed; restore it from version control: %w", migrateDir, d.dirName(), err)
		}
	}
	return nil
}

// committedFiles are the files of a directory in the last commit. Without any migration among them there is no state to go
// back to.
func committedFiles(ctx context.Context, root, dir string) (map[string]bool, error) {
	list, err := git(ctx, root, "ls-tree", "-z", "--name-only", "HEAD", dir+"/")
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	migrations := 0
	for _, name := range strings.Split(string(list), "\x00") {
		files[name] = true
		if strings.HasSuffix(name, ".sql") {
			migrations++
		}
	}
	if migrations == 0 {
		return nil, fmt.Errorf("take migrations back: none of %s is committed, so there is nothing to go back to: commit the state from before the next time; "+
			"if no database was made with them, delete the *.sql files, %s and %s there and generate again", dir, atlas.HashFileName, stateFile)
	}
	return files, nil
}

// git asks git about the root. What is new only version control knows.
func git(ctx context.Context, root string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("take migrations back: git is not installed; restore %s from your version control", migrateDir)
	}
	why, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
	return nil, fmt.Errorf("take migrations back: git knows which are new, and says: %s", strings.TrimPrefix(why, "fatal: "))
}
