package format

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// maxText bounds a text without @length, in bytes: no field of a person is a megabyte by intent.
const maxText = 1 << 20

func (p Parser) text(f *ir.Field, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fail("not a text", "a text")
	}
	if len(s) > maxText {
		return "", fail("too long", "at most "+strconv.Itoa(maxText)+" bytes")
	}
	if err := clean(s); err != nil {
		return "", err
	}
	s = norm.NFC.String(strings.ReplaceAll(s, "\r\n", "\n"))
	s, err := p.named(f.Format, s)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(s); f.MaxLen > 0 && n > f.MaxLen {
		return "", fail("too long", "at most "+plural(f.MaxLen, "character"))
	} else if n < f.MinLen {
		return "", fail("too short", "at least "+plural(f.MinLen, "character"))
	}
	if f.Pattern != "" {
		re, err := pattern(f.Pattern)
		if err != nil {
			return "", fail("the schema's pattern for this field is not a regular expression", "")
		}
		if !re.MatchString(s) {
			return "", fail("not of the form this field has", "a text that matches "+f.Pattern)
		}
	}
	return s, nil
}

// named normalises by a value of the vocabulary's Format enum; a text without one is taken as it is, spaces included.
func (p Parser) named(name, s string) (string, error) {
	switch name {
	case "":
		return s, nil
	case "EMAIL":
		return Email(s)
	case "PHONE":
		return ParsePhone(s, p.Region)
	case "URL":
		return URL(s)
	case "COUNTRY":
		return Country(s)
	case "LANGUAGE":
		return Language(s)
	case "CURRENCY":
		return Currency(s)
	}
	return "", fail("the schema names a format that does not exist", "")
}

// clean refuses what a text must not carry: broken UTF-8, and control characters other than line breaks and tabs. A NUL
// cannot be stored in PostgreSQL; the others hide content from a reader or act on terminals that print it.
func clean(s string) error {
	if !utf8.ValidString(s) {
		return fail("not valid UTF-8", "a text in UTF-8")
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
		case r == 0:
			return fail("contains a NUL byte", "a text")
		case r < ' ', r >= 0x7f && r < 0xa0:
			return fail("contains a control character", "a text without control characters")
		}
	}
	return nil
}

// patterns caches compiled patterns; a schema has few, and they never change.
var patterns sync.Map

// pattern anchors: `@format(pattern:)` is about the whole value.
func pattern(source string) (*regexp.Regexp, error) {
	if re, ok := patterns.Load(source); ok {
		return re.(*regexp.Regexp), nil
	}
	re, err := regexp.Compile(`\A(?:` + source + `)\z`)
	if err != nil {
		return nil, err
	}
	patterns.Store(source, re)
	return re, nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
