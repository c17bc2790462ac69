// Package optout makes the links by which people opt out of a purpose with one click in a mail (RFC 8058).
//
// A link is sealed: it names a person and a purpose to nobody but this deployment, and whoever has it can do nothing but opt that
// person out of that purpose. It does not run out, because mails are read late, and it works as often as it is followed. Two links of
// one person have nothing in common.
package optout

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
)

// Path is where links lead, with a token as t.
const Path = "/consent/unsubscribe"

// Signal is what following a link says. A purpose heeds it whose @lawful has LIST_UNSUBSCRIBE in optOut.
var Signal = consent.Signal{Name: "LIST_UNSUBSCRIBE", Method: consent.Unsubscribe}

// Links are those of a deployment.
type Links struct {
	policy.Withheld

	schema *ir.Schema
	aead   cipher.AEAD
	origin string
}

// New returns the links of a deployment that browsers reach at an origin; without one no links are made, and those that there are
// still work. The key has 32 bytes.
func New(s *ir.Schema, key []byte, origin string) (*Links, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of links: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("key of links: %w", err)
	}
	return &Links{schema: s, aead: aead, origin: origin}, nil
}

// bound is what a token of this kind is bound to.
var bound = []byte("cloakroom opt-out v1")

// URL is a link by which a person opts out of a purpose; empty where nobody said where it would lead. Heeded says that there are such
// links for the purpose.
func (l *Links) URL(subject policy.SubjectID, p *ir.Purpose) (link string, heeded bool) {
	if !Signal.HeededBy(p) {
		return "", false
	}
	if l.origin == "" {
		return "", true
	}
	sealed := l.aead.Seal(nil, nil, append(subject[:], byte(p.Bit)), bound) //nolint:gosec // the nonce is drawn at random inside (cipher.NewGCMWithRandomNonce)
	return l.origin + Path + "?" + url.Values{"t": {base64.RawURLEncoding.EncodeToString(sealed)}}.Encode(), true
}

// Open returns whom a token opts out, and of what. It is not ok for what is none of ours, and for a purpose that heeds no links any
// more.
func (l *Links) Open(token string) (subject policy.SubjectID, p *ir.Purpose, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return uuid.Nil, nil, false
	}
	plain, err := l.aead.Open(nil, nil, sealed, bound)
	if err != nil || len(plain) != len(subject)+1 {
		return uuid.Nil, nil, false
	}
	copy(subject[:], plain)
	for _, p := range Signal.Of(l.schema) {
		if p.Bit == int(plain[len(subject)]) {
			return subject, p, true
		}
	}
	return uuid.Nil, nil, false
}
