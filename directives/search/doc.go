// Package search says what can be found by its words: which fields are indexed, what a word is, and how the databases
// keep the index.
//
//	search.Words("O'Neil, Ångström")  // ["o" "neil" "angstrom"]
//
// A field is searchable when it is text, stored as it is, and may be looked up at all: see Fields. That decides what is
// indexed. Whether a viewer's search may touch a field is decided per request, like a filter's (GDPR Art. 25(2)).
//
// It promises that both databases and this package agree on the words of a text, character by character. SQLite's FTS5
// has a tokenizer that cannot be changed, so its alphabet is everybody's: alphabet_gen.go holds it, PostgreSQL gets it as
// a function, and a test asks both databases about every character there is.
//
// The package is pure and imports nothing but ir. See docs/adr/0005-search-keeps-an-index-and-no-text.md.
package search
