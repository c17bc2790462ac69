package optin

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Token is what a link has in it. Whoever knows it can confirm, so it is in the mail and nowhere else.
type Token struct {
	policy.Withheld

	text string
}

// ParseToken reads a token as somebody sent it. What is none is a token of no request.
func ParseToken(text string) Token { return Token{text: text} }

// Reveal is the token for the link.
func (t Token) Reveal() string { return t.text }

// hash is what the database knows a token by.
func (t Token) hash() []byte {
	sum := sha256.Sum256([]byte(t.text))
	return sum[:]
}

// secrets are derived from the key of the deployment, so that what is made with one says nothing about the other.
type secrets struct{ tokens, addresses []byte }

func derive(key []byte) (s secrets, err error) {
	if len(key) < 32 {
		return s, errors.New("the key of mailed links has fewer than 32 bytes")
	}
	for label, into := range map[string]*[]byte{"token v1": &s.tokens, "address v1": &s.addresses} {
		if *into, err = hkdf.Key(sha256.New, key, nil, "cloakroom opt-in "+label, 32); err != nil {
			return s, fmt.Errorf("derive key: %w", err)
		}
	}
	return s, nil
}

// token is that of a request: 256 bits that nobody can guess or compute without the key.
func (s secrets) token(id uuid.UUID) Token {
	mac := hmac.New(sha256.New, s.tokens)
	mac.Write(id[:])
	return Token{text: base64.RawURLEncoding.EncodeToString(mac.Sum(nil))}
}

// address is what is kept of an address. It differs between people, so that it does not tell who shares one.
func (s secrets) address(subject policy.SubjectID, address string) []byte {
	mac := hmac.New(sha256.New, s.addresses)
	mac.Write(subject[:])
	mac.Write([]byte(address))
	return mac.Sum(nil)
}
