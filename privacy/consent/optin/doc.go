// Package optin keeps what people are asked by mail: consent to one purpose, given by a link (double opt-in, GDPR Art. 7(1)).
//
// A request is a row, added in the transaction that asks, and its own outbox: whoever sends claims it, for a while and alone, and
// says what came of it. The token of a link is an HMAC of the row's id, so that a second attempt sends the same link, while the
// database holds a hash of it that leads nowhere. Of the address that was written to there is an HMAC under another key: a link
// proves that somebody reads mail there, so it is void once the person has another address.
//
// The package says nothing of who may be asked, and records no consent: package write does both with it.
package optin
