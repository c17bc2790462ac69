package compiler

import (
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func TestSyntaxErrorsInPlainWords(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no colon":            {"type A {\n  name String\n}", "2:8: CLK001 `:` is expected here, not `String`"},
		"no name":             {"type {", "1:6: CLK001 a name is expected here, not `{`"},
		"no end":              {"type A { name: String", "1:22: CLK001 a name is expected here, not the end of the file"},
		"empty braces":        {"type A { a(): Int }", "1:12: CLK001 there is nothing before `)`"},
		"a word too many":     {"typ A { a: Int }", "1:1: CLK001 `typ` cannot stand here"},
		"a text":              {"\"\"\"x\"\"\" \"y\" type A { a: Int }", "1:9: CLK001 a text in quotes cannot stand here"},
		"open text":           {"type A {\n  \"so\n  a: Int\n}", "2:3: CLK001 the text that begins here has no closing quote on its line"},
		"open text, argument": {"type A @x(y: \"so) { a: Int }", "1:14: CLK001 the text that begins here has no closing quote"},
		"open block":          {"type A {\n  \"\"\"so\n  a: Int\n}\n", "2:3: CLK001 the text that begins here has no end"},
		"open block, colon":   {"type A { a \"\"\"so", "1:12: CLK001 the text that begins here has no end"},
		"apostrophe":          {"type A @x(y: 'so') { a: Int }", "1:14: CLK001 the character ' (U+0027) cannot stand here"},
		"curly quote":         {"type A { ☕: Int @x(y: “so”) }", "1:10: CLK001 the character ☕ (U+2615) cannot stand here"},
		"no colon, invisible": {"type A {\n  naïve\u00a0x: Int }", "2:5: CLK001 the character ï (U+00EF) cannot stand here"},
		"no-break space":      {"type A {\n  a:\u00a0Int }", "2:5: CLK001 the character U+00A0, which is invisible, cannot stand here"},
		"semicolon":           {"type A { a: Int; }", "1:16: CLK001 the character ; (U+003B) cannot stand here"},
		"a point":             {"type A { a: Int . }", "1:17: CLK001 the character . (U+002E) cannot stand here"},
		"control character":   {"type A { a\u0007: Int }", "1:11: CLK001 the character U+0007, which is invisible, cannot stand here"},
		"control in a text":   {"\"a\u0007\" type A { a: Int }", "1:3: CLK001 the character U+0007, which is invisible, cannot stand in a text"},
		"escape":              {`"a\qb" type A { a: Int }`, "1:3: CLK001 a backslash in a text begins an escape"},
		"number":              {"type A @x(y: 007) { a: Int }", "1:15: CLK001 a number does not begin with 0"},
		"minus":               {"type A @x(y: -) { a: Int }", "1:15: CLK001 a digit of a number is missing here"},
		"escape at the end":   {`"a\`, "1:3: CLK001 a backslash in a text begins an escape"},
		"number at the end":   {"type A @x(y: -", "1:15: CLK001 a digit of a number is missing here"},
	} {
		_, found := Compile([]ir.Source{{Name: "s", Text: c.text}})
		if len(found) != 1 || !strings.HasPrefix(found[0].String(), "s:"+c.want) {
			t.Errorf("%s: %v\nwant %s", name, found, c.want)
			continue
		}
		for _, jargon := range []string{"Invalid", "EOF", "found Name", "token"} {
			if strings.Contains(found[0].Message+found[0].Remedy, jargon) {
				t.Errorf("%s: %s", name, found[0])
			}
		}
	}
}
