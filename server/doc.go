// Package server is the edge: it listens, says who may ask, bounds what is sent, and hands operations to the API.
//
//	POST /graphql   the API; a bearer token, a JSON body, no cross-origin browsers
//	GET  /healthz   200 while the process lives: restart it when this fails
//	GET  /          a page that says what to do next
//	GET  /graphiql  a page for trying operations, and its files below it; see Config.GraphiQL
//	POST /dev/token a token for that page, of the development identity
//
// and on an address of its own, Config.Admin:
//
//	GET  /healthz   the same
//	GET  /readyz    200 while it can answer: send it no traffic when this fails
//
// It promises that what people send is never logged: not a body, not a variable, not a query string, not a token. An
// access log line names the route, the status and the time it took (GDPR Art. 5(1)(c) holds for logs too).
//
// Config is the one place of configuration: flags over environment over file over defaults. Packages get their part of it.
package server
