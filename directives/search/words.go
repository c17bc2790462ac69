package search

import (
	"sort"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxText is how many characters of a value are indexed. PostgreSQL keeps the words of a value in at most 1 MiB.
	MaxText = 100_000
	// MaxWord is how many characters of a word count. PostgreSQL's words have at most 2046 bytes.
	MaxWord = 64
)

// Words splits a text into words as both databases do: letters, digits and marks make words, everything else parts them;
// capitals become small letters, and the accents of Latin letters go. Texts are stored in NFC, so what is looked for is
// brought to it too.
func Words(text string) []string {
	a := alphabet()
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, r := range norm.NFC.String(text) {
		if to, ok := a.fold[r]; ok {
			if to >= 0 {
				word.WriteRune(to)
			}
		} else if a.has(r) {
			word.WriteRune(r)
		} else {
			end()
		}
	}
	end()
	return words
}

// Alphabet is how texts become words, as one text to tell whether that changed.
func Alphabet() string { return letters + foldFrom + foldTo + dropped }

// characters are what words are made of.
type characters struct {
	ranges []rune        // first and last of each range, ascending
	fold   map[rune]rune // to what a character becomes; -1 for one that goes
}

var alphabet = sync.OnceValue(func() *characters {
	a := &characters{ranges: []rune(letters), fold: map[rune]rune{}}
	from, to := []rune(foldFrom), []rune(foldTo)
	for i, r := range from {
		a.fold[r] = to[i]
	}
	for _, r := range dropped {
		a.fold[r] = -1
	}
	return a
})

// has reports whether r is part of words.
func (a *characters) has(r rune) bool {
	i := sort.Search(len(a.ranges), func(i int) bool { return a.ranges[i] > r })
	return i%2 == 1 || i > 0 && a.ranges[i-1] == r
}
