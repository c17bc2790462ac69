package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// kind is the label of a kind of operation, named as the semantic conventions of OpenTelemetry have it.
const kind = "graphql_operation_type"

// operations counts GraphQL operations. What multiplies is kept small: only the counter has all labels.
type operations struct {
	done      *prometheus.CounterVec
	took      *prometheus.HistogramVec
	points    *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	codes     map[string]bool
}

func newOperations() operations {
	o := operations{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloakroom_graphql_requests_total",
			Help: "Operations that were answered, by the code of their first error; each event of a subscription is one."}, []string{kind, "code", "role", "purpose"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cloakroom_graphql_request_duration_seconds",
			Help: "How long operations took, until their answer was complete.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{kind, "code"}),
		points: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cloakroom_graphql_request_points",
			Help: "What operations cost at most, in points.", Buckets: []float64{1, 3, 10, 30, 100, 300, 1000, 3000, 10_000}}, []string{kind, "role", "purpose"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloakroom_privacy_decisions_total",
			Help: "What became of the fields that operations asked for: an entry of extensions.privacy is one."}, []string{"outcome", "reason"}),
		codes: map[string]bool{},
	}
	for _, code := range read.Codes() {
		o.codes[code] = true
	}
	return o
}

func (o *operations) all() []prometheus.Collector {
	return []prometheus.Collector{o.done, o.took, o.points, o.decisions}
}

// ok is the code of what had no error.
const ok = "OK"

// Began begins an operation.
func (t *Telemetry) Began(ctx context.Context) context.Context { return t.tracing.began(ctx) }

// Ended counts an operation, and ends its span.
func (t *Telemetry) Ended(ctx context.Context, s graph.Seen) {
	typ, role, purpose, code := "none", "none", "none", s.Code
	switch s.Kind {
	case ast.Query, ast.Mutation, ast.Subscription:
		typ = string(s.Kind)
	}
	if s.Role != nil {
		role = s.Role.Name
	}
	if s.Purpose != nil {
		purpose = s.Purpose.Name
	}
	switch {
	case code == "":
		code = ok
	case !t.operations.codes[code]:
		code = read.CodeInternal
	}
	t.tracing.ended(ctx, s, role, purpose, code)
	t.operations.done.WithLabelValues(typ, code, role, purpose).Inc()
	t.operations.took.WithLabelValues(typ, code).Observe(s.Took.Seconds())
	if s.Points > 0 {
		t.operations.points.WithLabelValues(typ, role, purpose).Observe(float64(s.Points))
	}
	for i := range s.Notes {
		t.operations.decisions.WithLabelValues(s.Notes[i].Outcome, string(s.Notes[i].Reason)).Inc()
	}
}
