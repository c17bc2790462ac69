// Package standby knows when a change is seen by every read, and which standbys of the database may answer reads.
//
// Who withdraws consent is told so when nobody is shown anything by it any more (GDPR Art. 7(3)). That it is committed is not
// enough: an operation that began before goes on reading what was there then, and a standby carries out later what the primary
// committed. Await waits for both, or says that it cannot tell.
//
//	set := standby.Open(standby.Config{Primary: pool})
//	…
//	if err := set.Await(ctx, xid); err != nil { … } // UNKNOWN
package standby
