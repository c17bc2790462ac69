// Package ory gives a test an Ory Kratos of its own: the real identity server, built from e2e/kratos, on free ports of the
// loopback interface, with a mailbox that takes what it sends.
//
//	func TestSomething(t *testing.T) {
//		k := ory.Start(t)
//		ada := k.Create(t, ory.Person{Email: "ada@example.org", Public: map[string]any{"cloakroom_role": "SUPPORT_AGENT"}})
//		token := k.Token(t, ada)   // X-Session-Token, AAL1
//		cookie := k.Cookie(t, ada) // what a browser would have, AAL1
//		k.StepUp(t, ada, token)    // the same token is AAL2 from here on, by a one-time password
//		k.Revoke(t, ada)           // none of her sessions is worth anything any more
//		…
//	}
//
// People sign in with a password, with a code by mail, and with a time-based one-time password (RFC 6238) as the second factor.
// What it knows lies in a file and survives Stop and Restart.
//
// Where there is no Kratos a test is skipped and says so. CLOAKROOM_REQUIRE_KRATOS=1 turns that into a failure, so that a build
// server cannot be green for want of a server.
package ory
