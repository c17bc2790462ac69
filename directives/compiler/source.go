package compiler

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Bounds of a source. The parser recurses once per level of nesting, and a stack that overflows cannot be recovered from.
const (
	maxSourceBytes = 1 << 20
	maxNesting     = 32
)

// LoadDir reads every *.graphqls file of a directory, sorted by name. Names of the sources are paths below dir's name.
func LoadDir(dir string) ([]ir.Source, error) {
	sources, err := LoadFS(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("load schema from %s: %w", dir, err)
	}
	for i := range sources {
		sources[i].Name = path.Join(strings.ReplaceAll(dir, `\`, "/"), sources[i].Name)
	}
	return sources, nil
}

// LoadFS reads every *.graphqls file at the root of fsys, sorted by name.
func LoadFS(fsys fs.FS) ([]ir.Source, error) {
	names, err := fs.Glob(fsys, "*.graphqls")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.graphqls file: %w", fs.ErrNotExist)
	}
	slices.Sort(names)
	sources := make([]ir.Source, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, ir.Source{Name: name, Text: string(text)})
	}
	return sources, nil
}

// file is a source prepared for parsing: its text with line ends made `\n`, so that code points count alike everywhere.
type file struct {
	name  string
	runes []rune
	lines []int // offset of each line's first code point
	src   *ast.Source
}

func newFile(s ir.Source) *file {
	text := strings.TrimPrefix(s.Text, "\uFEFF")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	f := &file{name: s.Name, runes: []rune(text), lines: []int{0}, src: &ast.Source{Name: s.Name, Input: text}}
	for i, r := range f.runes {
		if r == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

func (f *file) pos(offset int) ir.Pos {
	line := sort.SearchInts(f.lines, offset+1) - 1
	return ir.Pos{File: f.name, Line: line + 1, Col: offset - f.lines[line] + 1}
}

func (f *file) offset(line, col int) int {
	if line < 1 || line > len(f.lines) {
		return 0
	}
	return min(max(f.lines[line-1]+col-1, 0), len(f.runes))
}

// line returns the text of a line that counts from 1.
func (f *file) line(n int) []rune {
	if n < 1 || n > len(f.lines) {
		return nil
	}
	end := len(f.runes)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	return f.runes[f.lines[n-1]:end]
}

// admit reports whether the file is fit to be parsed: text, of bounded size and nesting.
func (c *compiler) admit(f *file) bool {
	at := span{file: f, end: 1}
	if len(f.src.Input) > maxSourceBytes {
		c.report(ruleBounds, at, fmt.Sprintf("the file is larger than %d bytes", maxSourceBytes), "split the schema into several files")
		return false
	}
	if !utf8.ValidString(f.src.Input) {
		bad := 0
		for text := f.src.Input; ; bad++ {
			r, n := utf8.DecodeRuneInString(text)
			if r == utf8.RuneError && n <= 1 {
				break
			}
			text = text[n:]
		}
		c.report(ruleBounds, span{f, bad, bad + 1}, "the file is not UTF-8", "save the file as UTF-8")
		return false
	}
	if deep := deepest(f.runes); deep >= 0 {
		c.report(ruleBounds, span{f, deep, deep + 1}, fmt.Sprintf("brackets nest deeper than %d levels", maxNesting), "nest less: no schema needs this")
		return false
	}
	return true
}

// deepest returns the offset of the first bracket that nests too deep, or -1. Brackets in texts and comments count not.
func deepest(text []rune) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case '"':
			i = skipText(text, i)
		case '(', '[', '{':
			if depth++; depth > maxNesting {
				return i
			}
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
	}
	return -1
}

// skipText returns the offset of the last quote of the text that begins at i.
func skipText(text []rune, i int) int {
	block := i+2 < len(text) && text[i+1] == '"' && text[i+2] == '"'
	if !block {
		for i++; i < len(text) && text[i] != '"' && text[i] != '\n'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
		return i
	}
	for i += 3; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && text[i+1] == '"' && text[i+2] == '"' && text[i+3] == '"' {
			i += 3
			continue
		}
		if text[i] == '"' && i+2 < len(text) && text[i+1] == '"' && text[i+2] == '"' {
			for i+3 < len(text) && text[i+3] == '"' {
				i++
			}
			return i + 2
		}
	}
	return i
}
