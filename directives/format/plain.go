package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// PlainKind is the first byte of a storage value written as bytes, and says how to read the rest.
type PlainKind byte

// The kinds. Their numbers are in every sealed cell: they never change.
const (
	PlainText    PlainKind = 1 // UTF-8: texts, and the names of enum values
	PlainInt     PlainKind = 2 // 8 bytes, big-endian: Int, and Decimal in ten-thousandths
	PlainFloat   PlainKind = 3 // 8 bytes, big-endian: IEEE 754
	PlainBoolean PlainKind = 4 // 1 byte
	PlainTime    PlainKind = 5 // 8 bytes, big-endian: microseconds since 1970 UTC
	PlainJSON    PlainKind = 6 // the JSON text, lists included
	PlainUUID    PlainKind = 7 // 16 bytes
)

// plainBlock is what written values are filled up to, so that their length tells little: Yes and No, Li and Kim are equal.
const plainBlock = 16

// errPlain says that bytes are no storage value. It does not show them.
var errPlain = errors.New("not a storage value")

// AppendPlain writes a storage value as bytes: string, int64, float64, bool, time.Time, uuid.UUID or json.RawMessage. It is
// what a cell holds under its seal.
func AppendPlain(dst []byte, v any) ([]byte, error) {
	from := len(dst)
	switch v := v.(type) {
	case string:
		dst = append(append(dst, byte(PlainText)), v...)
	case int64:
		dst = binary.BigEndian.AppendUint64(append(dst, byte(PlainInt)), uint64(v))
	case int:
		return AppendPlain(dst, int64(v))
	case float64:
		dst = binary.BigEndian.AppendUint64(append(dst, byte(PlainFloat)), math.Float64bits(v))
	case bool:
		b := byte(0)
		if v {
			b = 1
		}
		dst = append(dst, byte(PlainBoolean), b)
	case time.Time:
		dst = binary.BigEndian.AppendUint64(append(dst, byte(PlainTime)), uint64(v.UnixMicro()))
	case json.RawMessage:
		dst = append(append(dst, byte(PlainJSON)), v...)
	case uuid.UUID:
		dst = append(append(dst, byte(PlainUUID)), v[:]...)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return dst, fmt.Errorf("a %T is %w", v, errPlain)
		}
		return AppendPlain(dst, json.RawMessage(raw))
	}
	// ISO/IEC 7816-4: a bit, and zeros. It comes off without doubt, whatever the value ends in.
	dst = append(dst, 0x80)
	for (len(dst)-from)%plainBlock != 0 {
		dst = append(dst, 0)
	}
	return dst, nil
}

// Plain reads what AppendPlain wrote, without the filling. The payload is a part of b.
func Plain(b []byte) (PlainKind, []byte, error) {
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	if end < 2 || b[end-1] != 0x80 {
		return 0, nil, errPlain
	}
	kind, payload := PlainKind(b[0]), b[1:end-1]
	want := -1
	switch kind {
	case PlainInt, PlainFloat, PlainTime:
		want = 8
	case PlainBoolean:
		want = 1
	case PlainUUID:
		want = 16
	case PlainText, PlainJSON:
	default:
		return 0, nil, errPlain
	}
	if want >= 0 && len(payload) != want {
		return 0, nil, errPlain
	}
	return kind, payload, nil
}

// PlainValue reads what AppendPlain wrote as a Go value, which shares no memory with b.
func PlainValue(b []byte) (any, error) {
	kind, p, err := Plain(b)
	if err != nil {
		return nil, err
	}
	switch kind {
	case PlainText:
		return string(p), nil
	case PlainInt:
		return int64(binary.BigEndian.Uint64(p)), nil
	case PlainFloat:
		return math.Float64frombits(binary.BigEndian.Uint64(p)), nil
	case PlainBoolean:
		return p[0] != 0, nil
	case PlainTime:
		return time.UnixMicro(int64(binary.BigEndian.Uint64(p))).UTC(), nil
	case PlainUUID:
		return uuid.UUID(p), nil
	default:
		return json.RawMessage(append([]byte{}, p...)), nil
	}
}

// AppendNormal writes the form in which values of a field are compared while they are sealed: addresses without case,
// everything else as Parse stores it (telephone numbers as E.164, texts in NFC). No two different values are written alike.
func AppendNormal(dst []byte, f *ir.Field, v any) ([]byte, error) {
	switch x := v.(type) {
	case string:
		if f.Format == "EMAIL" {
			v = norm.NFC.String(strings.ToLower(x))
		}
	case float64:
		if x == 0 {
			v = 0.0 // there is one zero
		}
	}
	return AppendPlain(dst, v)
}

// Same reports whether two storage values of a field have the same normal form.
func Same(f *ir.Field, a, b any) bool {
	x, err := AppendNormal(nil, f, a)
	if err != nil {
		return false
	}
	y, err := AppendNormal(nil, f, b)
	return err == nil && bytes.Equal(x, y)
}
