package read

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// ErrBadID is the answer to an id this gateway did not make.
var ErrBadID = errors.New("not an id")

// EncodeID makes the global id of a row (Relay global object identification): opaque, URL-safe, naming type and row.
func EncodeID(typ string, id uuid.UUID) string { return string(appendID(nil, typ, id)) }

func appendID(dst []byte, typ string, id uuid.UUID) []byte {
	raw := make([]byte, 0, len(typ)+17)
	raw = append(raw, typ...)
	raw = append(raw, ':')
	raw = append(raw, id[:]...)
	return base64.RawURLEncoding.AppendEncode(dst, raw)
}

// DecodeID reads a global id. Anything else is ErrBadID.
func DecodeID(s string) (typ string, id uuid.UUID, err error) {
	raw, err := decodeText(s)
	if err != nil || len(raw) < 18 || raw[len(raw)-17] != ':' {
		return "", uuid.Nil, ErrBadID
	}
	copy(id[:], raw[len(raw)-16:])
	typ = string(raw[:len(raw)-17])
	if strings.ContainsRune(typ, ':') {
		return "", uuid.Nil, ErrBadID
	}
	return typ, id, nil
}

// decodeText reads base64url in its one form: the standard decoder passes over line breaks, even a strict one.
func decodeText(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrBadID
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
