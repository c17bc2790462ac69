package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/journal"
)

// flushLimit is how long the last spans may take to be sent when a server ends.
const flushLimit = 3 * time.Second

// tracing sends spans to a collector. Without one it does nothing, and costs nothing.
type tracing struct {
	tracer   trace.Tracer // nil: nobody looks
	provider *sdktrace.TracerProvider
	sent     *sender
}

// newTracing sends to an OTLP endpoint. It does not need one that answers: what cannot be sent is dropped.
func newTracing(c Config) (tracing, error) {
	if c.Endpoint == "" {
		return tracing{}, nil
	}
	address := c.Endpoint
	if !strings.HasSuffix(address, "/v1/traces") {
		address = strings.TrimSuffix(address, "/") + "/v1/traces"
	}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(address), otlptracehttp.WithTimeout(5*time.Second),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 10 * time.Second}))
	if err != nil {
		return tracing{}, fmt.Errorf("traces to otel.endpoint: %w", err)
	}
	t := tracing{sent: newSender(exporter, c.Log)}
	// The library has one place for what it cannot return, such as that a collector took a part only.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.sent.trouble))
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(t.sent), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(c.Sample)/100))),
		sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName("cloakroom"), semconv.ServiceVersion(c.Version), semconv.ServiceInstanceID(uuid.NewString()))))
	t.tracer = t.provider.Tracer("github.com/cloakroom-crm/cloakroom")
	return t, nil
}

// Close sends what is left, for a few seconds at most.
func (t *Telemetry) Close() {
	if t.tracing.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	if err := t.tracing.provider.Shutdown(ctx); err != nil {
		t.tracing.sent.trouble(err)
	}
}

// Traced has requests to a route traced. What a client sends along of a trace of its own (traceparent, tracestate, baggage) is not
// looked at: whoever asks from outside neither decides what is recorded nor writes into it.
func (t *Telemetry) Traced(route string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if t == nil || t.tracing.tracer == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			method := "_OTHER" // as the conventions have it
			if r.Method == http.MethodGet || r.Method == http.MethodPost {
				method = r.Method
			}
			ctx, span := t.tracing.tracer.Start(r.Context(), method+" "+route, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
				trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route), attribute.String("cloakroom.request", journal.Request(r.Context()))))
			defer span.End()
			seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(seen, r.WithContext(ctx))
			status := seen.Status()
			if status == 0 {
				status = http.StatusOK
			}
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
		})
	}
}

// began begins the span of an operation. An event of a subscription is a trace of its own, because the request it belongs to lasts
// for an hour; a link leads there.
func (t *tracing) began(ctx context.Context) context.Context {
	if t.tracer == nil {
		return ctx
	}
	var options []trace.SpanStartOption
	if o := read.OccasionFrom(ctx); o != nil && !o.Opening && !o.Quiet {
		options = append(options, trace.WithNewRoot())
		if request := trace.LinkFromContext(ctx); request.SpanContext.IsValid() {
			options = append(options, trace.WithLinks(request))
		}
	}
	ctx, _ = t.tracer.Start(ctx, "GraphQL", options...)
	return ctx
}

// ended ends the span that began.
func (t *tracing) ended(ctx context.Context, s graph.Seen, role, purpose, code string) {
	if t.tracer == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if !span.IsRecording() {
		return
	}
	switch s.Kind {
	case ast.Query, ast.Mutation, ast.Subscription:
		name := string(s.Kind)
		span.SetAttributes(semconv.GraphQLOperationTypeKey.String(name))
		if s.Name != "" {
			name += " " + s.Name
			span.SetAttributes(semconv.GraphQLOperationName(s.Name))
		}
		span.SetName(name)
	}
	span.SetAttributes(attribute.String("cloakroom.role", role), attribute.String("cloakroom.purpose", purpose), attribute.Int64("cloakroom.points", s.Points))
	if code != ok {
		fail(span, code)
	}
}

// fail says what went wrong. Only what the operator has to mend makes a span a failed one; a refusal is an answer.
func fail(span trace.Span, code string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(code))
	if code == read.CodeInternal || code == read.CodeUnavailable || code == read.CodeUnknown {
		span.SetStatus(codes.Error, "")
	}
}

// Trace is what sees the steps of operations; nil where nobody looks.
func (t *Telemetry) Trace() read.Trace {
	if t.tracing.tracer == nil {
		return nil
	}
	return t.tracing.step
}

// step begins a span for a step. Statements have no text in it: a schema may have literals in conditions, and nothing is lost, since
// type and operation lead to the plan.
func (t *tracing) step(ctx context.Context, s read.Step) (context.Context, func(error)) {
	var typ, table string
	if s.Type != nil { // else it is about consents
		typ, table = " "+s.Type.Name, s.Type.Table
	}
	var span trace.Span
	switch s.Kind {
	case read.StepPlan:
		ctx, span = t.tracer.Start(ctx, "plan"+typ)
	case read.StepWrite:
		ctx, span = t.tracer.Start(ctx, strings.ToLower(s.Op.String())+typ)
	default:
		ctx, span = t.tracer.Start(ctx, "SELECT "+table, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(semconv.DBSystemNameKey.String(s.System), semconv.DBOperationName("SELECT"), semconv.DBCollectionName(table)))
		if n := len(s.SQL); n > 1 {
			span.SetAttributes(semconv.DBOperationBatchSize(n))
		}
	}
	return ctx, func(err error) {
		if err != nil {
			fail(span, read.CodeOf(err)) // its text may quote a value
		}
		span.End()
	}
}
