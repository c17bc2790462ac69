package door

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// requireNode says that a missing Node.js is a failure here.
const requireNode = "CLOAKROOM_REQUIRE_NODE"

// Every audit of graphql-http passes. What they ask as text by GET is answered in mode open only, which is that of a
// developer's machine.
func TestAudits(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv(requireNode) == "1" {
			t.Fatal("there is no npm: install Node.js")
		}
		t.Skip("the audits of GraphQL over HTTP are not run: install Node.js")
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	dir := installed(t, ctx)
	d := open(t, nil)
	s := httptest.NewServer(d)
	defer s.Close()
	c := exec.CommandContext(ctx, "node", "audit.mjs", s.URL+"/graphql")
	c.Dir = dir
	c.Env = append(os.Environ(), "CLOAKROOM_TOKEN="+d.token(t, "SALES_MANAGER"))
	out, err := c.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^61 of 61 passed$`).Match(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(string(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]))
}

// installed is the directory of the audits with what they need, at the versions of the lock file.
func installed(t *testing.T, ctx context.Context) string {
	t.Helper()
	dir, err := filepath.Abs("../audits")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, "node_modules", ".cloakroom-lock.json")
	if have, err := os.ReadFile(mark); err == nil && bytes.Equal(have, want) {
		return dir
	}
	c := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, strings.TrimSpace(string(out)))
	}
	if err := os.WriteFile(mark, want, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
