package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

// TestMetrics has a server asked in every way with values that must not be seen, by somebody who would also like to have as many
// series as they send names, and looks at what it tells of that.
func TestMetrics(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { metricsOver(t, "", 10_000) })
	t.Run("postgres", func(t *testing.T) { metricsOver(t, postgres.Start(t), 1000) })
}

func metricsOver(t *testing.T, database string, names int) {
	args := []string{"--data", t.TempDir()}
	if database != "" {
		args = append(args, "--database", database)
	}
	in := intruder{values: map[string]string{}}
	collector := newCollector(t)
	t.Cleanup(func() { collector.check(t, &in) }) // once the server has ended, and has sent what was left
	url, log := start(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--demo", "--limits.rate", "100000000", "--otel.endpoint", collector.url}, args...))
	admin := adminURL(t, log)
	in.url = url
	out, _ := cloakroom(t, exitDone, append([]string{"dev", "token", "--role", "SALES_REP", "--attr", "region=EMEA"}, args...)...)
	in.token = strings.TrimSpace(out)

	in.askRegistered(t, args)
	in.askEverything(t)
	stream := in.subscribe(t)
	first, _ := scrape(t, admin)
	if got := value(first, "cloakroom_subscriptions_open"); got != 1 {
		t.Errorf("%v subscriptions are open, want 1", got)
	}
	if got := value(first, "cloakroom_streams_open"); got != 1 {
		t.Errorf("%v streams are open, want 1", got)
	}
	stream()
	in.flood(t, names)
	families, text := scrape(t, admin)

	scanner, err := canary.New(in.values)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := scanner.Reader("metrics", bytes.NewReader(text))
	if err != nil || len(hits) > 0 {
		t.Errorf("what clients sent is in the metrics: %v %v", hits, err)
	}
	if strings.Contains(string(text), in.token) || strings.Contains(string(text), "Flood") {
		t.Error("what clients sent is in the metrics")
	}
	onlyKnownLabels(t, families)
	if strings.Contains(log.String(), "traces cannot be sent") {
		t.Errorf("the collector is there, and the log says it is not:\n%s", log)
	}
	if before, after := series(first), series(families); after > before {
		t.Errorf("%d names made %d series %d", names, before, after)
	}
	for name, least := range map[string]float64{
		`cloakroom_graphql_requests_total{graphql_operation_type="query",code="OK",role="SALES_REP",purpose="SALES"}`:                 1,
		`cloakroom_graphql_requests_total{graphql_operation_type="query",code="OK",role="SALES_REP",purpose="none"}`:                  float64(names),
		`cloakroom_graphql_requests_total{graphql_operation_type="none",code="GRAPHQL_PARSE_FAILED",role="SALES_REP",purpose="none"}`: 1,
		`cloakroom_graphql_requests_total{graphql_operation_type="mutation",code="NOT_FOUND",role="SALES_REP",purpose="SALES"}`:       1,
		`cloakroom_privacy_decisions_total{outcome="REVEAL",reason="CLEARED"}`:                                                        1,
		`cloakroom_privacy_decisions_total{outcome="WITHHOLD",reason="TYPE_ACCESS"}`:                                                  1,
		`cloakroom_http_requests_total{http_route="/graphql",http_request_method="POST",http_response_status_code="401"}`:             1,
		`cloakroom_http_requests_total{http_route="(none)",http_request_method="(other)",http_response_status_code="405"}`:            0,
		`cloakroom_dependency_state{dependency="database",state="up"}`:                                                                1,
		`cloakroom_build_info{version="dev",commit="unknown",schema="` + ent.SchemaHash + `"}`:                                        1,
		`cloakroom_database_connections_max{database="data"}`:                                                                         0,
		`cloakroom_database_connections{database="keys",state="idle"}`:                                                                0,
		`cloakroom_graphql_request_points{graphql_operation_type="query",role="SALES_REP",purpose="SALES"}`:                           1,
		`cloakroom_graphql_request_duration_seconds{graphql_operation_type="query",code="OK"}`:                                        float64(names),
		`cloakroom_spans_total{state="sent"}`:                                                                                         500,
		"cloakroom_admission_refused_total":                                                                                           0,
		"cloakroom_admission_running":                                                                                                 0,
		"cloakroom_admission_waiting":                                                                                                 0,
		"cloakroom_http_requests_in_flight":                                                                                           0,
		"process_resident_memory_bytes":                                                                                               1,
		"go_goroutines":                                                                                                               1,
	} {
		if got := value(families, name); got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	if t.Failed() {
		t.Logf("%s", regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAll(text, nil))
	}
}

// intruder sends values that must not be told.
type intruder struct {
	url, token string
	values     map[string]string
	trace      string // id of a trace
}

// secret makes up a value, which can also be a name.
func (in *intruder) secret(what string) string {
	v := "c" + canary.RandomValue(23)
	in.values[fmt.Sprintf("%s/%d", what, len(in.values))] = v
	return v
}

// askEverything sends one in every place where a client can write something.
func (in *intruder) askEverything(t *testing.T) {
	t.Helper()
	for what, query := range map[string]string{
		"literal":        `query @for(purpose: SALES) { contacts(where: {firstName: {eq: "%s"}}) { nodes { firstName email } } }`,
		"alias":          `query @for(purpose: SALES) { contacts { nodes { %s: firstName } } }`,
		"operation name": `query %s @for(purpose: SALES) { contacts { nodes { firstName } } }`,
		"fragment name":  `query @for(purpose: SALES) { contacts { nodes { ...%[1]s } } } fragment %[1]s on Contact { firstName }`,
		"comment":        "query @for(purpose: SALES) { contacts { nodes { firstName } } } # %s",
		"purpose":        `query @for(purpose: %s) { contacts { nodes { firstName } } }`,
		"field":          `{ %s }`,
		"no document":    `{ %s`,
		"id":             `mutation @for(purpose: SALES) { updateContact(id: "%s", input: {firstName: "x"}) { contact { id } } }`,
		"a new value":    `mutation @for(purpose: SALES) { createContact(input: {firstName: "%s", lastName: "y"}) { contact { id } } }`,
		"cursor":         `query @for(purpose: SALES) { contacts(after: "%s") { nodes { firstName } } }`,
		"search":         `query @for(purpose: SALES) { search(query: "%s", first: 3) { nodes { __typename } } }`,
	} {
		in.post(t, map[string]any{"query": fmt.Sprintf(query, in.secret(what))})
	}
	name, id := in.secret("variable's name"), in.secret("document id")
	in.post(t, map[string]any{"query": "query($" + name + ": ID!) @for(purpose: SALES) { node(id: $" + name + ") { id } }", "variables": map[string]any{name: in.secret("variable")}})
	in.post(t, map[string]any{"query": "query A { __typename } query B { __typename }", "operationName": in.secret("operationName")})
	in.post(t, map[string]any{"documentId": id})
	in.post(t, map[string]any{"query": "{ __typename }", "extensions": map[string]any{in.secret("extension"): in.secret("extension's value")}})
	in.post(t, map[string]any{in.secret("member"): in.secret("member's value")})
	for _, header := range []string{"User-Agent", "X-Request-Id", "X-Forwarded-For", "Idempotency-Key", "Referer", "Traceparent", "Tracestate", "Baggage", "Cookie"} {
		v := in.secret(header)
		if header == "Traceparent" { // random digits, which the scan is not for
			delete(in.values, fmt.Sprintf("%s/%d", header, len(in.values)-1))
			v = "00-" + strings.ReplaceAll(uuid.NewString(), "-", "") + "-00f067aa0ba902b7-01"
			in.trace = v[3:35]
		}
		if header == "Cookie" || header == "Tracestate" || header == "Baggage" {
			v = "a=" + v
		}
		in.post(t, map[string]any{"query": `query @for(purpose: SALES) { contacts { nodes { firstName } } }`}, header, v)
	}
	in.post(t, map[string]any{"query": "{ __typename }"}, "Authorization", "Bearer "+in.secret("token"))
	in.send(t, in.secret("method"), "/graphql", nil)
	in.send(t, http.MethodGet, "/"+in.secret("path")+"?"+in.secret("parameter")+"="+in.secret("parameter's value"), nil)
	in.send(t, http.MethodGet, "/graphql?query={__typename}&operationName="+in.secret("operationName in a URL"), nil)
	in.send(t, http.MethodPost, "/graphql", []byte(in.secret("body")))
}

func (in *intruder) post(t *testing.T, request map[string]any, headers ...string) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	in.send(t, http.MethodPost, "/graphql", body, headers...)
}

func (in *intruder) send(t *testing.T, method, path string, body []byte, headers ...string) {
	t.Helper()
	r, err := http.NewRequest(method, in.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+in.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// flood sends operations of n different names.
func (in *intruder) flood(t *testing.T, n int) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := s; i < n; i += 4 {
				r, err := http.NewRequest(http.MethodPost, in.url+"/graphql", strings.NewReader(fmt.Sprintf(`{"query": "query Flood%d { __typename }"}`, i)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+in.token)
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("flood: %s", resp.Status)
					return
				}
			}
		})
	}
	senders.Wait()
}

// subscribe opens a stream, which end closes.
func (in *intruder) subscribe(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, in.url+"/graphql",
		strings.NewReader(`{"query": "subscription `+in.secret("subscription")+` @for(purpose: SALES) { contactChanged { kind node { firstName } } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+in.token)
	resp, err := http.DefaultClient.Do(r) //nolint:bodyclose // end closes it
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err, resp)
	}
	return func() { cancel(); _ = resp.Body.Close() }
}

// scrape asks the admin door for metrics.
func scrape(t *testing.T, admin string) (map[string]*dto.MetricFamily, []byte) {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // the last request is counted after its answer
	status, text := send(t, http.MethodGet, admin+"/metrics", "", "")
	if status != http.StatusOK {
		t.Fatalf("metrics: %d %s", status, text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families, []byte(text)
}

// value is that of a series, or the number of samples of a histogram; -1 if there is none.
func value(families map[string]*dto.MetricFamily, name string) float64 {
	name, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	f := families[name]
	for _, m := range f.GetMetric() {
		var have, want []string
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName()+`="`+l.GetValue()+`"`)
		}
		if labels != "" {
			want = strings.Split(labels, ",")
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			continue
		}
		if h := m.GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		return m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
	}
	return -1
}

func series(families map[string]*dto.MetricFamily) int {
	n := 0
	for _, f := range families {
		n += len(f.GetMetric())
	}
	return n
}

// onlyKnownLabels holds labels to what schema, documentation and routes have.
func onlyKnownLabels(t *testing.T, families map[string]*dto.MetricFamily) {
	t.Helper()
	schema, err := house.Schema()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	codes, reasons, _ := strings.Cut(string(text), "## Reasons")
	words := func(text string) (out []string) {
		for _, m := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		return out
	}
	known := map[string][]string{
		"graphql_operation_type": {"query", "mutation", "subscription", "none"},
		"code":                   append(words(codes), "OK"),
		"role":                   {"none"},
		"purpose":                {"none"},
		"outcome":                {"REVEAL", "MASK", "WITHHOLD", "DENY"},
		"reason":                 words(reasons),
		"http_route":             {"/", "/graphql", "/healthz", "(none)"},
		"http_request_method":    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "(other)"},
		"dependency":             {"database", "erasures", "keys"},
		"state":                  {"up", "degraded", "down", "unknown", "used", "idle", "sent", "lost"},
		"database":               {"data", "keys", "ledger"},
		"schema":                 {ent.SchemaHash},
		"commit":                 {commit},
	}
	for _, r := range schema.Roles {
		known["role"] = append(known["role"], r.Name)
	}
	for _, p := range schema.Purposes {
		known["purpose"] = append(known["purpose"], p.Name)
	}
	status := regexp.MustCompile(`^[1-5]\d\d$`)
	for name, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				switch {
				case strings.HasPrefix(name, "go_"), l.GetName() == "version", slices.Contains(known[l.GetName()], l.GetValue()):
				case l.GetName() == "http_response_status_code" && status.MatchString(l.GetValue()):
				default:
					t.Errorf("%s has a label that is on no list: %s=%q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
}
