package compiler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Compile checks the sources and returns the schema they mean, or every reason why there is none: exactly one of the two
// results is nil. It is a pure function of its argument.
func Compile(sources []ir.Source) (*ir.Schema, Diagnostics) {
	c := &compiler{
		files:  map[*ast.Source]*file{},
		defs:   map[string]*ast.Definition{},
		broken: map[*ast.Directive]bool{},
		types:  map[string]*ir.Type{},
		typed:  map[*ir.Type]*ast.Definition{},
		fields: map[*ir.Field]*ast.FieldDefinition{},
		schema: &ir.Schema{Sources: slices.Clone(sources), Hash: hash(sources)},
	}
	docs := c.parse(sources)
	if len(c.found) > 0 {
		// A file that does not parse hides its types: whatever else could be said would mostly be about that.
		return nil, c.found.sorted()
	}
	c.gather(docs)
	c.checkNames()
	c.checkDirectives()
	c.readWhole()
	c.readWords()
	c.declare()
	c.edges()
	c.classify()
	c.gates()
	c.owners()
	c.storage()
	c.computed()
	c.privacy()
	c.audiences()
	c.abstract()
	c.operations()
	c.translations()
	c.empty()
	c.unreported()
	if len(c.found) > 0 {
		return nil, c.found.sorted()
	}
	c.schema.Index()
	return c.schema, nil
}

// compiler is the state of one Compile. Each step reads what the ones before it left.
type compiler struct {
	files map[*ast.Source]*file
	found Diagnostics

	defs   map[string]*ast.Definition // the user's definitions with their extensions merged in
	order  []*ast.Definition          // the same, in source order
	whole  ast.DirectiveList          // those of the schema itself
	broken map[*ast.Directive]bool    // directives that are not well formed: reported, not read

	schema   *ir.Schema
	purposes map[string]*ir.Purpose
	roles    map[string]*ir.Role
	enums    map[string]*ir.Enum
	types    map[string]*ir.Type
	typed    map[*ir.Type]*ast.Definition
	fields   map[*ir.Field]*ast.FieldDefinition // not of fields the compiler added
	api      map[bool]map[string]bool           // see generated
}

// at is the span of a node of the syntax tree. A directive's reaches back to its @.
func (c *compiler) at(p *ast.Position) span {
	if p == nil {
		return span{}
	}
	f := c.files[p.Src]
	if f == nil {
		return span{}
	}
	start := min(p.Start, len(f.runes))
	if start > 0 && f.runes[start-1] == '@' {
		start--
	}
	return span{f, start, max(start+1, min(p.End, len(f.runes)))}
}

func (c *compiler) pos(p *ast.Position) ir.Pos { return c.at(p).pos() }

// field is where a field was declared; of one the compiler added, where its type was.
func (c *compiler) field(f *ir.Field) span {
	if d := c.fields[f]; d != nil {
		return c.at(d.Position)
	}
	return c.at(c.typed[f.Owner].Position)
}

func (c *compiler) typ(t *ir.Type) span { return c.at(c.typed[t].Position) }

// directive returns the first well-formed directive of that name.
func (c *compiler) directive(list ast.DirectiveList, name string) *ast.Directive {
	for _, d := range list {
		if d.Name == name && !c.broken[d] {
			return d
		}
	}
	return nil
}

func (c *compiler) directives(list ast.DirectiveList, name string) []*ast.Directive {
	var out []*ast.Directive
	for _, d := range list {
		if d.Name == name && !c.broken[d] {
			out = append(out, d)
		}
	}
	return out
}

// mentioned reports whether the directive is there at all, well formed or not: a broken one is not also missing.
func mentioned(list ast.DirectiveList, name string) bool { return list.ForName(name) != nil }

// empty reports a schema that declares nothing to store or to serve.
func (c *compiler) empty() {
	s := c.schema
	if len(c.found) > 0 || len(s.Types)+len(s.Interfaces)+len(s.Unions)+len(s.Queries)+len(s.Mutations) > 0 {
		return
	}
	at := span{}
	if len(s.Sources) > 0 {
		at = span{file: newFile(s.Sources[0]), end: 1}
	}
	c.report(ruleNoType, at, "the schema declares no type", "declare a type, for example `type Contact @entity { name: String @public(because: \"…\") }`, or name the files that do")
}

// unreported guards the promise that a schema without findings was fully understood.
func (c *compiler) unreported() {
	if len(c.found) == 0 && len(c.broken) > 0 {
		panic(fmt.Sprintf("%d broken directives were not reported", len(c.broken)))
	}
}

// hash is SHA-256 over the base names and texts in order of name: the same for a directory wherever it lies.
func hash(sources []ir.Source) string {
	sorted := slices.Clone(sources)
	slices.SortStableFunc(sorted, func(a, b ir.Source) int { return strings.Compare(path.Base(a.Name), path.Base(b.Name)) })
	h := sha256.New()
	for _, s := range sorted {
		fmt.Fprintf(h, "%d:%s%d:%s", len(path.Base(s.Name)), path.Base(s.Name), len(s.Text), s.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}
