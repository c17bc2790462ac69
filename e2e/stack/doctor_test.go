package stack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/stack"
	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// TestDoctor looks at a real stack, as it should be and with one thing broken after the other.
func TestDoctor(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	ory.Need(t)
	binary := filepath.Join(t.TempDir(), "cloakroom")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/cloakroom-crm/cloakroom/cmd/cloakroom").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := stack.Start(t, stack.Options{Binary: binary, Identity: "kratos", Links: true})
	g := s.Gateways[0]
	db, err := store.Open(t.Context(), s.Postgres.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	execute := func(statement string) func() error {
		return func() error { _, err := db.DB.ExecContext(context.Background(), statement); return err }
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	other := t.TempDir() // of another deployment
	if out, err := exec.CommandContext(t.Context(), binary, "migrate", "--data", other).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	jwks := httptest.NewServer(http.NotFoundHandler())
	defer jwks.Close()
	secret := filepath.Join(t.TempDir(), "redis")
	if err := os.WriteFile(secret, []byte(s.Redis.URL), 0o604); err != nil {
		t.Fatal(err)
	}
	nothing := func() error { return nil }
	data := filepath.Join(g.Command(t.Context()).Dir, "data")
	before := fingerprint(t, data)

	healthy := "ok: settings secrets identity listen admin data directory database clock schema gateway key root key erasure ledger redis kratos"
	for _, c := range []struct {
		name       string
		broke, fix func() error
		args       []string
		want       string // what is as it should be, or "STATE NAME: part of what is said" of what is not
		remedy     string
	}{
		{name: "all is well", want: healthy},
		{name: "all is well, and the admin API is known", args: []string{"--kratos.admin", s.Kratos.Admin}, want: healthy + " kratos admin"},
		{name: "nothing is registered", want: "warn documents: documents=enforce, and 0 are registered: nothing is answered", remedy: "documents add"},
		{name: "a port is taken", args: []string{"--listen", taken.Addr().String()}, want: "fail listen: is taken, and not by a gateway", remedy: "--listen"},
		{name: "the development identity is for loopback", args: []string{"--identity", "dev", "--listen", "0.0.0.0:0"}, want: "fail settings: listens on loopback only"},
		{name: "a setting is unknown to its form", args: []string{"--limits.cost", "much"}, want: "fail settings: limits.cost: want a number"},
		{name: "nothing is there", broke: each(g, (*stack.Link).Refuse), fix: g.Mend, want: "fail database: refused | fail keys database: refused | fail redis: refused | fail kratos: refused", remedy: "start it, or see that"},
		{name: "all is silent", broke: each(g, (*stack.Link).Partition), fix: g.Mend, want: "fail database: | fail keys database: | fail redis: does not answer | fail kratos: ", remedy: "start it, or see that"},
		{name: "PostgreSQL has no such user", args: []string{"--database", strings.Replace(s.Postgres.URL, "cloakroom", "nobody", 1)}, want: "fail database: 28", remedy: "user and password"},
		{name: "a migration is missing", broke: execute(`DELETE FROM shared_version WHERE version_id > 0`), fix: execute(`INSERT INTO shared_version (version_id, is_applied) VALUES (1, true), (2, true)`),
			args: []string{"--migrate", "check"}, want: "fail schema: migrate=check", remedy: "cloakroom migrate"},
		{name: "the database is newer", broke: execute(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999999999999, true)`), fix: execute(`DELETE FROM goose_db_version WHERE version_id = 99999999999999`),
			want: "fail schema: newer than this program"},
		{name: "the root key is another one", args: []string{"--keys.root", "file:" + filepath.Join(other, "root-key.json")}, want: "fail root key: not wrapped by this root key", remedy: "--keys.root"},
		{name: "the root key is gone", args: []string{"--keys.root", "file:" + filepath.Join(other, "none.json")}, want: "fail root key: the root key is not there"},
		{name: "the keys are elsewhere", args: []string{"--keys.dsn", "sqlite:" + filepath.Join(other, "none.db")}, want: "ok: keys database root key"}, // nothing is sealed yet
		{name: "the ledger is gone", args: []string{"--keys.ledger", "sqlite:" + filepath.Join(other, "none.db")}, want: "warn erasure ledger: there is none, and the database is in use", remedy: "--keys.ledger"},
		{name: "the ledger is with the keys", args: []string{"--keys.ledger", "sqlite:x.db", "--keys.dsn", "sqlite:x.db"}, want: "fail keys database: lies apart"},
		{name: "the data directory is another one", args: []string{"--data", other}, want: "ok: gateway key data directory"}, // and its root key is another one
		{name: "there is no gateway key", args: []string{"--data", filepath.Join(other, "sub")}, want: "fail gateway key: is missing, and the database is in use"},
		{name: "Redis wants another password", args: []string{"--redis", strings.Replace(s.Redis.URL, s.Redis.Password, "wrong", 1)}, want: "fail redis: refuses", remedy: "password"},
		{name: "a password is on the command line", args: []string{"--redis", s.Redis.URL}, want: "warn secrets: redis is on the command line", remedy: "--redis-file"},
		{name: "a password is open to all", args: []string{"--redis-file", secret}, want: "warn secrets: every user", remedy: "chmod 600 " + secret},
		{name: "the admin API is named as the public one", args: []string{"--kratos.url", s.Kratos.Admin}, want: "fail kratos: not the public API", remedy: "kratos.url"},
		{name: "the public API is named as the admin one", args: []string{"--kratos.admin", s.Kratos.Public}, want: "fail kratos admin: not the admin API", remedy: "kratos.admin"},
		{name: "the admin API is away", args: []string{"--kratos.admin", "http://127.0.0.1:1"}, want: "fail kratos admin: refused", remedy: "kratos.admin"},
		{name: "the issuer has no keys", args: []string{"--oidc.issuer", jwks.URL, "--oidc.audience", "a", "--oidc.jwks", jwks.URL}, want: "fail oidc: 404", remedy: "oidc.jwks"},
		{name: "all is well again", want: healthy},
	} {
		if c.broke == nil {
			c.broke, c.fix = nothing, nothing
		}
		if err := c.broke(); err != nil {
			t.Fatal(c.name, err)
		}
		began := time.Now()
		said, code := examined(t, g, c.args...)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %s", c.name, took)
		}
		if err := c.fix(); err != nil {
			t.Fatal(c.name, err)
		}
		checkDoctor(t, c.name, c.want, c.remedy, said, code)
	}
	if after := fingerprint(t, data); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(other, "none.db")); !os.IsNotExist(err) {
		t.Error("a database was made:", err)
	}
	if err := g.Kratos.Refuse(); err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	startsWithoutKratos(t, g)
}

// startsWithoutKratos has a gateway start that cannot let anybody in yet: Kratos may be away for a while.
func startsWithoutKratos(t *testing.T, g *stack.Gateway) {
	t.Helper()
	started := make(chan error, 1)
	go func() { started <- g.Start() }()
	var said string
	for range 1000 {
		if resp, err := http.Get(g.Admin + "/readyz"); err == nil {
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if said = string(body); resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(said, "nobody is let in") {
				break
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(said, "nobody is let in") || strings.Contains(said, "database: down") {
		t.Errorf("without Kratos it says %q", said)
	}
	if err := g.Mend(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Error("it is not ready when Kratos is back:", err)
	}
}

// diagnosis is what doctor prints.
type diagnosis struct {
	State  string
	Checks []finding
}

type finding struct{ Name, State, Says, Remedy string }

// each breaks all ways to services alike.
func each(g *stack.Gateway, how func(*stack.Link) error) func() error {
	return func() error { return errors.Join(how(g.Postgres), how(g.Redis), how(g.Kratos)) }
}

func examined(t *testing.T, g *stack.Gateway, args ...string) (d diagnosis, code int) {
	t.Helper()
	cmd := g.Command(t.Context(), append([]string{"doctor", "--json"}, args...)...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if cmd.ProcessState == nil || errOut.Len() > 0 {
		t.Fatalf("%v: %v %s", args, err, &errOut)
	}
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v: %v in %s", args, err, out)
	}
	for _, secret := range []string{"hunter2", "://:", "password@"} {
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("%v: a secret is told: %s", args, out)
		}
	}
	return d, cmd.ProcessState.ExitCode()
}

func checkDoctor(t *testing.T, name, want, remedy string, d diagnosis, code int) {
	t.Helper()
	states := map[string]string{}
	for _, c := range d.Checks {
		states[c.Name] = c.State
	}
	if wantCode := map[bool]int{true: 1, false: 0}[d.State == "fail"]; code != wantCode {
		t.Errorf("%s: exit code %d and state %s", name, code, d.State)
	}
	if names, ok := strings.CutPrefix(want, "ok: "); ok {
		for n, state := range states {
			if strings.Contains(" "+names+" ", " "+n+" ") && state != "ok" {
				t.Errorf("%s: %s is %s: %+v", name, n, state, about(d, n))
			}
		}
		return
	}
	for want := range strings.SplitSeq(want, " | ") {
		state, rest, _ := strings.Cut(want, " ")
		thing, says, _ := strings.Cut(rest, ":")
		says = strings.TrimSpace(says)
		if !slices.ContainsFunc(d.Checks, func(c finding) bool {
			return c.Name == thing && c.State == state && strings.Contains(c.Says, says) && strings.Contains(c.Remedy, remedy)
		}) {
			t.Errorf("%s: want %s, with %q: %+v", name, want, remedy, about(d, thing))
		}
	}
}

// about is what a diagnosis says of one thing.
func about(d diagnosis, name string) (found []string) {
	for _, c := range d.Checks {
		if c.Name == name {
			found = append(found, c.State+": "+c.Says+" → "+c.Remedy)
		}
	}
	return found
}

// fingerprint is what a directory holds.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		raw, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", filepath.Base(path), sha256.Sum256(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
