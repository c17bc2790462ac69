package notice

import "golang.org/x/text/language"

// Best is the first of the languages that suits the wishes, each a BCP 47 tag or an Accept-Language header (RFC 9110 Section
// 12.5.4), in order; the first language where none suits.
func Best(languages []string, wishes ...string) string {
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		tags[i] = language.Make(l)
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), wishes...)
	return languages[i]
}
