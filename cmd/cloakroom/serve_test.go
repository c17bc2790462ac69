package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// output may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) { o.mu.Lock(); defer o.mu.Unlock(); return o.b.Write(p) }
func (o *output) String() string              { o.mu.Lock(); defer o.mu.Unlock(); return o.b.String() }

// TestServe goes through the whole house: the command line, the token, HTTP, the gateway, the database.
func TestServe(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { serveOver(t, "") })
	t.Run("postgres", func(t *testing.T) { serveOver(t, postgres.Start(t)) })
}

func serveOver(t *testing.T, database string) {
	args := []string{"--data", t.TempDir()}
	if database != "" {
		args = append(args, "--database", database)
	}
	url, log := start(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--demo"}, args...))

	for path, want := range map[string]string{url + "/healthz": "ok\n", url + "/": "<!doctype html>",
		adminURL(t, log) + "/healthz": "ok\n", adminURL(t, log) + "/readyz": "ready\ndatabase: up\nerasures: up\nkeys: up\n"} {
		if status, body := send(t, http.MethodGet, path, "", ""); status != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	token := func(role string) string {
		var out, errOut bytes.Buffer
		code := run(append([]string{"dev", "token", "--role", role, "--attr", "region=EMEA"}, args...), nil, &out, &errOut)
		if code != 0 || errOut.Len() > 0 || strings.Count(out.String(), "\n") != 1 {
			t.Fatalf("dev token: %d %s%s", code, &out, &errOut)
		}
		return strings.TrimSpace(out.String())
	}
	ask := func(role, purpose string) string {
		query, err := json.Marshal(map[string]string{"query": "query @for(purpose: " + purpose + ") { contacts(first: 100) { nodes { email } } }"})
		if err != nil {
			t.Fatal(err)
		}
		status, body := send(t, http.MethodPost, url+"/graphql", token(role), string(query))
		if status != 200 || !strings.Contains(body, `"privacy"`) {
			t.Fatalf("%s: %d %s", role, status, body)
		}
		return body
	}
	sales, marketing := ask("SALES_REP", "SALES"), ask("MARKETER", "MARKETING")
	if !strings.Contains(sales, "@example.") || strings.Contains(sales, "•••@") {
		t.Errorf("sales: %s", sales)
	}
	if !strings.Contains(marketing, "•••@") || !strings.Contains(marketing, "PURPOSE_CONSENT") {
		t.Errorf("marketing: %s", marketing)
	}
	if status, body := send(t, http.MethodPost, url+"/graphql", "", "{}"); status != 401 || !strings.Contains(body, "UNAUTHENTICATED") {
		t.Errorf("without a token: %d %s", status, body)
	}
	published := url + "/.well-known/cloakroom/consent-jwks.json"
	if status, body := send(t, http.MethodGet, published, "", ""); status != 200 || body != "{\"keys\":[]}\n" {
		t.Errorf("keys before the first receipt: %d %s", status, body)
	}
	for _, secret := range []string{"@example.", "contacts", token("SALES_REP")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
}

// adminURL is the address of health in a log line that names one.
func adminURL(t *testing.T, log *output) string {
	t.Helper()
	m := regexp.MustCompile(` admin=(\S+)`).FindStringSubmatch(log.String())
	if m == nil {
		t.Fatalf("no admin address:\n%s", log)
	}
	return m[1]
}

// start runs a serve command until the test ends and returns its URL, once it is ready.
func start(t *testing.T, args []string) (url string, log *output) {
	t.Helper()
	return startUntil(t, args, regexp.MustCompile(`msg=ready url=(\S+)`))
}

// startUntil waits for a line of the log, which names the URL.
func startUntil(t *testing.T, args []string, ready *regexp.Regexp) (url string, log *output) {
	t.Helper()
	log = &output{}
	ctx, stop := context.WithCancel(context.Background())
	root := newRoot()
	root.SetArgs(args)
	root.SetErr(log)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v\n%s", err, log)
		}
	})
	for range 3000 {
		if m := ready.FindStringSubmatch(log.String()); m != nil {
			return m[1], log
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("serve: %v\n%s", err, log)
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("never ready:\n%s", log)
	return "", nil
}

// TestServeHoldsWhatIsNotComparedWithTheLedger has a server that cannot read its ledger, and later can.
func TestServeHoldsWhatIsNotComparedWithTheLedger(t *testing.T) {
	data := t.TempDir()
	cloakroom(t, exitDone, "dev", "welcome", "--data", data, "--demo")
	ledger := filepath.Join(data, "erasures.db")
	execute(t, "sqlite", ledger, `ALTER TABLE keyring_erasures RENAME TO away`)
	url, log := startUntil(t, []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, regexp.MustCompile(`msg="listening, and not ready yet" url=(\S+)`))
	token, _ := cloakroom(t, exitDone, "dev", "token", "--data", data, "--role", "ANALYST")
	ask := func() (int, string) {
		return send(t, http.MethodPost, url+"/graphql", strings.TrimSpace(token), `{"query": "query @for(purpose: ANALYTICS) { accounts { nodes { name } } }"}`)
	}
	if status, body := send(t, http.MethodGet, adminURL(t, log)+"/readyz", "", ""); status != 503 || !strings.HasPrefix(body, "not ready: erasures have to be carried out again on restored data") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := ask(); status != 503 || !strings.Contains(body, `"UNAVAILABLE"`) || strings.Contains(body, `"nodes"`) {
		t.Errorf("held, and answered: %d %s", status, body)
	}
	execute(t, "sqlite", ledger, `ALTER TABLE away RENAME TO keyring_erasures`)
	for tries := 0; ; tries++ {
		if status, body := ask(); status == 200 && strings.Contains(body, `"nodes"`) {
			break
		} else if tries > 1000 {
			t.Fatalf("not answered: %d %s\n%s", status, body, log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if status, body := send(t, http.MethodGet, adminURL(t, log)+"/readyz", "", ""); status != 200 || !strings.HasPrefix(body, "ready\n") {
		t.Errorf("readyz: %d %s", status, body)
	}
}

func send(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json, */*;q=0.1") // whose statuses say what happened
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(all)
}
