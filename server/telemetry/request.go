package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// requests counts HTTP requests.
type requests struct {
	running prometheus.Gauge
	done    *prometheus.CounterVec
}

func newRequests() requests {
	return requests{
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cloakroom_http_requests_in_flight", Help: "Requests under way at the public address, streams included."}),
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloakroom_http_requests_total", Help: "Requests that were answered at the public address."},
			[]string{"http_route", "http_request_method", "http_response_status_code"}),
	}
}

func (r *requests) all() []prometheus.Collector {
	return []prometheus.Collector{r.running, r.done}
}

// Request counts a request in. Who calls it calls the result when the request was answered, with names of the router's and not
// of the sender's.
func (t *Telemetry) Request() (answered func(route, method string, status int)) {
	if t == nil {
		return func(string, string, int) {}
	}
	t.requests.running.Inc()
	return func(route, method string, status int) {
		t.requests.running.Dec()
		t.requests.done.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	}
}
