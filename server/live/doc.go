// Package live carries operations whose answers come one by one: subscriptions as server-sent events (the graphql-sse protocol in
// its "distinct connections" mode) and over WebSocket (graphql-transport-ws).
//
// A stream outlives the moment in which somebody was let in, which is all that is new about it: so who is asking is found out anew
// for every event, and a notice that a session was revoked ends its streams at once. What an event shows is decided by the
// gateway, by a read of its own.
//
// Nothing waits in memory for a slow client but the ids of what to look at. Every write has a deadline, every connection a last
// hour, and whoever leaves is noticed within seconds.
package live
