package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// troubleEvery is how often the log says that spans cannot be sent.
const troubleEvery = 5 * time.Minute

// sender sends spans, and keeps count. That a collector is away is no trouble of any request: it is said now and then.
type sender struct {
	sdktrace.SpanExporter
	log        *slog.Logger
	all        prometheus.Collector
	sent, lost prometheus.Counter

	mu   sync.Mutex
	told time.Time // zero: all is well
}

func newSender(e sdktrace.SpanExporter, log *slog.Logger) *sender {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloakroom_spans_total", Help: "Spans that were sent to the collector, and that it did not take."}, []string{"state"})
	return &sender{SpanExporter: e, log: log, all: spans, sent: spans.WithLabelValues("sent"), lost: spans.WithLabelValues("lost")}
}

// ExportSpans sends spans. It never fails: nobody could do anything about it.
func (s *sender) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := s.SpanExporter.ExportSpans(ctx, spans); err != nil {
		s.lost.Add(float64(len(spans)))
		s.trouble(err)
		return nil
	}
	s.sent.Add(float64(len(spans)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.told.IsZero() {
		s.told = time.Time{}
		s.log.InfoContext(ctx, "traces can be sent again")
	}
	return nil
}

// trouble says that something is wrong with traces, once in a while.
func (s *sender) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.told.IsZero() && time.Since(s.told) < troubleEvery {
		return
	}
	s.told = time.Now()
	s.log.Warn("traces cannot be sent: is there an OTLP collector at otel.endpoint? Requests are answered as ever", "err", err)
}
