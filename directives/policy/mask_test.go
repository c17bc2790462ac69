package policy

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func field(s ir.Scalar) *ir.Field {
	return &ir.Field{Owner: &ir.Type{Name: "Contact"}, Name: "value", Scalar: s}
}

var support = &ir.Purpose{Name: "SUPPORT"}

func TestMask(t *testing.T) {
	born := time.Date(1990, 7, 14, 0, 0, 0, 0, time.UTC)
	k := NewMasker(make([]byte, 32))
	for _, c := range []struct {
		name   string
		mask   ir.Mask
		scalar ir.Scalar
		in     any
		want   any
	}{
		{"redacted text", ir.Redact, ir.String, "Ada", "•••"},
		{"redacted absence looks the same", ir.Redact, ir.String, nil, "•••"},
		{"a redacted date has no room", ir.Redact, ir.Date, born, nil},
		{"e-mail keeps the domain", ir.MaskEmail, ir.String, "ada@example.com", "•••@example.com"},
		{"e-mail with a quoted at", ir.MaskEmail, ir.String, `"a@b"@example.com`, "•••@example.com"},
		{"no e-mail at all", ir.MaskEmail, ir.String, "ada", "•••"},
		{"absent e-mail", ir.MaskEmail, ir.String, nil, nil},
		{"phone, two-digit code", ir.MaskPhone, ir.String, "+4930123456", "+49 •••"},
		{"phone, zone 1", ir.MaskPhone, ir.String, "+12015550123", "+1 •••"},
		{"phone, three-digit code", ir.MaskPhone, ir.String, "+358401234567", "+358 •••"},
		{"phone without a country", ir.MaskPhone, ir.String, "030123456", "•••"},
		{"name", ir.MaskName, ir.String, "ada king lovelace", "A. L."},
		{"one name", ir.MaskName, ir.String, "Ada", "A."},
		{"year", ir.MaskYear, ir.Date, born, time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"month", ir.MaskGeneralize, ir.DateTime, born, time.Date(1990, 7, 1, 0, 0, 0, 0, time.UTC)},
		{"last four", ir.MaskLast4, ir.String, "DE0212345678", "•••5678"},
		{"too short for last four", ir.MaskLast4, ir.String, "1234567", "•••"},
		{"prefix", ir.MaskPrefix, ir.String, "90210", "90•••"},
		{"too short for a prefix", ir.MaskPrefix, ir.String, "9021", "•••"},
		{"rounded number", ir.MaskGeneralize, ir.Int, int64(13938), int64(10000)},
		{"rounded negative number", ir.MaskGeneralize, ir.Decimal, int64(-13938), int64(-10000)},
		{"rounded float", ir.MaskGeneralize, ir.Float, 0.0482, 0.04},
		{"first word", ir.MaskGeneralize, ir.String, "SW1A 1AA", "SW1A •••"},
		{"a single word is all there is", ir.MaskGeneralize, ir.String, "London", "•••"},
		{"null", ir.MaskNull, ir.String, "Ada", nil},
		{"an enum has no room", ir.MaskPrefix, ir.EnumScalar, "CUSTOMER", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := k.Mask(c.mask, field(c.scalar), support, c.in); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestPseudonymIsStablePerPurposeAndField(t *testing.T) {
	k := NewMasker([]byte(strings.Repeat("k", 32)))
	other := &ir.Field{Owner: &ir.Type{Name: "Contact"}, Name: "other", Scalar: ir.String}
	a := k.Mask(ir.MaskPseudonym, field(ir.String), support, "ada")
	if b := k.Mask(ir.MaskPseudonym, field(ir.String), support, "ada"); a != b {
		t.Errorf("the same value has two pseudonyms, %v and %v", a, b)
	}
	for name, b := range map[string]any{
		"another value":   k.Mask(ir.MaskPseudonym, field(ir.String), support, "eva"),
		"another purpose": k.Mask(ir.MaskPseudonym, field(ir.String), &ir.Purpose{Name: "SALES"}, "ada"),
		"another field":   k.Mask(ir.MaskPseudonym, other, support, "ada"),
		"another key":     NewMasker([]byte(strings.Repeat("j", 32))).Mask(ir.MaskPseudonym, field(ir.String), support, "ada"),
	} {
		if a == b {
			t.Errorf("%s has the same pseudonym", name)
		}
	}
	if v := (Masker{}).Mask(ir.MaskPseudonym, field(ir.String), support, "ada"); v != nil {
		t.Errorf("without a key a pseudonym would be a plain hash, got %v", v)
	}
}

// Whatever is behind it, a mask of a text shows no more than its class says.
func TestMaskWidth(t *testing.T) {
	k := NewMasker(make([]byte, 32))
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.String().Draw(t, "value")
		for mask, width := range map[ir.Mask]int{ir.Redact: 3, ir.MaskName: 5, ir.MaskLast4: 7, ir.MaskPrefix: 5, ir.MaskPhone: 8, ir.MaskPseudonym: 18} {
			got, _ := k.Mask(mask, field(ir.String), support, v).(string)
			if n := utf8.RuneCountInString(got); n > width {
				t.Fatalf("mask %d of %q shows %d characters: %q", mask, v, n, got)
			}
		}
	})
}
