package receipt

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Key is the public half of a signing key.
type Key struct {
	Public  ed25519.PublicKey
	Made    time.Time // zero: not known
	Retired time.Time // zero: it signs
}

// ID is the key's thumbprint (RFC 7638), the `kid` of what it signed.
func (k Key) ID() string { return thumbprint(k.Public) }

func thumbprint(public ed25519.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // of a key of another length alone
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// Set are the keys of a house.
type Set []Key

func (s Set) find(id string) (Key, bool) {
	for _, k := range s {
		if id != "" && k.ID() == id {
			return k, true
		}
	}
	return Key{}, false
}

// jwk is a key as RFC 7517 and RFC 8037 write it. `iat` and `exp` are when it was made and retired, in seconds since 1970, as in sets of
// historical keys (OpenID Federation 1.0 Section 8.7).
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	D   string `json:"d,omitempty"` // the secret half: never written, and refused
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	Iat *int64 `json:"iat,omitempty"`
	Exp *int64 `json:"exp,omitempty"`
}

// Publish writes the set as a JWK Set (RFC 7517), the same way every time.
func (s Set) Publish() ([]byte, error) {
	keys := []jwk{}
	seconds := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		n := t.Unix()
		return &n
	}
	for _, k := range s {
		keys = append(keys, jwk{Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Public), Kid: k.ID(), Use: "sig",
			Alg: string(jose.EdDSA), Iat: seconds(k.Made), Exp: seconds(k.Retired)})
	}
	out, err := json.Marshal(map[string][]jwk{"keys": keys})
	if err != nil {
		return nil, fmt.Errorf("publish keys: %w", err)
	}
	return append(out, '\n'), nil
}

// ErrKeys says that a text is no set of keys to verify receipts with.
var ErrKeys = errors.New("want a JWK Set with Ed25519 keys, as /.well-known/cloakroom/consent-jwks.json gives it")

// ParseSet reads a JWK Set. Keys of other kinds are left out (RFC 7517 Section 5).
func ParseSet(text []byte) (Set, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, ErrKeys
	}
	out := Set{}
	for _, raw := range set.Keys {
		var k jwk
		if err := json.Unmarshal(raw, &k); err != nil {
			return nil, ErrKeys
		}
		if k.Kty != "OKP" || k.Crv != "Ed25519" || k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != string(jose.EdDSA) && k.Alg != "Ed25519" {
			continue
		}
		if k.D != "" {
			return nil, errors.New("the set has the secret half of a key: whoever has read it can sign; rotate that key, and publish public halves")
		}
		public, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return nil, ErrKeys
		}
		key := Key{Public: public}
		if k.Iat != nil {
			key.Made = time.Unix(*k.Iat, 0).UTC()
		}
		if k.Exp != nil {
			key.Retired = time.Unix(*k.Exp, 0).UTC()
		}
		out = append(out, key)
	}
	if len(out) == 0 && len(set.Keys) > 0 {
		return nil, ErrKeys
	}
	return out, nil
}
