package telemetry

import (
	"database/sql"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloakroom-crm/cloakroom/ent/standby"
	"github.com/cloakroom-crm/cloakroom/server/health"
)

// Sources are read whenever somebody asks for metrics, so they must not wait. Those that are nil are left out.
type Sources struct {
	Admission     Admission
	Subscriptions func() int                     // that are open
	Connections   func() int                     // that stream
	States        func() map[string]health.State // of what answers depend on
	Pools         map[string]func() sql.DBStats  // of connections, by what is in the database
	Mails         func() int64                   // that wait to be sent
	Standbys      func() []standby.State         // of the database, that may answer queries
}

// Admission is what lets operations in.
type Admission interface {
	Running() int64
	Waiting() int64
	Refused() int64
}

// Add adds sources.
func (t *Telemetry) Add(s Sources) {
	if t == nil {
		return
	}
	gauge := func(name, help string, value func() float64) {
		t.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	if a := s.Admission; a != nil {
		gauge("cloakroom_admission_running", "Operations that have a place.", func() float64 { return float64(a.Running()) })
		gauge("cloakroom_admission_waiting", "Operations that wait for a place.", func() float64 { return float64(a.Waiting()) })
		t.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cloakroom_admission_refused_total",
			Help: "Operations that were refused because more waited than could be answered in time."}, func() float64 { return float64(a.Refused()) }))
	}
	if s.Subscriptions != nil {
		gauge("cloakroom_subscriptions_open", "Subscriptions that are open.", func() float64 { return float64(s.Subscriptions()) })
	}
	if s.Connections != nil {
		gauge("cloakroom_streams_open", "Event streams and WebSockets that are open.", func() float64 { return float64(s.Connections()) })
	}
	if s.Mails != nil {
		gauge("cloakroom_mails_waiting", "Mails that wait to be sent, by whichever gateway.", func() float64 { return float64(s.Mails()) })
	}
	if s.States != nil {
		t.registry.MustRegister(states(s.States))
	}
	if s.Pools != nil {
		t.registry.MustRegister(pools(s.Pools))
	}
	if s.Standbys != nil {
		t.registry.MustRegister(standbys(s.Standbys))
	}
}

// states are those of what answers depend on: one series for each state it may have, 1 for the one it has.
type states func() map[string]health.State

var stateOf = prometheus.NewDesc("cloakroom_dependency_state", "1 for the state that something answers depend on is in.", []string{"dependency", "state"}, nil)

func (s states) Describe(to chan<- *prometheus.Desc) { to <- stateOf }

func (s states) Collect(to chan<- prometheus.Metric) {
	for name, is := range s() {
		for _, state := range [...]health.State{health.Up, health.Degraded, health.Down, ""} {
			word, value := string(state), 0.0
			if word == "" {
				word = "unknown" // nobody looked yet
			}
			if state == is {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(stateOf, prometheus.GaugeValue, value, name, word)
		}
	}
}

// pools are the connections to databases.
type pools map[string]func() sql.DBStats

var (
	connections = prometheus.NewDesc("cloakroom_database_connections", "Connections to a database.", []string{"database", "state"}, nil)
	most        = prometheus.NewDesc("cloakroom_database_connections_max", "Connections there may be; 0 is without limit.", []string{"database"}, nil)
	waits       = prometheus.NewDesc("cloakroom_database_waits_total", "How often somebody waited for a connection.", []string{"database"}, nil)
	waited      = prometheus.NewDesc("cloakroom_database_wait_seconds_total", "How long was waited for connections.", []string{"database"}, nil)
)

func (p pools) Describe(to chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{connections, most, waits, waited} {
		to <- d
	}
}

func (p pools) Collect(to chan<- prometheus.Metric) {
	for name, stats := range p {
		s := stats()
		to <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(s.InUse), name, "used")
		to <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(s.Idle), name, "idle")
		to <- prometheus.MustNewConstMetric(most, prometheus.GaugeValue, float64(s.MaxOpenConnections), name)
		to <- prometheus.MustNewConstMetric(waits, prometheus.CounterValue, float64(s.WaitCount), name)
		to <- prometheus.MustNewConstMetric(waited, prometheus.CounterValue, s.WaitDuration.Seconds(), name)
	}
}

// standbys are those that may answer queries, by their places in the setting.
type standbys func() []standby.State

var (
	serves = prometheus.NewDesc("cloakroom_read_replica_serves", "1 while a read replica may answer queries.", []string{"replica"}, nil)
	lag    = prometheus.NewDesc("cloakroom_read_replica_lag_seconds", "Between a commit and its being seen at a read replica, when last seen.", []string{"replica"}, nil)
)

func (s standbys) Describe(to chan<- *prometheus.Desc) {
	to <- serves
	to <- lag
}

func (s standbys) Collect(to chan<- prometheus.Metric) {
	for i, state := range s() {
		place, does := strconv.Itoa(i+1), 0.0
		if state.Serves {
			does = 1
		}
		to <- prometheus.MustNewConstMetric(serves, prometheus.GaugeValue, does, place)
		to <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, state.Lag.Seconds(), place)
	}
}
