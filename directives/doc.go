// Package directives holds Cloakroom's language: the vocabulary a developer annotates a GraphQL schema with. The
// packages below it compile such a schema (compiler), describe the result (ir), decide with it (policy) and generate
// from it (codegen). None of them touches a database or the network.
package directives
