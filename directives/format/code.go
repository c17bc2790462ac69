package format

import (
	"strings"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

// Language normalises a BCP 47 tag: "EN-us" is "en-US".
func Language(s string) (string, error) {
	const want = "a BCP 47 tag such as en or pt-BR"
	s = strings.TrimSpace(s)
	// The length is looked at first: the parser's time grows faster than its input. It reads an empty text as "und".
	if s == "" || len(s) > 64 {
		return "", fail("not a language tag", want)
	}
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und {
		return "", fail("not a language tag", want)
	}
	return tag.String(), nil
}

// Currency normalises an ISO 4217 code: "eur" is "EUR".
func Currency(s string) (string, error) {
	s = strings.TrimSpace(s)
	unit, err := currency.ParseISO(s)
	if err != nil || len(s) != 3 {
		return "", fail("not a currency", "an ISO 4217 code such as EUR")
	}
	return unit.String(), nil
}
