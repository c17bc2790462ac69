// Package redis gives a test a Redis of its own: a private redis-server on a free port of the loopback interface, with a
// password, that keeps nothing.
//
//	func TestSomething(t *testing.T) {
//		r := redis.Start(t)
//		shared.Open(ctx, r.URL, log)
//		r.Restart(t) // everything in it is lost, which is the worst that can happen to a Redis
//		…
//	}
//
// StartSentinel and StartCluster give the other two ways that Redis is run.
//
// Where there is no Redis a test is skipped and says so. CLOAKROOM_REQUIRE_REDIS=1 turns that into a failure, so that a build
// server cannot be green for want of a server.
package redis
