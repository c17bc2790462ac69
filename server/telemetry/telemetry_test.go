package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// TestWithoutACollectorTracesCostNothing: no span is made, no answer is wrapped, and counting allocates nothing.
func TestWithoutACollectorTracesCostNothing(t *testing.T) {
	c, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Trace() != nil {
		t.Error("somebody looks at steps")
	}
	s := graph.Seen{Kind: ast.Query, Role: &ir.Role{Name: "ADMIN"}, Purpose: &ir.Purpose{Name: "SALES"}, Points: 3, Took: time.Millisecond,
		Notes: []read.Note{{Outcome: "MASK", Reason: policy.ReasonClearance}}}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { c.Ended(c.Began(ctx), s) }); n != 0 {
		t.Errorf("an operation costs %v allocations", n)
	}
	var steps read.Trace
	if n := testing.AllocsPerRun(100, func() { _, end := steps.Begin(ctx, read.Step{Kind: read.StepRead}); end(nil) }); n != 0 {
		t.Errorf("a step costs %v allocations", n)
	}
	same := http.NotFoundHandler()
	w := httptest.NewRecorder()
	c.Traced("/graphql")(http.HandlerFunc(func(got http.ResponseWriter, r *http.Request) {
		if got != http.ResponseWriter(w) {
			t.Error("the answer is wrapped")
		}
		same.ServeHTTP(got, r)
	})).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/graphql", nil))
}

// TestACodeThatIsOnNoList is a mistake of ours, and must not become a label.
func TestACodeThatIsOnNoList(t *testing.T) {
	c, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.Ended(t.Context(), graph.Seen{Kind: "canary", Code: "CANARY"})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if text := strings.ToLower(w.Body.String()); strings.Contains(text, "canary") || !strings.Contains(text, `code="internal",graphql_operation_type="none"`) {
		t.Error(text)
	}
}
