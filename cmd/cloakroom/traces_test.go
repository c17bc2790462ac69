package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

// collector takes spans and keeps every byte.
type collector struct {
	url   string
	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*otlp.Span
	other []string // what went wrong
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var asked collect.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &asked) != nil {
		c.other = append(c.other, r.Method+" "+r.URL.Path)
		return
	}
	c.raw.Write(body)
	_ = r.Header.Write(&c.raw)
	for _, of := range asked.ResourceSpans {
		for _, in := range of.ScopeSpans {
			c.spans = append(c.spans, in.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// check holds what came to what may.
func (c *collector) check(t *testing.T, in *intruder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.other) > 0 {
		t.Errorf("something else came: %q", c.other)
	}
	scanner, err := canary.New(in.values)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := scanner.Reader("spans", bytes.NewReader(c.raw.Bytes()))
	if err != nil || len(hits) > 0 {
		t.Errorf("what clients sent is in the spans: %v %v", hits, err)
	}
	if id, _ := hex.DecodeString(in.trace); len(id) != 16 || bytes.Contains(c.raw.Bytes(), id) || bytes.Contains(c.raw.Bytes(), []byte(in.trace)) {
		t.Error("a client decided what its trace is called")
	}
	if bytes.Contains(c.raw.Bytes(), []byte("Flood")) || bytes.Contains(c.raw.Bytes(), []byte(in.token)) {
		t.Error("what clients sent is in the spans")
	}
	c.onlyKnownNames(t)
	for _, path := range []string{
		"POST /graphql > query Registered > SELECT contacts",
		"POST /graphql > query > plan Contact",
		"POST /graphql > query > SELECT contacts",
		"POST /graphql > mutation > update Contact",
		"POST /graphql > subscription",
		"GET /graphql > query",
		"POST /graphql",
	} {
		if !c.has(path) {
			t.Errorf("there is no span %s", path)
		}
	}
	if t.Failed() {
		paths := map[string]int{}
		for _, s := range c.spans {
			paths[c.path(s)]++
		}
		t.Log(paths)
	}
}

// path is a span's name, and those of what it is a part of.
func (c *collector) path(s *otlp.Span) string {
	for _, p := range c.spans {
		if len(s.ParentSpanId) > 0 && bytes.Equal(p.SpanId, s.ParentSpanId) {
			return c.path(p) + " > " + s.Name
		}
	}
	if len(s.ParentSpanId) > 0 {
		return "(lost) > " + s.Name
	}
	return s.Name
}

func (c *collector) has(path string) bool {
	last := path[strings.LastIndex(path, ">")+1:]
	return slices.ContainsFunc(c.spans, func(s *otlp.Span) bool { return s.Name == strings.TrimSpace(last) && c.path(s) == path })
}

// onlyKnownNames holds names and attributes to what schema and lists have.
func (c *collector) onlyKnownNames(t *testing.T) {
	t.Helper()
	schema, err := house.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var types, tables, roles, purposes []string
	for _, typ := range schema.Entities() {
		types, tables = append(types, typ.Name), append(tables, typ.Table)
	}
	for _, r := range schema.Roles {
		roles = append(roles, r.Name)
	}
	for _, p := range schema.Purposes {
		purposes = append(purposes, p.Name)
	}
	any := func(words []string) string { return "(" + strings.Join(words, "|") + ")" }
	name := regexp.MustCompile(`^((GET|POST) /graphql|GraphQL|query|mutation|subscription|query Registered|(plan|create|update|delete) ` + any(types) + `|consent|SELECT ` + any(tables) + `)$`)
	attributes := map[string]*regexp.Regexp{}
	for key, form := range map[string]string{
		"http.request.method": "GET|POST", "http.route": "/graphql", "http.response.status_code": `[1-5]\d\d`, "cloakroom.request": "[A-Z2-7]{26}",
		"graphql.operation.type": "query|mutation|subscription", "graphql.operation.name": "Registered", "cloakroom.role": any(roles) + "|none", "cloakroom.purpose": any(purposes) + "|none",
		"cloakroom.points": `\d+`, "error.type": `[A-Z_]+`, "db.system.name": "sqlite|postgresql", "db.operation.name": "SELECT", "db.collection.name": any(tables), "db.operation.batch.size": `\d+`,
	} {
		attributes[key] = regexp.MustCompile("^(" + form + ")$")
	}
	wrong := map[string]bool{}
	for _, s := range c.spans {
		if !name.MatchString(s.Name) {
			wrong["name "+s.Name] = true
		}
		for _, a := range s.Attributes {
			value := a.Value.GetStringValue()
			if value == "" {
				value = fmt.Sprint(a.Value.GetIntValue())
			}
			if form := attributes[a.Key]; form == nil || !form.MatchString(value) {
				wrong[a.Key+"="+value] = true
			}
		}
		if len(s.Events) > 0 || s.Status.GetMessage() != "" || s.TraceState != "" {
			wrong["events, a message or a state of "+s.Name] = true
		}
	}
	if len(wrong) > 0 {
		t.Errorf("spans have what is on no list: %v", wrong)
	}
}

// askRegistered asks a registered document, whose name may be told.
func (in *intruder) askRegistered(t *testing.T, args []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "documents.json")
	manifest := `[{"id": "registered", "text": "query Registered { contacts { nodes { firstName } } }", "purpose": "SALES"}]`
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	cloakroom(t, exitDone, append([]string{"documents", "add", file}, args...)...)
	for range 500 {
		if _, body := send(t, http.MethodPost, in.url+"/graphql", in.token, `{"documentId": "registered"}`); strings.Contains(body, `"nodes"`) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the registered document is not answered")
}

// TestACollectorThatIsAway: requests are answered as ever, the log says it once, and the server ends in time.
func TestACollectorThatIsAway(t *testing.T) {
	refuses, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := refuses.Addr().String()
	_ = refuses.Close()
	hangs, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	for name, endpoint := range map[string]string{"refuses": "http://" + address, "hangs": "http://" + hangs.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			log := &output{}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			root := newRoot()
			root.SetArgs([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--demo", "--limits.rate", "100000000", "--otel.endpoint", endpoint})
			root.SetErr(log)
			ended := make(chan error, 1)
			go func() { ended <- root.ExecuteContext(ctx) }()
			var m []string
			for range 3000 {
				if m = regexp.MustCompile(`msg=ready url=(\S+)`).FindStringSubmatch(log.String()); m != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if m == nil {
				t.Fatalf("never ready:\n%s", log)
			}
			out, _ := cloakroom(t, exitDone, "dev", "token", "--data", data, "--role", "SALES_REP", "--attr", "region=EMEA")
			body, err := json.Marshal(map[string]string{"query": "query @for(purpose: SALES) { contacts(first: 3) { nodes { firstName } } }"})
			if err != nil {
				t.Fatal(err)
			}
			slowest := time.Duration(0)
			for range 1500 { // more spans than wait to be sent
				began := time.Now()
				if status, answer := send(t, http.MethodPost, m[1]+"/graphql", strings.TrimSpace(out), string(body)); status != http.StatusOK || !strings.Contains(answer, `"nodes"`) {
					t.Fatalf("%d %s", status, answer)
				}
				slowest = max(slowest, time.Since(began))
			}
			if slowest > time.Second {
				t.Errorf("a request took %s", slowest)
			}
			stop()
			began := time.Now()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the server does not end")
			}
			if n := strings.Count(log.String(), "traces cannot be sent"); n != 1 {
				t.Errorf("the log says %d times that traces cannot be sent:\n%s", n, log)
			}
			t.Logf("slowest request %s, ended in %s", slowest, time.Since(began))
		})
	}
}
