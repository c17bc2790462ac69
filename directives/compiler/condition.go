package compiler

import (
	"errors"
	"strings"
	"sync"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/parser"
	"github.com/vektah/gqlparser/v2/ast"

	celast "cel.dev/cel-go/common/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// maxCondition bounds a `when` in code points. Beyond it nobody could say what it means.
const maxCondition = 2000

// celParser reads CEL without macros: has() and the comprehensions have no meaning in SQL, and unexpanded they are
// reported as the functions they look like.
var celParser = sync.OnceValue(func() *parser.Parser {
	p, err := parser.NewParser(parser.Macros(), parser.MaxRecursionDepth(64), parser.ExpressionSizeCodePointLimit(maxCondition),
		parser.ErrorReportingLimit(1), parser.ErrorRecoveryLimit(4))
	if err != nil {
		panic(err) // the options are constants
	}
	return p
})

// condition parses and checks a `when` on a type. It returns nil when it reported something.
func (c *compiler) condition(t *ir.Type, v *ast.Value) *ir.Condition {
	q := c.quote(v)
	if strings.TrimSpace(q.text) == "" {
		c.report(ruleWhenSyntax, c.at(v.Position), "the condition is empty", "leave `when` out to allow every row")
		return nil
	}
	if len(q.offsets) > maxCondition {
		c.report(ruleWhenSyntax, c.at(v.Position), "the condition is too long", "keep the deciding fact in a field of its own")
		return nil
	}
	parsed, errs := celParser().Parse(common.NewTextSource(q.text))
	if all := errs.GetErrors(); len(all) > 0 {
		at := 0
		if loc := all[0].Location; loc != nil && loc.Line() > 0 {
			at = q.offset(loc.Line(), loc.Column())
		}
		message, _, _ := strings.Cut(strings.TrimPrefix(all[0].Message, "Syntax error: "), " expecting {")
		c.report(ruleWhenSyntax, q.span(at, at+1), "not a condition in CEL: "+strings.ToLower(message[:1])+message[1:], `write a comparison, for example "row.region == viewer.region"`)
		return nil
	}
	k := &checker{c: c, row: t, quote: q, info: parsed.SourceInfo()}
	e, err := k.condition(parsed.Expr())
	var why *whenError
	if errors.As(err, &why) {
		c.report(why.rule, why.at, why.message, why.remedy)
		return nil
	}
	if e.Op == ir.OpConst {
		c.report(ruleWhenType, c.at(v.Position), "the condition is always the same", "leave `when` out to allow every row, or remove the rule")
		return nil
	}
	return &ir.Condition{Source: v.Raw, Expr: e, Pos: c.pos(v.Position)}
}

// quote is the text inside a GraphQL string and where each of its code points stands in the source.
type quote struct {
	file    *file
	text    string
	offsets []int // of each code point of text
	end     int   // of the last one
}

// quote reads the string at v. A block string keeps its indentation, which means nothing in CEL.
func (c *compiler) quote(v *ast.Value) quote {
	s := c.at(v.Position)
	s.end = min(skipText(s.file.runes, s.start)+1, len(s.file.runes)) // the lexer miscounts a block that ends in four quotes
	q := quote{file: s.file}
	runes := s.file.runes[s.start:s.end]
	width := 1
	if v.Kind == ast.BlockValue {
		width = 3
	}
	var b strings.Builder
	for i := width; i < len(runes)-width; i++ {
		q.offsets = append(q.offsets, s.start+i)
		r := runes[i]
		if r == '\\' && v.Kind == ast.StringValue {
			r, i = unescape(runes, i)
		}
		b.WriteRune(r)
	}
	q.text = b.String()
	q.end = s.end - width
	return q
}

// unescape reads the escape at i and returns its code point and the offset of its last character. The GraphQL lexer has
// accepted the string; escapes of code points beyond quotes and spaces have no place in a condition and become U+FFFD.
func unescape(runes []rune, i int) (rune, int) {
	if i+1 >= len(runes) {
		return '\uFFFD', i
	}
	switch runes[i+1] {
	case 'n', 'r', 't', 'b', 'f':
		return ' ', i + 1
	case 'u':
		j := i + 2
		if j < len(runes) && runes[j] == '{' {
			for j < len(runes) && runes[j] != '}' {
				j++
			}
			return codePoint(runes[i+3 : min(j, len(runes))]), j
		}
		j = min(i+6, len(runes))
		return codePoint(runes[i+2 : j]), j - 1
	}
	return runes[i+1], i + 1
}

func codePoint(digits []rune) rune {
	var n rune
	for _, d := range digits {
		at := strings.IndexRune("0123456789abcdef", d|0x20)
		if at < 0 || n > 0x10FFFF {
			return '\uFFFD'
		}
		n = n<<4 | rune(at)
	}
	return n
}

// offset is the code point of the text at a line (from 1) and column (from 0).
func (q quote) offset(line, col int) int {
	at := 0
	for _, l := range strings.SplitAfter(q.text, "\n")[:line-1] {
		at += len([]rune(l))
	}
	return at + col
}

// span turns a stretch of the text into one of the source.
func (q quote) span(start, end int) span {
	at := func(i int) int {
		if i >= len(q.offsets) {
			return q.end
		}
		return q.offsets[max(i, 0)]
	}
	s := at(start)
	return span{q.file, s, max(s+1, at(end))}
}

// extent is the stretch of the text an expression covers.
func extent(info *celast.SourceInfo, e celast.Expr) (start, end int) {
	r, ok := info.GetOffsetRange(e.ID())
	start, end = int(r.Start), int(r.Stop)
	if !ok {
		start, end = 0, 0
	}
	widen := func(sub celast.Expr) {
		s, t := extent(info, sub)
		start, end = min(start, s), max(end, t)
	}
	switch e.Kind() {
	case celast.SelectKind:
		end += len([]rune(e.AsSelect().FieldName()))
		widen(e.AsSelect().Operand())
	case celast.CallKind:
		if e.AsCall().IsMemberFunction() {
			widen(e.AsCall().Target())
		} else if name := e.AsCall().FunctionName(); !strings.ContainsAny(name, "_@") {
			start -= len([]rune(name)) // the parser marks the parenthesis
		}
		for _, a := range e.AsCall().Args() {
			widen(a)
		}
	case celast.ListKind:
		for _, a := range e.AsList().Elements() {
			widen(a)
		}
	}
	return start, end
}
