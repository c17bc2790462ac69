package telemetry

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config of a Telemetry.
type Config struct {
	Version, Commit, Schema string // what runs
	Endpoint                string // of a collector of traces, OTLP over HTTP; empty: there are none
	Sample                  int    // traces of a hundred that are recorded
	Log                     *slog.Logger
}

// Telemetry counts and traces what happens. A nil one does nothing.
type Telemetry struct {
	registry   *prometheus.Registry
	operations operations
	requests   requests
	tracing    tracing
	scrape     http.Handler
}

// New returns a Telemetry that knows the process and nothing of the gateway yet. Close it.
func New(c Config) (*Telemetry, error) {
	tracing, err := newTracing(c)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{registry: prometheus.NewRegistry(), operations: newOperations(), requests: newRequests(), tracing: tracing}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cloakroom_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": c.Version, "commit": c.Commit, "schema": c.Schema}})
	build.Set(1)
	t.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.registry.MustRegister(t.operations.all()...)
	t.registry.MustRegister(t.requests.all()...)
	if tracing.sent != nil {
		t.registry.MustRegister(tracing.sent.all)
	}
	t.scrape = promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{ErrorLog: scrapeLog{c.Log}, ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
	return t, nil
}

// ServeHTTP answers with all metrics.
func (t *Telemetry) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.scrape.ServeHTTP(w, r) }

// scrapeLog takes what promhttp has to say.
type scrapeLog struct{ log *slog.Logger }

func (s scrapeLog) Println(v ...any) {
	for _, part := range v {
		if err, ok := part.(error); ok {
			s.log.Warn("metrics cannot all be told", "err", err)
		}
	}
}
