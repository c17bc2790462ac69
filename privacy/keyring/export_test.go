package keyring

import (
	"crypto"
	"crypto/ed25519"
)

// SeedOf is the secret half of a signer.
func SeedOf(s crypto.Signer) []byte { return ed25519.PrivateKey(s.(*signer).secret.key).Seed() }
