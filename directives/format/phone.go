package format

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

const (
	wantPhone = "a telephone number such as +49 30 123456, optionally with an extension such as x12"

	// ITU-T E.164 §6: at most 15 digits. The shortest subscriber numbers a person is reached under have 5 digits; below
	// that are service numbers.
	minPhoneDigits = 5
	maxPhoneDigits = 15
	maxPhoneText   = 60
)

// ParsePhone normalises a telephone number. Lists of real people are full of numbers that no numbering plan knows, and
// refusing the person for the number would help nobody; so there are three results, told apart by their first character:
//
//   - A number valid in its country's plan, given with "+" or "00" and a country code, or valid as a national number of
//     region (ISO 3166-1 alpha-2; empty: unknown): E.164, `+12015550123`.
//   - A number with "+" that has the length of a telephone number but no plan lists: `+` and its digits.
//   - One without a country code that is not valid in region: its digits as they are dialled, `0437975229`. A country
//     code is not guessed: it would make someone else's number of it.
//
// An extension follows as RFC 3966 §5.3 writes it: `+12015550123;ext=456`. Anything else is an error.
func ParsePhone(text, region string) (string, error) {
	s := strings.TrimSpace(norm.NFKC.String(text)) // full-width digits are digits
	if len(s) > maxPhoneText {
		return "", fail("not a telephone number", wantPhone)
	}
	s, ext := cutExtension(s)
	digits, plus, ok := dialled(s)
	if !ok {
		return "", fail("not a telephone number", wantPhone)
	}
	if plus {
		if e164 := valid("+"+digits, ""); e164 != "" {
			return e164 + ext, nil
		}
		if len(digits) > maxPhoneDigits {
			return "", fail("too many digits for a telephone number", wantPhone)
		}
		return "+" + digits + ext, nil
	}
	if region != "" {
		if e164 := valid(s, region); e164 != "" {
			return e164 + ext, nil
		}
	}
	// "00" is the international prefix the ITU recommends (E.164 Annex, E.123 §3): outside North America people write it
	// for "+", and mail-merge generators do everywhere.
	if rest, found := strings.CutPrefix(digits, "00"); found {
		if e164 := valid("+"+rest, ""); e164 != "" {
			return e164 + ext, nil
		}
	}
	if len(digits) > maxPhoneDigits {
		return "", fail("too many digits for a telephone number", wantPhone)
	}
	return digits + ext, nil
}

// extension is what may follow a number: "x12", "ext. 12", "extension 12", "#12", ";ext=12". Nine digits are more than
// any private exchange has.
var extension = regexp.MustCompile(`(?i)[\s,]*(?:;ext=|extension|ext\.?|x\.?|#)[\s:.]*([0-9]{1,9})\s*\z`)

func cutExtension(s string) (number, ext string) {
	m := extension.FindStringSubmatchIndex(s)
	if m == nil {
		return s, ""
	}
	return strings.TrimSpace(s[:m[0]]), ";ext=" + s[m[2]:m[3]]
}

// dialled returns the digits of a number written with the usual separators, and whether a "+" leads it.
func dialled(s string) (digits string, plus, ok bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && b.Len() == 0 && !plus:
			plus = true
		case strings.ContainsRune(" -.()/\u00a0\u2010\u2011\u2012\u2013\u2212", r):
		default:
			return "", false, false
		}
	}
	// "+49 (0)30 …" carries a national prefix nobody dials after a country code.
	if plus && strings.Contains(s, "(0)") {
		return dialled(strings.Replace(s, "(0)", "", 1))
	}
	return b.String(), plus, b.Len() >= minPhoneDigits && (!plus || b.String()[0] != '0')
}

func valid(s, region string) string {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) || n.GetExtension() != "" {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}
