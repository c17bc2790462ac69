package compiler

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
)

// sdl is the remedy where no better one is known.
const sdl = "write GraphQL SDL, for example `type Contact @entity { name: String @public(because: \"…\") }`"

// syntax reports why a file is not SDL. The parser speaks of its tokens, and of one that could not be read it says no more
// than that; so the file is read once more, up to the token in question.
func (c *compiler) syntax(f *file, err error) {
	var e *gqlerror.Error
	if !errors.As(err, &e) || len(e.Locations) == 0 {
		c.report(ruleSyntax, span{file: f, end: 1}, strings.TrimSuffix(err.Error(), "."), sdl)
		return
	}
	at := e.Locations[0]
	for l := lexer.New(f.src); ; {
		t, err := l.ReadToken()
		switch {
		case err != nil:
			c.unreadable(f, t, err)
			return
		case t.Pos.Line == at.Line && t.Pos.Column == at.Column:
			end := max(t.Pos.End, t.Pos.Start+1)
			c.report(ruleSyntax, span{f, min(t.Pos.Start, len(f.runes)), end}, misplaced(e.Message, t), sdl)
			return
		case t.Kind == lexer.EOF: // the parser and the lexer disagree
			start := f.offset(at.Line, at.Column)
			c.report(ruleSyntax, span{f, start, start + 1}, "the text cannot be read from here on", sdl)
			return
		}
	}
}

var expected = regexp.MustCompile(`^Expected (.+), found `)

// misplaced says in plain words what the parser has against a token.
func misplaced(message string, t lexer.Token) string {
	found := describe(t)
	switch m := expected.FindStringSubmatch(message); {
	case m != nil:
		return fmt.Sprintf("%s is expected here, not %s", wantedToken(m[1]), found)
	case strings.HasPrefix(message, "expected at least one definition"):
		return "there is nothing before " + found + ": what these brackets hold is needed, or leave them out"
	}
	return found + " cannot stand here"
}

// wantedToken puts the parser's name of a token into words.
func wantedToken(name string) string {
	switch name {
	case "Name":
		return "a name"
	case "Int", "Float":
		return "a number"
	case "String", "BlockString":
		return "a text in quotes"
	}
	return "`" + strings.Trim(name, `"`) + "`"
}

func describe(t lexer.Token) string {
	switch t.Kind {
	case lexer.EOF:
		return "the end of the file"
	case lexer.String, lexer.BlockString:
		return "a text in quotes"
	case lexer.Name, lexer.Int, lexer.Float:
		return "`" + t.Value + "`"
	}
	return "`" + t.Kind.String() + "`"
}

// unreadable reports a token the lexer gave up on, at the character at fault.
func (c *compiler) unreadable(f *file, t lexer.Token, err error) {
	var e *gqlerror.Error
	message := err.Error()
	if errors.As(err, &e) {
		message = e.Message
	}
	at := func(start, length int, message, remedy string) {
		start = min(max(start, 0), len(f.runes))
		c.report(ruleSyntax, span{f, start, start + length}, message, remedy)
	}
	next := min(t.Pos.End, len(f.runes)) // where the lexer stopped
	switch {
	case strings.HasPrefix(message, "Unterminated") && strings.HasSuffix(string(f.runes[:t.Pos.Start]), `"""`):
		at(t.Pos.Start-3, 3, `the text that begins here has no end: """ is missing`, `close it with """`)
	case strings.HasPrefix(message, "Unterminated"):
		at(t.Pos.Start-1, 1, `the text that begins here has no closing quote on its line`, `close it with ", or write a text of several lines between """ and """`)
	case strings.HasPrefix(message, "Invalid character escape"):
		at(next-1, 2, "a backslash in a text begins an escape, and this is none", `write \\ for a backslash, \" for a quote, \n for a line end, \u00E9 or \u{1F600} for a character by its number`)
	case strings.HasPrefix(message, "Invalid number, unexpected digit after 0"):
		at(next, 1, "a number does not begin with 0 and further digits", "leave the zeros in front out; a text of digits stands in quotes")
	case strings.HasPrefix(message, "Invalid number"):
		at(next, 1, "a digit of a number is missing here", "complete the number, for example 3, -3, 3.5 or 3e5")
	case next == len(f.runes):
		at(next, 1, "the file ends where it cannot", sdl)
	case strings.HasPrefix(message, "Invalid character within"):
		at(next, 1, character(f.runes[next])+" cannot stand in a text", "remove it, or write it as an escape")
	default:
		at(next, 1, character(f.runes[next])+" cannot stand here", replacement(f.runes[next]))
	}
}

// character names a character by its code point, and shows it if that shows something.
func character(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("the character %c (U+%04X)", r, r)
	}
	return fmt.Sprintf("the character U+%04X, which is invisible,", r)
}

// replacement is what to write instead of a character. Many come from word processors.
func replacement(r rune) string {
	switch {
	case strings.ContainsRune("'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb", r):
		return "texts stand in straight double quotes: \""
	case r == '.':
		return "remove it: outside of texts a point stands in numbers only"
	case unicode.IsSpace(r) || !unicode.IsGraphic(r):
		return "remove it, or write a plain space"
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		return "names are made of the letters a to z and A to Z, digits and _; anything may stand in a text in quotes or behind #"
	}
	return "remove it; anything may stand in a text in quotes or behind #"
}
