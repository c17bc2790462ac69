package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// gateway is a running server of a built binary.
type gateway struct {
	binary, data, url string
	pid               int
	log               func() string
}

// run executes a command in dir and fails the test if it fails.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := command(dir, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "NO_COLOR=1")
	return c
}

var readyURL = regexp.MustCompile(`msg=ready url=(\S+)`)

// serve starts the binary on a free port and stops it with the test.
func serve(t *testing.T, binary string, args ...string) *gateway {
	t.Helper()
	return serveWith(t, binary, nil, args...)
}

// serveWith is serve with variables in the environment.
func serveWith(t *testing.T, binary string, environ []string, args ...string) *gateway {
	t.Helper()
	g := &gateway{binary: binary, data: t.TempDir()}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "", "--data", g.data}, args...)...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	c.Env = append(os.Environ(), environ...)
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	g.pid = c.Process.Pid
	var mu sync.Mutex
	var lines bytes.Buffer
	g.log = func() string {
		mu.Lock()
		defer mu.Unlock()
		return lines.String()
	}
	found := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(log); s.Scan(); {
			mu.Lock()
			lines.WriteString(s.Text() + "\n")
			mu.Unlock()
			if m := readyURL.FindStringSubmatch(s.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
		err := c.Wait()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error("server stopped with", err)
		}
		if t.Failed() {
			t.Logf("server log:\n%s", g.log())
		}
	})
	select {
	case g.url = <-found:
	case <-done:
		t.Fatalf("server stopped:\n%s", g.log())
	case <-time.After(30 * time.Second):
		t.Fatal("server is not ready after 30 s")
	}
	return g
}

// token mints a bearer token of the development identity.
func (g *gateway) token(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", g.binary, append([]string{"dev", "token", "--data", g.data}, args...)...))
}

// post sends an operation over HTTP and returns the body and its data.
func (g *gateway) post(t *testing.T, token, query string) (string, map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, g.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<24))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Data map[string]any }
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return string(raw), answer.Data
}

// moduleRoot is the directory of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	return filepath.Dir(strings.TrimSpace(run(t, ".", "go", "env", "GOMOD")))
}
