// Package telemetry tells operators how the gateway does: metrics in the form of Prometheus, and traces for a collector that speaks
// OTLP over HTTP.
//
//	t, err := telemetry.New(telemetry.Config{Version: "1.2.0", Endpoint: "http://collector:4318", Sample: 100})
//	config.Observer, config.Trace = t, t.Trace()      // of the gateway: every operation, and its steps
//	t.Add(telemetry.Sources{Subscriptions: g.Streams}) // figures that are read when somebody asks
//	mux.Handle("/metrics", t)
//	defer t.Close()
//
// Metrics and traces are kept long, copied to other machines and read by people who have no business with anybody's data (GDPR Art. 5(1)(c)).
// So every label and attribute comes from the schema, from the router or from a list of ours, and none from a request: neither the name of an
// operation, nor a path, an id or an address. That also bounds how many series there are, whatever clients send. The name of an operation is told where its
// document is registered, because then it is the operator's.
package telemetry
