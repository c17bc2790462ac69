// Package event says that something was written: which type, which row, what kind of change. Never a value, and no name of a
// field: an event passes through whatever connects replicas, and "somebody wrote this person's health needs" is itself data
// about their health.
//
// Whoever hears an event does not learn from it what it may show. It is a reason to read again, through the read path, as
// whoever is to be told.
package event
