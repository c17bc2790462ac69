package read

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// keyset is a place in an order: the sort values and the id of a row.
type keyset struct {
	Values []any
	ID     string
}

// Cursors seals and opens cursors.
//
// Threat: a cursor carries sort values. Whoever is handed one must not read them, move it to another query to learn
// where a value lies in another order, hand it to another viewer, or forge one to probe values. So a cursor is AES-SIV
// ciphertext (RFC 5297) under a key of its own, bound as associated data to viewer, role, purpose, type, filter and
// order, and it expires. Encryption is deterministic on purpose: one place has one cursor, so that two answers which show
// the same are the same to the byte, and a client's cache finds them again. All that equal cursors tell is that they are
// the same place in the same list, which the rows beside them tell anyway.
type Cursors struct {
	siv  *subtle.AESSIV
	life time.Duration
}

// CursorKeySize is the length of the key of Cursors, in bytes: two AES-256 keys.
const CursorKeySize = subtle.AESSIVKeySize

// NewCursors returns cursors sealed with a key of CursorKeySize, valid for life, up to the next whole hour.
func NewCursors(key []byte, life time.Duration) (*Cursors, error) {
	siv, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, fmt.Errorf("cursor key: %w", err)
	}
	return &Cursors{siv: siv, life: life}, nil
}

var errCursor = Fail(CodeBadCursor, "this cursor is not valid here, or no longer: begin again without it")

type sealedKeyset struct {
	Expires int64
	ID      string
	Values  []sealedValue
}

// sealedValue keeps a value's Go type across JSON.
type sealedValue struct {
	S *string    `json:",omitempty"`
	I *int64     `json:",omitempty"`
	F *float64   `json:",omitempty"`
	B *bool      `json:",omitempty"`
	T *time.Time `json:",omitempty"`
}

func (c *Cursors) seal(k keyset, bind string, now time.Time) (string, error) {
	s := sealedKeyset{Expires: now.Add(c.life + time.Hour).Truncate(time.Hour).Unix(), ID: k.ID} // a whole hour, so that pages repeat
	for _, v := range k.Values {
		var sv sealedValue
		switch v := v.(type) {
		case string:
			sv.S = &v
		case int64:
			sv.I = &v
		case float64:
			sv.F = &v
		case bool:
			sv.B = &v
		case time.Time:
			sv.T = &v
		}
		s.Values = append(s.Values, sv)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sealed, err := c.siv.EncryptDeterministically(pad(plain), []byte(bind))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// pad hides the length of the values behind steps of 64 bytes.
func pad(b []byte) []byte {
	n := (len(b)/64 + 1) * 64
	for len(b) < n {
		b = append(b, ' ')
	}
	return b
}

func (c *Cursors) open(s, bind string, terms int, now time.Time) (keyset, error) {
	raw, err := decodeText(s)
	if err != nil {
		return keyset{}, errCursor
	}
	plain, err := c.siv.DecryptDeterministically(raw, []byte(bind))
	if err != nil {
		return keyset{}, errCursor
	}
	var sk sealedKeyset
	if json.Unmarshal(plain, &sk) != nil || len(sk.Values) != terms || now.Unix() > sk.Expires {
		return keyset{}, errCursor
	}
	if _, err := uuid.Parse(sk.ID); err != nil {
		return keyset{}, errCursor
	}
	k := keyset{ID: sk.ID}
	for _, v := range sk.Values {
		switch {
		case v.S != nil:
			k.Values = append(k.Values, *v.S)
		case v.I != nil:
			k.Values = append(k.Values, *v.I)
		case v.F != nil:
			k.Values = append(k.Values, *v.F)
		case v.B != nil:
			k.Values = append(k.Values, *v.B)
		case v.T != nil:
			k.Values = append(k.Values, *v.T)
		default:
			k.Values = append(k.Values, nil)
		}
	}
	return k, nil
}

// binding digests what a cursor of a connection is bound to, except the viewer.
func (p *planner) binding(t *ir.Type, where map[string]any, order []orderTerm) string {
	filter, err := json.Marshal(where)
	if err != nil {
		p.fail(errors.New("unreadable filter"))
	}
	parts := []string{p.req.Role.Name, p.req.Purpose.Name, t.Name, string(filter)}
	for _, o := range order {
		parts = append(parts, fmt.Sprint(o.field.Name, o.desc))
	}
	return digest(parts)
}

// digest hashes parts, each with its length before it, so that no two lists of parts are one text.
func digest(parts []string) string {
	h := sha256.New()
	for _, part := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return string(h.Sum(nil))
}
