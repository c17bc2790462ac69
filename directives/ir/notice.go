package ir

import (
	"strings"
	"unicode"
)

// Controller is who decides why and how data is processed (GDPR Art. 4(7)).
type Controller struct {
	Name, Address, Contact         string
	Country                        string // ISO 3166-1 alpha-2
	Representative, DPO, Authority string // empty: not said
	Pos                            Pos
}

// Recipient is someone outside who receives data (GDPR Art. 13(1)(e)).
type Recipient struct {
	Name      string
	As        string // a value of RecipientRole
	For       string
	Country   string // ISO 3166-1 alpha-2
	Safeguard string // a value of Safeguard; empty: none is needed
	Pos       Pos
}

// Translation is something the schema says, in another language.
type Translation struct {
	Language string // BCP 47
	Of       string // a text, a coordinate or a name in words
	As       string
	Pos      Pos
}

// Said returns what the schema says in a language for any of the keys, the first that it says; false when it says none.
func (s *Schema) Said(language string, keys ...string) (string, bool) {
	for _, k := range keys {
		if as, ok := s.said[[2]string{language, k}]; ok {
			return as, true
		}
	}
	return "", false
}

// Words is a name as people would write it: `firstName` and `FIRST_NAME` are "first name".
func Words(name string) string {
	var b strings.Builder
	rs := []rune(name)
	for i, r := range rs {
		switch {
		case r == '_':
			b.WriteByte(' ')
			continue
		case unicode.IsUpper(r) && i > 0 && rs[i-1] != '_' && (!unicode.IsUpper(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
