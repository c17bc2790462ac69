// Package telemetry tells operators how the gateway does: metrics in the form of Prometheus.
//
//	t := telemetry.New(telemetry.Config{Version: "1.2.0"})
//	config.Observer = t                               // of the gateway: every operation
//	t.Add(telemetry.Sources{Subscriptions: g.Streams}) // figures that are read when somebody asks
//	mux.Handle("/metrics", t)
//
// Metrics are kept long, copied to other machines and read by people who have no business with anybody's data (GDPR Art. 5(1)(c)).
// So every label comes from the schema, from the router or from a list of ours, and none from a request: neither the name of an
// operation, nor a path, an id or an address. That also bounds how many series there are, whatever clients send.
package telemetry
