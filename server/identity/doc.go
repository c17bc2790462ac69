// Package identity answers who is asking: it turns what a request carries into a policy.Principal, or refuses the request.
//
// An Authenticator does the work. Kratos asks Ory Kratos whose session it is, and checks JWTs of API clients where an operator
// named their issuer. Dev is for trying Cloakroom out and for tests: bearer tokens signed with a key that lies in the data
// directory. Whoever can read that key can be anybody, so a server that uses it listens on loopback only, and Loopback sees to
// it that it is reached from there.
//
// Nothing is answered without a principal, and nobody is let in on doubt: a Kratos that does not answer, two credentials in one
// request, an entry that is not understood, an address that leads to two people are all refused. A role the schema does not
// know is refused here, before any operation is read: a session that outlived a role must not come to mean something else.
package identity
