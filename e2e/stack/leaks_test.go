package stack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

// leaks are places where no personal data belongs: traces, and what Redis is sent and keeps.
type leaks struct {
	spans   *collector
	client  *redis.Client
	control string // a canary that is there for certain

	mu   sync.Mutex
	wire strings.Builder
}

// collector takes traces.
type collector struct {
	URL string

	mu   sync.Mutex
	text bytes.Buffer
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, err := c.text.ReadFrom(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

// listen has Redis write down everything from here on.
func (w *world) listen(t *testing.T, spans *collector) *leaks {
	t.Helper()
	o, err := redis.ParseURL(w.Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := &leaks{spans: spans, client: redis.NewClient(o), control: canary.RandomDotted(24)}
	monitor, err := net.Dial("tcp", w.Redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(monitor, "AUTH %s\r\nMONITOR\r\n", w.Redis.Password); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := monitor.Read(buf)
			l.mu.Lock()
			l.wire.Write(buf[:n])
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = monitor.Close(); _ = l.client.Close() })
	for name, value := range map[string]string{"appendonly": "yes", "appendfsync": "always"} {
		if err := l.client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// scan looks for everything that was planted: in logs, in metrics, in what Redis was sent, and in what it keeps in memory, in its dump
// and in its log.
func (l *leaks) scan(t *testing.T, w *world) {
	t.Helper()
	if err := l.client.Set(t.Context(), "control", l.control, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := l.client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.canaries["control"] = l.control
	s, err := canary.New(w.canaries)
	w.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	look := func(where string, seen bool, hits []canary.Hit, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
		sees := false
		for _, h := range believed(hits) {
			if sees = sees || h.Canary == "control"; h.Canary != "control" {
				t.Errorf("%s: %v", where, h)
			}
		}
		if seen && !sees {
			t.Errorf("%s: what is there for certain is not found", where)
		}
	}
	for n, g := range w.Gateways {
		resp, err := http.Get(g.Admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(text), "cloakroom_") {
			t.Errorf("gateway %d has no metrics: %s %v", n+1, resp.Status, err)
		}
		hits, err := s.Reader("metrics", bytes.NewReader(text))
		look("metrics", false, hits, err)
		if err := g.Stop(); err != nil { // it sends the last of its traces
			t.Error(err)
		}
		log := g.Log()
		if !strings.Contains(log, "msg=request") {
			t.Errorf("gateway %d has no log", n+1)
		}
		hits, err = s.Reader("log", strings.NewReader(log))
		look("log", false, hits, err)
	}
	l.spans.mu.Lock()
	defer l.spans.mu.Unlock()
	traces := l.spans.text.Bytes()
	if !bytes.Contains(traces, []byte("SELECT contacts")) {
		t.Errorf("no traces of what was done in %d bytes", len(traces))
	}
	hits, err := s.Reader("traces", bytes.NewReader(traces))
	look("traces", false, hits, err)
	hits, err = s.Reader("values", strings.NewReader(l.values(t)))
	look("values of Redis", true, hits, err)
	for _, file := range []string{"dump.rdb", "appendonlydir"} {
		hits, err := s.Dir(filepath.Join(w.Redis.Dir, file), nil)
		look(file, true, hits, err)
	}
	hits, err = s.File(filepath.Join(w.Redis.Dir, "log"))
	look("log of Redis", false, hits, err)
	wire := l.heard(t)
	hits, err = s.Reader("wire", strings.NewReader(wire))
	look("what Redis was sent", true, hits, err)
	t.Logf("%d canaries, %d bytes looked at, %d of them traces, %d on the way to Redis", len(w.canaries), s.Scanned(), len(traces), len(wire))
}

// heard is what Redis was sent so far. It tells with a delay.
func (l *leaks) heard(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		wire := l.wire.String()
		l.mu.Unlock()
		if strings.Contains(wire, l.control) || time.Now().After(end) {
			return wire
		}
	}
}

// values are all keys of Redis with what stands in them.
func (l *leaks) values(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	keys := l.client.Scan(t.Context(), 0, "*", 1000).Iterator()
	for keys.Next(context.WithoutCancel(t.Context())) {
		raw, err := l.client.Dump(t.Context(), keys.Val()).Result()
		if err != nil && !errors.Is(err, redis.Nil) { // it has just ended
			t.Fatal(err)
		}
		out.WriteString(keys.Val() + " " + raw + "\n")
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
