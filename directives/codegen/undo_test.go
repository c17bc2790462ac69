package codegen

import (
	"context"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
)

// committed puts root under version control as it is.
func committed(t *testing.T, root string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for k, v := range map[string]string{"GIT_CONFIG_GLOBAL": filepath.Join(t.TempDir(), "none"), "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"} {
		t.Setenv(k, v)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "--allow-empty", "-m", "x"}} {
		if out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files, err := readTree(filepath.Join(root, migrateDir))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, data := range files {
		out[name] = string(data)
	}
	return out
}

// The way out of a migration that fails on tables with rows, from the notice to rows that are still there.
func TestUndoAndGenerateAgain(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	committed(t, root)
	before := tree(t, root)
	dbs := databases(t)
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, "INSERT INTO people (id, name, nick) VALUES ("+anID+", 'Ada', 'a')")
	}
	with := func(c *schema.Column) Tables {
		ts := people()
		table(ts, "people").AddColumn(c)
		return ts
	}
	var want []string
	for d, m := range migrateIn(t, root, with(&schema.Column{Name: "city", Type: field.TypeString}), false) {
		if len(m.Notices) != 1 || !strings.Contains(m.Notices[0], "generate --undo") {
			t.Errorf("%s: notices %q do not say how to get out", d, m.Notices)
		}
		want = append(want, m.File)
	}
	migrateIn(t, root, with(&schema.Column{Name: "town", Type: field.TypeString}), false) // and a second one on top
	removed, err := Undo(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range want {
		if !slices.Contains(removed, file) {
			t.Errorf("%s was not taken back: %v", file, removed)
		}
	}
	if len(removed) != 4 || !maps.Equal(before, tree(t, root)) {
		t.Errorf("removed %v; left\n%v", removed, slices.Sorted(maps.Keys(tree(t, root))))
	}
	for d, m := range migrateIn(t, root, with(&schema.Column{Name: "city", Type: field.TypeString, Nullable: true}), false) {
		if m.File != "ent/migrate/"+d+"/00002_change_people.sql" || len(m.Notices) > 0 {
			t.Errorf("%s: generated again: %+v", d, m)
		}
	}
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, "UPDATE people SET city = 'London' WHERE name = 'Ada'")
	}
	committed(t, root)
	if _, err := Undo(context.Background(), root); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("what is committed: %v, want %v", err, ErrNothingToUndo)
	}
}

func TestUndoNeedsAStateToGoBackTo(t *testing.T) {
	root := t.TempDir()
	committed(t, root)
	migrateIn(t, root, people(), false)
	before := tree(t, root)
	if _, err := Undo(context.Background(), root); err == nil || !strings.Contains(err.Error(), "none of ent/migrate/sqlite is committed") {
		t.Errorf("nothing committed: %v", err)
	}
	outside := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(outside))
	if _, err := Undo(context.Background(), outside); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("without version control: %v", err)
	}
	if !maps.Equal(before, tree(t, root)) {
		t.Error("a refused undo changed something")
	}
}
