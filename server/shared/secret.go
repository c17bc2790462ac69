package shared

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// secrets are derived from the key of the deployment, one for each use, so that what is signed for one is nothing to another.
type secrets struct {
	deployment string // tells deployments apart that use one Redis
	names      []byte // makes identities and keys of clients unreadable
	notices    []byte // signs notices
	records    []byte // signs what is remembered of mutations
	told       []byte // seals what viewers were told
	documents  []byte // signs trusted documents
}

func derive(key []byte) (secrets, error) {
	if len(key) < 32 {
		return secrets{}, errors.New("the key of what replicas share has fewer than 32 bytes")
	}
	var s secrets
	var deployment []byte
	for _, d := range []struct {
		label string
		size  int
		into  *[]byte
	}{{"deployment v1", 9, &deployment}, {"names v1", 32, &s.names}, {"notices v1", 32, &s.notices},
		{"records v1", 32, &s.records}, {"told v1", 32, &s.told}, {"documents v1", 32, &s.documents}} {
		var err error
		if *d.into, err = hkdf.Key(sha256.New, key, nil, "cloakroom shared "+d.label, d.size); err != nil {
			return secrets{}, fmt.Errorf("derive key: %w", err)
		}
	}
	s.deployment = base64.RawURLEncoding.EncodeToString(deployment)
	return s, nil
}

// sign is the HMAC-SHA-256 of parts, each with its length before it, so that no two lists of parts are one text.
func sign(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// name makes a key of Redis that says nothing about what it stands for.
func name(key []byte, parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(sign(key, parts...)[:16])
}
