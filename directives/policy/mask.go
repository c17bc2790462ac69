package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Veil stands for what is hidden. It has one width, so that it says nothing about the value behind it.
const Veil = "•••"

// Masker turns values into what a mask shows. It is pure but for its key.
type Masker struct {
	key []byte
}

// NewMasker returns a masker whose pseudonyms are keyed with key (32 bytes). Without the key nobody can test a guess
// against a pseudonym (EDPB Guidelines 01/2025 on pseudonymisation: the additional information is kept apart).
func NewMasker(key []byte) Masker { return Masker{key: key} }

// Mask returns what m shows of v in purpose p: a string, int64, float64, time.Time, or nil for null. v is a storage
// value: string, int64 (Int and Decimal), float64, bool, time.Time or nil. REDACT and NULL ignore it; every other mask
// shows an absent value as null.
func (k Masker) Mask(m ir.Mask, f *ir.Field, p *ir.Purpose, v any) any {
	switch m {
	case ir.MaskNull:
		return nil
	case ir.Redact:
		if f.Scalar == ir.String {
			return Veil
		}
		return nil
	}
	if v == nil {
		return nil
	}
	switch v := v.(type) {
	case string:
		return k.text(m, f, p, v)
	case time.Time:
		return day(m, v)
	case int64:
		if m == ir.MaskGeneralize {
			return roundInt(v)
		}
	case float64:
		if m == ir.MaskGeneralize {
			return roundFloat(v)
		}
	}
	return nil
}

func (k Masker) text(m ir.Mask, f *ir.Field, p *ir.Purpose, v string) any {
	switch m {
	case ir.MaskPseudonym:
		return k.pseudonym(f, p, v)
	}
	if f.Scalar != ir.String {
		return nil // an enum has no room for a mask
	}
	switch m {
	case ir.MaskEmail:
		if at := strings.LastIndexByte(v, '@'); at >= 0 && at+1 < len(v) {
			return Veil + v[at:]
		}
	case ir.MaskPhone:
		if code := callingCode(v); code != "" {
			return code + " " + Veil
		}
	case ir.MaskName:
		return initials(v)
	case ir.MaskLast4:
		if n := utf8.RuneCountInString(v); n >= 8 {
			return Veil + string([]rune(v)[n-4:])
		}
	case ir.MaskPrefix:
		if utf8.RuneCountInString(v) >= 5 {
			return string([]rune(v)[:2]) + Veil
		}
	case ir.MaskGeneralize:
		// Of a single word nothing would be left hidden.
		if words := strings.Fields(v); len(words) > 1 {
			return words[0] + " " + Veil
		}
	}
	return Veil
}

// pseudonym is a keyed hash over purpose, field and value. Purposes cannot be joined on it: that would be processing for
// a purpose nobody named.
func (k Masker) pseudonym(f *ir.Field, p *ir.Purpose, v string) any {
	if len(k.key) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, k.key)
	for _, part := range []string{"pseudonym", p.Name, f.Coordinate(), v} {
		var n [8]byte
		for i := range n {
			n[i] = byte(len(part) >> (8 * i))
		}
		mac.Write(n[:])
		mac.Write([]byte(part))
	}
	return "p_" + strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:10]))
}

// initials shows the first letters of the first and the last word; how many words stand between is not shown.
func initials(v string) string {
	var first, last rune
	words, inside := 0, false
	for _, r := range v {
		between := unicode.IsSpace(r) || r == '-'
		if !between && !inside {
			if words++; words == 1 {
				first = r
			}
			last = r
		}
		inside = !between
	}
	if words == 0 {
		return Veil
	}
	var room [2*utf8.UTFMax + 3]byte
	b := append(utf8.AppendRune(room[:0], unicode.ToUpper(first)), '.')
	if words > 1 {
		b = append(utf8.AppendRune(append(b, ' '), unicode.ToUpper(last)), '.')
	}
	return string(b)
}

func day(m ir.Mask, t time.Time) any {
	t = t.UTC()
	switch m {
	case ir.MaskYear:
		return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	case ir.MaskGeneralize:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	default:
		return nil
	}
}

// roundInt keeps one significant digit, towards zero: 13938 → 10000.
func roundInt(v int64) int64 {
	unit := int64(1)
	for q := v; q >= 10 || q <= -10; q /= 10 {
		unit *= 10
	}
	return v / unit * unit
}

func roundFloat(v float64) any {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0.0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v))))
	return math.Trunc(v/unit) * unit
}

// callingCode returns "+" and the country calling code of an E.164 number, or "" if there is none. One-digit codes are
// those of zones 1 and 7; the two-digit ones are listed; all others have three (ITU-T E.164.D, list of assigned codes).
func callingCode(v string) string {
	if len(v) < 2 || v[0] != '+' {
		return ""
	}
	for i := 1; i < len(v) && i < 4; i++ {
		if v[i] < '0' || v[i] > '9' {
			return ""
		}
	}
	n := 3
	switch {
	case v[1] == '1' || v[1] == '7':
		n = 1
	case len(v) > 2 && strings.Contains(twoDigitCodes, v[1:3]+" "):
		n = 2
	}
	if len(v) < n+1 {
		return ""
	}
	return v[:n+1]
}

const twoDigitCodes = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 " +
	"81 82 84 86 90 91 92 93 94 95 98 "
