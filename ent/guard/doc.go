// Package guard is the last door before storage. Every Ent schema carries its Policy, which refuses queries and mutations
// whose context holds neither a compiled plan nor a named system capability (GDPR Art. 25(2): by default personal data is
// not accessible). Code that reaches for the Ent client directly therefore gets an error, not data.
//
// It also holds what generated schemas share: fresh identifiers and the times of @default(value: "now").
package guard
