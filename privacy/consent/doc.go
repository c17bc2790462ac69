// Package consent keeps what people decided about the use of their data: consent to a purpose and its withdrawal (GDPR Art. 7),
// objection (Art. 21) and restriction (Art. 18). An append-only ledger proves it, and a privacy state on every row of the person,
// by which reads decide, carries it out. Both are written in one transaction, so that there is no moment in which the proof and
// the effect differ.
package consent
