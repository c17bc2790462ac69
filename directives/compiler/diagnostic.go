package compiler

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Diagnostic is one reason why a schema does not compile.
type Diagnostic struct {
	Rule    string // "CLK030", see Rules
	Pos     ir.Pos
	Length  int    // of what is wrong, in code points on Pos.Line; at least 1
	Message string // lower case, names what is wrong
	Remedy  string // what to do about it
}

// String renders `file:line:col: rule message`.
func (d Diagnostic) String() string { return fmt.Sprintf("%s: %s %s", d.Pos, d.Rule, d.Message) }

// Diagnostics are sorted by file, line, column and rule, without duplicates.
type Diagnostics []Diagnostic

// Has reports whether a diagnostic carries the rule.
func (ds Diagnostics) Has(rule string) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Rule == rule })
}

func (ds Diagnostics) sorted() Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ds)
}

// span is a stretch of a source, in code points from its beginning.
type span struct {
	file       *file
	start, end int
}

func (s span) pos() ir.Pos {
	if s.file == nil {
		return ir.Pos{}
	}
	return s.file.pos(s.start)
}

// report adds a finding. Remedy says what to do; message says what is wrong, in lower case.
func (c *compiler) report(rule string, at span, message, remedy string) {
	length := 1
	if at.file != nil {
		for length < at.end-at.start && at.start+length < len(at.file.runes) && at.file.runes[at.start+length] != '\n' {
			length++
		}
	}
	c.found = append(c.found, Diagnostic{Rule: rule, Pos: at.pos(), Length: length, Message: message, Remedy: remedy})
}
