// Package planted builds the program with mistakes in it: a test is trusted once it was seen to fail.
package planted

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Edit is a mistake in a copy of a file of the module. Without Old, the file is a new one.
type Edit struct{ File, Old, New string }

// Build builds the program with edits that the source does not get, and returns its path.
func Build(t testing.TB, edits ...Edit) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, dir := filepath.Dir(strings.TrimSpace(string(out))), t.TempDir()
	texts := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(root, e.File)
		if e.Old == "" {
			texts[path] = e.New
			continue
		}
		if texts[path] == "" {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
		if strings.Count(texts[path], e.Old) != 1 {
			t.Fatalf("%s does not have %q once", e.File, e.Old)
		}
		texts[path] = strings.Replace(texts[path], e.Old, e.New, 1)
	}
	replace := map[string]string{}
	for path, text := range texts {
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "cloakroom")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/cloakroom")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with mistakes: %v\n%s", err, out)
	}
	return binary
}
