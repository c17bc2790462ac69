// Package shared is what replicas of the gateway share besides the data. What may be lost lies in Redis, or in the process
// of a server on its own: how much somebody has asked of late, and notices of what happened. What must not be lost lies in
// the database: trusted documents, mutations that were carried out, and what viewers were told in aggregates. Why that is
// so is in docs/adr/0009-redis-holds-what-may-be-lost.md.
//
//	s, err := shared.Open(ctx, shared.Options{Redis: "redis://127.0.0.1:6379/0", Store: db, Key: keys.Shared, Log: log})
//	…
//	gateway, err := graph.New(graph.Config{Limiter: s.Limiter, Events: s.Events, Documents: s.Documents, …})
//
// Redis is trusted with nothing. It holds no personal data and no name of anybody: keys are HMACs under the key of the
// deployment, and notices carry opaque ids. What comes back from it is believed only with a MAC under that key, so that
// what somebody else wrote there, or what another deployment did, is as if it were not there. A limit has no MAC, because
// a script in Redis counts it and must not hold the key: whoever writes to Redis can lift a limit for a while, or keep
// somebody out for as long as it takes to earn a full budget, and no longer.
//
// When Redis is gone, each part says what it does then; nothing waits for it, and nothing is revealed for it.
// See docs/operating.md.
package shared
