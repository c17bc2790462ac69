package format_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var stage = &ir.Enum{Name: "Stage", Values: []ir.EnumValue{{Name: "OPEN"}, {Name: "WON"}}}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestParse(t *testing.T) {
	text := func(name string) *ir.Field { return &ir.Field{Scalar: ir.String, Format: name} }
	id := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	berlin := time.FixedZone("", 3600)
	for name, c := range map[string]struct {
		f    *ir.Field
		in   any
		want any // nil: an error
	}{
		"text is kept":                    {text(""), " Ada  Lovelace ", " Ada  Lovelace "},
		"text becomes NFC":                {text(""), "Zoe\u0301", "Zoé"},
		"line breaks are LF":              {text(""), "a\r\nb\tc", "a\nb\tc"},
		"a number is no text":             {text(""), 7, nil},
		"a NUL is refused":                {text(""), "a\x00b", nil},
		"an escape is refused":            {text(""), "a\x1b[2Jb", nil},
		"a lone CR is refused":            {text(""), "a\rb", nil},
		"a C1 control is refused":         {text(""), "a\u0085b", nil},
		"broken UTF-8 is refused":         {text(""), "a\xffb", nil},
		"length counts code points":       {&ir.Field{MaxLen: 3}, "äöü", "äöü"},
		"length is after NFC":             {&ir.Field{MaxLen: 1}, "e\u0301", "é"},
		"too long":                        {&ir.Field{MaxLen: 3}, "äöüß", nil},
		"too short":                       {&ir.Field{MinLen: 2}, "a", nil},
		"a pattern holds the whole value": {&ir.Field{Pattern: "[A-Z]{2}|x"}, "AB", "AB"},
		"not a part of it":                {&ir.Field{Pattern: "[A-Z]{2}|x"}, "ABC", nil},
		"not before a line break":         {&ir.Field{Pattern: "[A-Z]{2}"}, "AB\n", nil},
		"an unknown format is refused":    {text("IBAN"), "x", nil},

		"e-mail":                    {text("EMAIL"), " Ada.L+x@Example.COM ", "Ada.L+x@example.com"},
		"e-mail, international":     {text("EMAIL"), "grüße@Exämple.de", "grüße@exämple.de"},
		"e-mail, quoted":            {text("EMAIL"), `"a b@c"@example.com`, `"a b@c"@example.com`},
		"e-mail without domain":     {text("EMAIL"), "ada@", nil},
		"e-mail without dot":        {text("EMAIL"), "ada@localhost", nil},
		"e-mail, two of them":       {text("EMAIL"), "a@b.de,c@d.de", nil},
		"e-mail with a name":        {text("EMAIL"), "Ada <a@b.de>", nil},
		"e-mail with a header":      {text("EMAIL"), "a@b.de\nBcc: c@d.de", nil},
		"e-mail at a machine":       {text("EMAIL"), "a@10.0.0.1", nil},
		"e-mail, empty atom":        {text("EMAIL"), "a..b@c.de", nil},
		"e-mail, hyphen at the end": {text("EMAIL"), "a@b-.de", nil},
		"e-mail, local too long":    {text("EMAIL"), strings.Repeat("a", 65) + "@b.de", nil},
		"e-mail, empty":             {text("EMAIL"), "", nil},

		"url":                 {text("URL"), " HTTP://WWW.Escobar.org/A?b=C ", "http://www.escobar.org/A?b=C"},
		"url with a password": {text("URL"), "https://ada:pw@example.com/", nil},
		"url, relative":       {text("URL"), "/a", nil},
		"url, other scheme":   {text("URL"), "javascript:alert(1)", nil},
		"url, no host":        {text("URL"), "https:///a", nil},
		"url, two lines":      {text("URL"), "https://a.de/\nb", nil},

		"language":        {text("LANGUAGE"), "EN-us", "en-US"},
		"language, name":  {text("LANGUAGE"), "English language", nil},
		"language, empty": {text("LANGUAGE"), "", nil},
		"currency":        {text("CURRENCY"), "eur", "EUR"},
		"currency, none":  {text("CURRENCY"), "ABC", nil},
		"currency, name":  {text("CURRENCY"), "Euro", nil},

		"int":                      {&ir.Field{Scalar: ir.Int}, 7, int64(7)},
		"int, JSON":                {&ir.Field{Scalar: ir.Int}, json.Number("-7"), int64(-7)},
		"int, text of a frame":     {&ir.Field{Scalar: ir.Int}, "13938.0", int64(13938)},
		"int, fraction":            {&ir.Field{Scalar: ir.Int}, "1.5", nil},
		"int, float fraction":      {&ir.Field{Scalar: ir.Int}, 1.5, nil},
		"int, too large":           {&ir.Field{Scalar: ir.Int}, int64(math.MaxInt32) + 1, nil},
		"int, NaN":                 {&ir.Field{Scalar: ir.Int}, math.NaN(), nil},
		"float":                    {&ir.Field{Scalar: ir.Float}, "1e3", 1000.0},
		"float, infinite":          {&ir.Field{Scalar: ir.Float}, "Inf", nil},
		"float, overflow":          {&ir.Field{Scalar: ir.Float}, "1e999", nil},
		"float, hexadecimal":       {&ir.Field{Scalar: ir.Float}, "0x1p4", nil},
		"bool":                     {&ir.Field{Scalar: ir.Boolean}, "Yes", true},
		"bool, other":              {&ir.Field{Scalar: ir.Boolean}, "perhaps", nil},
		"decimal":                  {&ir.Field{Scalar: ir.Decimal}, "1250.5", int64(12505000)},
		"decimal, negative":        {&ir.Field{Scalar: ir.Decimal}, "-0.0001", int64(-1)},
		"decimal, smallest":        {&ir.Field{Scalar: ir.Decimal}, "-922337203685477.5808", int64(math.MinInt64)},
		"decimal, largest":         {&ir.Field{Scalar: ir.Decimal}, "922337203685477.5807", int64(math.MaxInt64)},
		"decimal, one more":        {&ir.Field{Scalar: ir.Decimal}, "922337203685477.5808", nil},
		"decimal, float":           {&ir.Field{Scalar: ir.Decimal}, 0.1, int64(1000)},
		"decimal, five places":     {&ir.Field{Scalar: ir.Decimal}, "1.00001", nil},
		"decimal, five with zeros": {&ir.Field{Scalar: ir.Decimal}, "1.50000", int64(15000)},
		"decimal, exponent":        {&ir.Field{Scalar: ir.Decimal}, "1e3", nil},
		"decimal, comma":           {&ir.Field{Scalar: ir.Decimal}, "1,5", nil},
		"decimal, empty":           {&ir.Field{Scalar: ir.Decimal}, "", nil},
		"decimal, only a point":    {&ir.Field{Scalar: ir.Decimal}, ".", nil},

		"date":               {&ir.Field{Scalar: ir.Date}, "2024-02-29", day(2024, 2, 29)},
		"date, no such day":  {&ir.Field{Scalar: ir.Date}, "2023-02-29", nil},
		"date, of a time":    {&ir.Field{Scalar: ir.Date}, time.Date(2024, 1, 2, 23, 0, 0, 0, berlin), day(2024, 1, 2)},
		"date, year 0":       {&ir.Field{Scalar: ir.Date}, "0000-01-01", nil},
		"date with a time":   {&ir.Field{Scalar: ir.Date}, "2024-01-02T00:00:00Z", nil},
		"time":               {&ir.Field{Scalar: ir.DateTime}, "2024-01-02T01:00:00.1234567+01:00", day(2024, 1, 2).Add(123456 * time.Microsecond)},
		"time, no offset":    {&ir.Field{Scalar: ir.DateTime}, "2024-01-02 01:00:00", nil},
		"time, out of range": {&ir.Field{Scalar: ir.DateTime}, "9999-12-31T23:59:59-01:00", nil},
		"enum":               {&ir.Field{Scalar: ir.EnumScalar, Enum: stage}, "WON", "WON"},
		"enum, other case":   {&ir.Field{Scalar: ir.EnumScalar, Enum: stage}, "won", nil},
		"uuid":               {&ir.Field{Scalar: ir.UUID}, id, id},
		"uuid, text":         {&ir.Field{Scalar: ir.UUID}, id.String(), id},
		"uuid, urn":          {&ir.Field{Scalar: ir.UUID}, "urn:uuid:" + id.String(), nil},
		"json, a NUL inside": {&ir.Field{Scalar: ir.JSON}, map[string]any{"a": []any{"\x00"}}, nil},
		"json, a channel":    {&ir.Field{Scalar: ir.JSON}, map[string]any{"a": make(chan int)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := format.Parse(c.f, c.in)
			if c.want == nil {
				if err == nil {
					t.Fatalf("accepted as %#v", got)
				}
				if got != nil {
					t.Errorf("an error came with a value: %#v", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Fatalf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestNullIsAlwaysAccepted(t *testing.T) {
	for s := ir.String; s <= ir.UUID; s++ {
		if v, err := format.Parse(&ir.Field{Scalar: s, Format: "EMAIL", MinLen: 3}, nil); v != nil || err != nil {
			t.Errorf("scalar %d: %v, %v", s, v, err)
		}
	}
}

func TestLoose(t *testing.T) {
	p := format.Parser{Loose: true}
	for _, c := range []struct {
		scalar ir.Scalar
		in     string
		want   any // nil: an error
	}{
		{ir.Date, "1948-12-08 00:00:00.000", day(1948, 12, 8)},
		{ir.Date, "1948-12-08T00:00:00Z", day(1948, 12, 8)},
		{ir.Date, "1948-12-08 13:00:00", nil},
		{ir.Date, "08/12/1948", nil},
		{ir.DateTime, "2024-12-15", day(2024, 12, 15)},
		{ir.DateTime, "2024-12-15 10:30:00", day(2024, 12, 15).Add(10*time.Hour + 30*time.Minute)},
		{ir.JSON, `"a"`, "a"},
		{ir.JSON, `{"a":`, nil},
		{ir.JSON, `1 2`, nil},
	} {
		got, err := p.Parse(&ir.Field{Scalar: c.scalar}, c.in)
		if (err != nil) != (c.want == nil) || got != c.want {
			t.Errorf("%q: got %v, %v, want %v", c.in, got, err, c.want)
		}
	}
}

func TestJSONDepthIsBounded(t *testing.T) {
	var v any = "x"
	for range 100 {
		v = []any{v}
	}
	if _, err := format.Parse(&ir.Field{Scalar: ir.JSON}, v); err == nil {
		t.Error("a hundred levels were accepted")
	}
}

// fields is one column of every kind that reads text.
func fields() []*ir.Field {
	out := []*ir.Field{{Scalar: ir.EnumScalar, Enum: stage}, {Pattern: "[a-z]+"}, {MinLen: 3, MaxLen: 5}}
	for _, f := range []string{"", "EMAIL", "PHONE", "URL", "COUNTRY", "LANGUAGE", "CURRENCY"} {
		out = append(out, &ir.Field{Scalar: ir.String, Format: f})
	}
	for s := ir.Int; s <= ir.UUID; s++ {
		out = append(out, &ir.Field{Scalar: s, Enum: stage})
	}
	return out
}

// Two laws of every format: parsing a result changes nothing, and an error does not repeat the value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"ada@example.com", "+1 201 555 0123 x45", "001-610-352-1234x9", "http://A/b?c#d", "Côte d'Ivoire",
		"zh-hant-tw", "1e5", "-1.50000", "2024-02-29T00:00:00+01:00", "{\"a\":[1]}", "e\u0301", "\x00", "+39 06 698 123", "+54 9 11 2345 6789", "1-800-FLOWERS"} {
		f.Add(s, "US")
		f.Add(s, "IT")
	}
	columns := fields()
	f.Fuzz(func(t *testing.T, in, region string) {
		for _, loose := range []bool{false, true} {
			p := format.Parser{Region: region, Loose: loose}
			for _, c := range columns {
				v, err := p.Parse(c, in)
				if err != nil {
					if len(in) > 12 && strings.Contains(err.Error(), in) && !strings.Contains(wants, in) {
						t.Errorf("%s: the error repeats the value", c.Format)
					}
					continue
				}
				if c.Scalar == ir.JSON || c.Scalar == ir.Decimal {
					continue // their results are not of the input's type
				}
				again, err := p.Parse(c, v)
				if err != nil {
					t.Fatalf("%s %d: %q gave %q, which is refused: %v", c.Format, c.Scalar, in, v, err)
				}
				if again != v {
					t.Fatalf("%s %d: %q gave %q, then %q", c.Format, c.Scalar, in, v, again)
				}
			}
		}
	})
}

// wants are texts the errors themselves contain.
const wants = "name@example.com https://example.com/ 2026-01-31T09:30:00Z 01890a5d-ac96-774b-bcce-b302099a8057 " +
	"-922337203685477.5808 922337203685477.5807 -2147483648 to 2147483647 +49 30 123456"
