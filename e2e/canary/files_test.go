package canary_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

func TestDirLooksAtEveryFile(t *testing.T) {
	root := t.TempDir()
	values := map[string]string{}
	write := func(path string, content []byte) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plant := func(path string) []byte {
		values[path] = canary.RandomValue(24)
		return []byte("to: " + values[path])
	}
	write("main.db", plant("main.db"))
	write("main.db-wal", plant("main.db-wal"))
	write(".hidden", plant(".hidden"))
	write("deep/er/.cache/x", plant("deep/er/.cache/x"))
	write("dump.sql.gz", gzipped(plant("dump.sql.gz")))
	write("skipped/file", plant("skipped/file"))
	write("skipped.log", plant("skipped.log"))
	write("empty", nil)
	values["a name"] = canary.RandomValue(24)
	write("export-"+values["a name"]+".csv", plant("in a file of that name"))
	if err := os.Symlink(filepath.Join(root, "main.db"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling")); err != nil {
		t.Fatal(err)
	}
	if l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "s")); err == nil {
		defer func() { _ = l.Close() }()
	}
	s := newScanner(t, values)
	hits, err := s.Dir(root, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "skipped") })
	if err != nil {
		t.Fatal(err)
	}
	for name := range values {
		want := 1
		if strings.HasPrefix(name, "skipped") {
			want = 0
		}
		if got := about(hits, name); len(got) != want {
			t.Errorf("%s: want %d hits, got %v", name, want, got)
		}
	}
	for _, h := range hits {
		if strings.Contains(h.String(), values["a name"][:6]) {
			t.Errorf("a hit prints a name that is a canary: %s", h.Canary)
		}
		if h.Canary == "in a file of that name" && h.Where != filepath.Join(root, "[withheld]") {
			t.Errorf("want a withheld name, got %s", h.Where)
		}
	}
	if s.Scanned() < 24*7 {
		t.Errorf("%d bytes scanned are too few", s.Scanned())
	}
}

func TestFileAndDirThatAreNotThere(t *testing.T) {
	value := canary.RandomValue(24)
	s := newScanner(t, map[string]string{"it": value})
	gone := filepath.Join(t.TempDir(), value)
	for name, scan := range map[string]func() ([]canary.Hit, error){
		"file": func() ([]canary.Hit, error) { return s.File(gone) },
		"dir":  func() ([]canary.Hit, error) { return s.Dir(gone, nil) },
	} {
		_, err := scan()
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: want an error, got %v", name, err)
		}
	}
	if _, err := s.File(gone); strings.Contains(err.Error(), value[:6]) {
		t.Error("the error prints a name that is a canary")
	}
}
