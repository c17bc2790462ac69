// Package receipt gives people a signed copy of what is kept about a decision of theirs (GDPR Art. 7(1)), which anybody can verify
// without asking whoever signed it.
//
// A receipt is a JSON document in the shape of ISO/IEC TS 27560:2023: a header, what is processed and what for, who is
// responsible, and the event, which is the decision. It has the person's number and never a name, an address or evidence. The
// same line of the ledger makes the same bytes, so a receipt that was lost can be had again.
//
// It is signed as a compact JWS (RFC 7515) with Ed25519 (RFC 8037). What is verified is as narrow as what is signed: one algorithm,
// three members in the header, a key out of a set that is known beforehand. Everything that has let other verifiers down is refused: `alg` of
// the attacker's choice, keys that come with the message, extensions nobody understands, members that appear twice.
//
//	text, err := issuer.Sign(ctx, receipt.Record{…})
//	…
//	proof, err := receipt.Verify(text, keys) // ErrNotGenuine, ErrUnknown
//
// A receipt proves what was recorded then. What the person decided later has a receipt of its own.
package receipt
