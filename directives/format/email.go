package format

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const wantEmail = "an address such as name@example.com"

// Email normalises an address as in RFC 5321 §4.1.2, with the letters RFC 6531 adds: surrounding space goes, the domain
// is in lower case. The local part is kept as written: only the receiving host knows whether case matters in it
// (RFC 5321 §2.4). Address literals (`a@[192.0.2.1]`) and single-label domains are refused: they are no address of a person.
func Email(s string) (string, error) {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", fail("not an e-mail address", wantEmail)
	}
	local, domain := s[:at], strings.ToLower(s[at+1:])
	// RFC 5321 §4.5.3.1: 64 octets before the @, and 256 for the path with its angle brackets.
	if len(local) > 64 || len(local)+1+len(domain) > 254 {
		return "", fail("too long for an e-mail address", wantEmail)
	}
	if !(dotAtom(local) || quoted(local)) || !domainName(domain) {
		return "", fail("not an e-mail address", wantEmail)
	}
	return local + "@" + domain, nil
}

func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			ascii := r < utf8.RuneSelf && (isAlnum(r) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
			if !ascii && !(r >= utf8.RuneSelf && unicode.IsPrint(r)) {
				return false
			}
		}
	}
	return true
}

// quoted is RFC 5321's Quoted-string.
func quoted(s string) bool {
	if len(s) < 3 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s)-1 || s[i] < ' ' || s[i] > '~' {
				return false
			}
		case c == '"', c < ' ', c > '~':
			return false
		}
	}
	return true
}

// domainName accepts two or more labels of letters, digits and inner hyphens, internationalised ones included. The last
// one is no number: `a@10.0.0.1` is an address of a machine.
func domainName(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 || allDigits(labels[len(labels)-1]) {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, r := range l {
			if r != '-' && !unicode.In(r, unicode.Letter, unicode.Nd, unicode.Mark) {
				return false
			}
		}
	}
	return true
}

func isAlnum(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
