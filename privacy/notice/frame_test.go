package notice

import (
	"regexp"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

var (
	braces  = regexp.MustCompile(`\{\w+\}`)
	plurals = regexp.MustCompile(`^(years|months|weeks|days)\.(zero|one|two|few|many)$`)
)

// Every frame says the same: what one lacks, or leaves out of a sentence, a reader of that language is not told.
func TestFramesSayTheSame(t *testing.T) {
	english := frames()[0]
	for _, f := range frames()[1:] {
		for key, text := range english.texts {
			want, got := braces.FindAllString(text, -1), braces.FindAllString(f.texts[key], -1)
			slices.Sort(want)
			slices.Sort(got)
			if f.texts[key] == "" && !plurals.MatchString(key) {
				t.Errorf("%s does not say %s", f.tag, key)
			} else if !slices.Equal(want, got) {
				t.Errorf("%s: %s has %v, English %v", f.tag, key, got, want)
			}
		}
		for key := range f.texts {
			if english.texts[key] == "" && !plurals.MatchString(key) {
				t.Errorf("%s says %s, which nobody asks for", f.tag, key)
			}
		}
	}
}

// The vocabulary's words have a sentence each, in the order the IR counts them in.
func TestFramesKnowTheVocabulary(t *testing.T) {
	doc, err := parser.ParseSchema(&ast.Source{Name: directives.VocabularyFile, Input: directives.Vocabulary})
	if err != nil {
		t.Fatal(err)
	}
	for enum, prefixes := range map[string][]string{"PiiCategory": {"category."}, "Source": {"source."}, "Disposal": {"disposal."}, "LawfulBasis": {"basis.", "choice."},
		"Signal": {"signal."}, "RecipientRole": {"recipient."}, "Safeguard": {"safeguard."}} {
		var values []string
		for _, v := range doc.Definitions.ForName(enum).EnumValues {
			values = append(values, v.Name)
			for _, prefix := range prefixes {
				if frames()[0].texts[prefix+v.Name] == "" {
					t.Errorf("there is no text for %s%s", prefix, v.Name)
				}
			}
		}
		if enum == "PiiCategory" && !slices.Equal(values, categories) {
			t.Errorf("categories are %v, the vocabulary's %v", categories, values)
		}
		var bases []string
		for b := ir.BasisConsent; b <= ir.BasisLegitimateInterests; b++ {
			bases = append(bases, b.String())
		}
		if enum == "LawfulBasis" && !slices.Equal(values, bases) {
			t.Errorf("bases are %v, the vocabulary's %v", bases, values)
		}
	}
	for _, c := range categories {
		for _, letter := range letters[c] {
			frames()[0].say("california." + letter)
		}
		if len(letters[c]) == 0 {
			t.Errorf("%s is in no category of California's law", c)
		}
	}
}

func TestPeriodsInWords(t *testing.T) {
	for _, c := range []struct{ tag, period, want string }{
		{"en", "P1Y", "1 year"}, {"en", "P2Y6M", "2 years and 6 months"}, {"en", "P1D", "1 day"}, {"en", "P6W", "6 weeks"},
		{"de", "P1Y", "1 Jahr"}, {"de", "P3Y1M", "3 Jahre und 1 Monat"}, {"de-AT", "P90D", "90 Tage"},
		{"fr", "P1Y2M3D", "1 an, 2 mois et 3 jours"}, {"fr", "P1W", "1 semaine"}, {"xx", "P1Y", "1 year"},
	} {
		f, _ := frameFor(c.tag)
		p, err := ir.ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.period(p); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.period, c.tag, got, c.want)
		}
	}
}

func TestAFrameFitsItsLanguage(t *testing.T) {
	for tag, want := range map[string]string{"en": "en", "en-GB": "en", "de": "de", "de-AT": "de", "fr-CA": "fr"} {
		if f, ok := frameFor(tag); !ok || f.tag.String() != want {
			t.Errorf("%s gets %s, %v", tag, f.tag, ok)
		}
	}
	for _, tag := range []string{"pl", "ja", "ar"} {
		if f, ok := frameFor(tag); ok || f.tag.String() != "en" {
			t.Errorf("%s gets %s, %v", tag, f.tag, ok)
		}
	}
}
