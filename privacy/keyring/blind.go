package keyring

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// The blind index of a value is
//
//	the first bits of HMAC-SHA-256(key of the field, normal form of the value: format.AppendNormal)
//
// The key of a field is derived from the index key (HKDF, RFC 5869), so that equal values in two fields look different, and
// is kept where the database is not: without it nobody can try out values. It is cut short, so that an index alone never
// identifies a value: among n rows one look-up meets n/2^bits that hold something else. With 32 bits and a million people
// that is one stray row in 4,295 look-ups. Strays are found by opening them, and dropped.

// Blind returns the blind index of a value under every version of the index key, the one to write first. While the index is
// re-keyed rows have either.
func (k *Keyring) Blind(ctx context.Context, f *ir.Field, v any) ([]int64, error) {
	versions, err := k.blinds.all(ctx)
	if err != nil {
		return nil, err
	}
	in, err := format.AppendNormal(nil, f, v)
	if err != nil {
		return nil, err
	}
	defer clear(in)
	out := make([]int64, len(versions))
	for i, s := range versions {
		key, err := s.of(f)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(in)
		sum := mac.Sum(make([]byte, 0, sha256.Size))
		out[i] = int64(binary.BigEndian.Uint64(sum) >> (64 - k.bits))
	}
	if k.blinds.isClosed() { // then the key may have been wiped while it was used
		return nil, errClosed
	}
	return out, nil
}

// of derives the key of a field.
func (s *secret) of(f *ir.Field) ([]byte, error) {
	if key, ok := s.fields.Load(f); ok {
		return key.([]byte), nil
	}
	key, err := hkdf.Key(sha256.New, s.key, nil, "cloakroom blind index 1 "+f.Owner.Table+"."+f.PlainColumn(), keySize)
	if err != nil {
		return nil, err
	}
	kept, _ := s.fields.LoadOrStore(f, key)
	return kept.([]byte), nil
}
