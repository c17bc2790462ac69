package house

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// options are those of a data directory in dir.
func options(dir string) Options {
	return Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "cloakroom.db"), Log: slog.New(slog.DiscardHandler)}
}

// open opens and closes, and returns what went wrong.
func open(o Options) error {
	h, err := Open(context.Background(), o)
	if err != nil {
		return err
	}
	return h.Close()
}

func TestALostKeyIsNotReplaced(t *testing.T) {
	for name, database := range map[string]func(dir string) string{
		"sqlite":   func(dir string) string { return "sqlite:" + filepath.Join(dir, "cloakroom.db") },
		"postgres": func(string) string { return postgres.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := options(dir)
			o.Database = database(dir)
			for range 2 {
				if err := open(o); err != nil {
					t.Fatal(err)
				}
			}
			key := filepath.Join(dir, "gateway.key")
			if err := os.Remove(key); err != nil {
				t.Fatal(err)
			}
			err := open(o)
			if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("without its key: %v", err)
			}
			if _, err := os.Stat(key); err == nil {
				t.Error("a new key was made")
			}
		})
	}
}

func TestAKeyOthersCanReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(options(dir)); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "gateway.key")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o777} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if err := open(options(dir)); err == nil || !strings.Contains(err.Error(), "chmod 600 "+key) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(options(dir)); err != nil {
		t.Error(err)
	}
}

func TestExistingMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo")
	o := options(dir)
	o.Existing = true
	if err := open(o); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cloakroom.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(o); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("an empty file: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.key")); len(files) > 0 {
		t.Errorf("it made %v", files)
	}
	o.Existing = false
	if err := open(o); err != nil {
		t.Fatal(err)
	}
	o.Existing = true
	if err := open(o); err != nil {
		t.Error(err)
	}
	o.Database = postgres.Start(t)
	if err := open(o); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("an empty PostgreSQL database: %v", err)
	}
}

func TestADatabasesDirectoryIsNotMade(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	o := options(at("data"))
	o.Database = "sqlite:" + at("typo/x.db")
	if err := open(o); !errors.Is(err, ErrNoParent) || !strings.Contains(err.Error(), at("typo")) {
		t.Errorf("a directory that is not there: %v", err)
	}
	for _, name := range []string{"typo", "data"} {
		if _, err := os.Stat(at(name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	for data, database := range map[string]string{"a": "a/x.db", "b/c": "b/x.db"} { // what the data directory brings along
		o := options(at(data))
		o.Database = "sqlite:" + at(database)
		if err := open(o); err != nil {
			t.Errorf("%s in %s: %v", database, data, err)
		}
	}
}

func TestAsItIsMigratesNothing(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	if err := open(o); err != nil {
		t.Fatal(err)
	}
	o.Existing, o.AsIs = true, true
	if err := open(o); err != nil {
		t.Errorf("a database of today: %v", err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "cloakroom.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE goose_db_version SET version_id = version_id - 1 WHERE version_id > 0")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := open(o); !errors.Is(err, ErrOlder) {
		t.Errorf("a database of yesterday: %v, want %v", err, ErrOlder)
	}
}

func TestScratchLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	h, err := Scratch(context.Background(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTroubleWithTheFileNamesItAndTheRemedy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cloakroom.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is a letter and no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	err := open(options(dir))
	if err == nil || !strings.Contains(err.Error(), path+" is not a SQLite database") || strings.Contains(err.Error(), "(26)") {
		t.Errorf("a letter: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "gateway.key")); err == nil {
		t.Error("a key was made beside it")
	}
	if got := explained(coded(1544), "sqlite:"+path); !strings.Contains(got.Error(), path) || !strings.Contains(got.Error(), "may write") {
		t.Error(got)
	}
	if got := explained(coded(1544), "postgres://u:secret@h/d"); strings.Contains(got.Error(), "secret") {
		t.Error(got)
	}
	if got := explained(coded(1), "sqlite:"+path); !errors.Is(got, coded(1)) {
		t.Error("an error nobody explains is lost")
	}
}

// coded is an error of the SQLite driver.
type coded int

func (c coded) Error() string { return "the driver's words" }
func (c coded) Code() int     { return int(c) }
