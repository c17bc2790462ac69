// Package shared is what replicas of the gateway share outside of the database: how much somebody has asked of late, and
// notices of what happened. Each part has two implementations of one port: in the process, for a server on its own, and
// on Redis, for several.
//
//	s, err := shared.Open(ctx, shared.Options{Redis: "redis://127.0.0.1:6379/0", Key: keys.Shared, Log: log})
//	…
//	gateway, err := graph.New(graph.Config{Limiter: s.Limiter, Events: s.Events, …})
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
