package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
)

// output is what was written so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestWhatIsPrintedWorks starts everything twice in one directory, and does what it says in a shell.
func TestWhatIsPrintedWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	ory.Need(t)
	binary, dir := filepath.Join(t.TempDir(), "cloakroom"), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/cloakroom-crm/cloakroom/cmd/cloakroom").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if os.Geteuid() == 0 { // PostgreSQL runs as somebody else, who has to get in
		for d := filepath.Dir(dir); strings.HasPrefix(d, os.TempDir()) && d != os.TempDir(); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	passwords := map[string]bool{}
	for range 2 {
		ctx, interrupt := context.WithCancel(t.Context())
		var out output
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, []string{"-dir", dir, "-binary", binary, "-free-ports", "-replicas", "2"}, &out)
		}()
		for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(50 * time.Millisecond) {
			select {
			case err := <-ended:
				t.Fatalf("%v\n%s", err, out.String())
			default:
			}
			if time.Now().After(deadline) {
				t.Fatal(out.String())
			}
		}
		said := out.String()
		_, lines, _ := strings.Cut(said, "another shell:\n")
		lines, _, _ = strings.Cut(lines, "\nDocuments are open")
		answer, err := exec.CommandContext(t.Context(), "sh", "-ec", lines).CombinedOutput()
		if err != nil || !strings.Contains(string(answer), `"fullName":"`) || strings.Contains(string(answer), `"errors"`) {
			t.Errorf("%v: %s\n%s", err, answer, said)
		}
		for _, line := range strings.Split(said, "\n") {
			if f := strings.Fields(line); len(f) == 3 && strings.Contains(f[0], "@") {
				passwords[f[0]+" "+f[1]] = true
			}
		}
		if !strings.Contains(said, "CUSTOMER") {
			t.Error("no customer can sign in:", said)
		}
		interrupt()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "up.pid")); err == nil {
			t.Error("its pid stays behind")
		}
	}
	if n := len(passwords); n < 3 || n > 12 {
		t.Errorf("%d pairs of people and passwords: the second time they are others", n)
	}
}
