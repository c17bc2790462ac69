package importer

import (
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/format"
)

// transforms change a text that is not empty; an empty result means "no value".
var transforms = map[string]func(string) (string, error){
	"lower":             func(s string) (string, error) { return strings.ToLower(s), nil },
	"upper":             func(s string) (string, error) { return strings.ToUpper(s), nil },
	"spaces":            func(s string) (string, error) { return strings.Join(strings.Fields(s), " "), nil },
	"first-name":        func(s string) (string, error) { first, _ := splitName(s); return first, nil },
	"last-name":         func(s string) (string, error) { _, last := splitName(s); return last, nil },
	"country":           format.Country,
	"region-of-country": regionOfCountry,
	"domain":            domainOf,
}

// choosyTransforms are those that refuse some texts.
var choosyTransforms = map[string]bool{"country": true, "region-of-country": true, "domain": true}

// particles begin a family name of several words: "de Castro", "van der Berg".
var particles = map[string]bool{"af": true, "al": true, "ap": true, "bin": true, "da": true, "dal": true, "das": true, "de": true,
	"dei": true, "del": true, "della": true, "den": true, "der": true, "di": true, "do": true, "dos": true, "du": true, "el": true,
	"la": true, "le": true, "los": true, "ten": true, "ter": true, "van": true, "von": true, "y": true, "zu": true, "zum": true, "zur": true}

// splitName splits a full name as most of Europe and the Americas write it: the last word, with the particles before it,
// is the family name. "Castro, Isabel de" is split at the comma. One word is a family name. It is a guess, and a map that
// has separate columns does not need it.
func splitName(s string) (first, last string) {
	if family, given, found := strings.Cut(s, ","); found {
		return strings.Join(strings.Fields(given), " "), strings.Join(strings.Fields(family), " ")
	}
	w := strings.Fields(s)
	if len(w) == 0 {
		return "", ""
	}
	cut := len(w) - 1
	for cut > 1 && particles[w[cut-1]] {
		cut--
	}
	return strings.Join(w[:cut], " "), strings.Join(w[cut:], " ")
}

func regionOfCountry(s string) (string, error) {
	code, err := format.Country(s)
	if err != nil {
		return "", err
	}
	return format.SalesRegion(code), nil
}

func domainOf(s string) (string, error) {
	address, err := format.Email(s)
	if err != nil {
		return "", err
	}
	return address[strings.LastIndexByte(address, '@')+1:], nil
}

// dateTokens translates the letters people write a date's form in. Longer ones come first.
var dateTokens = strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "hh", "15", "mm", "04", "ss", "05", "M", "1", "D", "2")

// dateLayout returns the Go layout of a form, or an error when it does not name a day.
func dateLayout(form string) (string, error) {
	layout := dateTokens.Replace(form)
	ref := time.Date(2031, 11, 23, 0, 0, 0, 0, time.UTC)
	back, err := time.Parse(layout, ref.Format(layout))
	if err != nil || !back.Equal(ref) {
		return "", errors.New(`a date's form has YYYY (or YY), MM and DD, and perhaps hh, mm and ss, as in "DD.MM.YYYY"`)
	}
	return layout, nil
}

// plainNumber rewrites a number with decimal commas: "1.234,50" is "1234.50".
func plainNumber(s string) string {
	s = strings.NewReplacer(".", "", "\u00a0", "", "\u202f", "", " ", "", "'", "").Replace(s)
	return strings.Replace(s, ",", ".", 1)
}

// times multiplies a decimal number exactly.
func times(s string, by int64) (string, error) {
	if !strings.ContainsAny(s, "0123456789") || strings.Trim(s, "-0123456789.") != "" || len(s) > 40 {
		return "", errors.New("not a number")
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", errors.New("not a number")
	}
	out := r.Mul(r, new(big.Rat).SetInt64(by)).FloatString(40)
	return strings.TrimSuffix(strings.TrimRight(out, "0"), "."), nil
}
