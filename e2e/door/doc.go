// Package door tests the way in over HTTP from outside, against the whole stack of handlers over a database with the demo data:
// the audits of graphql-http, which say whether a server keeps to the GraphQL over HTTP draft, and requests that no client
// would send. Whatever comes in, what goes out is an answer a client understands, and repeats nothing of it.
package door
