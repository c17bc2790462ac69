// Package consent keeps what people said about each purpose (GDPR Art. 7): an append-only ledger that proves it, and
// one bit per purpose in the privacy state of every row of the person, by which reads decide. Both are written in one
// transaction, so that there is no moment in which the proof and the effect differ.
package consent
