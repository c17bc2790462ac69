// Package identity answers who is asking: it turns what a request carries into a policy.Principal, or refuses the request.
//
// An Authenticator does the work. This package brings one, Dev: bearer tokens signed with a key that lies in the data
// directory, for trying Cloakroom out and for tests. Whoever can read that key can be anybody, so a server that uses it
// listens on loopback only (see server.Config).
//
// Nothing is answered without a principal. A role the schema does not know is refused here, before any operation is read:
// a token that outlived a role must not come to mean something else.
package identity
