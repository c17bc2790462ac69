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
	Log                     *slog.Logger
}

// Telemetry counts what happens. A nil one counts nothing.
type Telemetry struct {
	registry   *prometheus.Registry
	operations operations
	requests   requests
	scrape     http.Handler
}

// New returns a Telemetry that knows the process and nothing of the gateway yet.
func New(c Config) *Telemetry {
	t := &Telemetry{registry: prometheus.NewRegistry(), operations: newOperations(), requests: newRequests()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cloakroom_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": c.Version, "commit": c.Commit, "schema": c.Schema}})
	build.Set(1)
	t.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.registry.MustRegister(t.operations.all()...)
	t.registry.MustRegister(t.requests.all()...)
	t.scrape = promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{ErrorLog: scrapeLog{c.Log}, ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
	return t
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
