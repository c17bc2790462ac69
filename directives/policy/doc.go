// Package policy is the decision point: given who asks (Principal), why (an ir.Purpose) and what (a field), it says what
// may be shown, and for which reason. It is pure: no I/O, no clock, no randomness. The zero value of every type here is
// the private one.
package policy
