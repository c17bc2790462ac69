package receipt

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Keys are where the signing keys come from.
type Keys interface {
	// Signer returns the key that signs now, with an ed25519.PublicKey.
	Signer(ctx context.Context) (crypto.Signer, error)
	// VerifyKeys returns the public halves of all keys that ever signed.
	VerifyKeys(ctx context.Context) (Set, error)
}

// Issuer signs receipts. It is safe for concurrent use.
type Issuer struct {
	keys   Keys
	schema *ir.Schema
}

// New returns the issuer of a schema.
func New(keys Keys, s *ir.Schema) *Issuer { return &Issuer{keys, s} }

// Sign returns the receipt of a line of the ledger, as a compact JWS. It fails where keys cannot be had: a decision counts without a
// receipt, which can be asked for later.
func (i *Issuer) Sign(ctx context.Context, r Record) (string, error) {
	document, err := describe(i.schema, r)
	if err != nil {
		return "", fmt.Errorf("write a receipt: %w", err)
	}
	payload, err := document.encode()
	if err != nil {
		return "", fmt.Errorf("write a receipt: %w", err)
	}
	key, err := i.keys.Signer(ctx)
	if err != nil {
		return "", fmt.Errorf("sign a receipt: %w", err)
	}
	text, err := sign(key, payload)
	if err != nil {
		return "", fmt.Errorf("sign a receipt: %w", err)
	}
	return text, nil
}

// VerifyKeys returns the keys that Verify needs.
func (i *Issuer) VerifyKeys(ctx context.Context) (Set, error) { return i.keys.VerifyKeys(ctx) }

// kind is the `typ` of a receipt: what was signed for something else is none (RFC 8725 Section 3.11).
const kind = "consent-receipt+jws"

func sign(key crypto.Signer, payload []byte) (string, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("the key is no Ed25519 key")
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: opaque{key, public}}, (&jose.SignerOptions{}).WithType(kind))
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// opaque is a key whose secret half stays where it is.
type opaque struct {
	crypto.Signer
	public ed25519.PublicKey
}

func (o opaque) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: o.public, KeyID: thumbprint(o.public)}
}

func (o opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.EdDSA} }

func (o opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return o.Sign(nil, payload, crypto.Hash(0))
}
