package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// parse reads each file on its own, so that the syntax errors of several files are all reported.
func (c *compiler) parse(sources []ir.Source) []*ast.SchemaDocument {
	docs := make([]*ast.SchemaDocument, 0, len(sources))
	for _, s := range sources {
		f := newFile(s)
		c.files[f.src] = f
		if !c.admit(f) {
			continue
		}
		doc, err := parser.ParseSchema(f.src)
		if err != nil {
			c.syntax(f, err)
			continue
		}
		docs = append(docs, doc)
	}
	return docs
}

// gather merges extensions into their definitions and finds what is declared twice, not at all, or not supported.
func (c *compiler) gather(docs []*ast.SchemaDocument) {
	for _, doc := range docs {
		for _, d := range doc.Directives {
			if words().directives[d.Name] != nil {
				c.report(ruleRedefined, c.at(d.Position), fmt.Sprintf("@%s is a word of the vocabulary and cannot be declared again", d.Name), "remove the declaration: the vocabulary is always there")
			} else {
				c.report(ruleUnsupported, c.at(d.Position), fmt.Sprintf("directive @%s is not of the vocabulary", d.Name), "remove the declaration: schemas are annotated with the vocabulary alone")
			}
		}
		for _, d := range doc.DirectiveExtensions {
			c.report(ruleUnsupported, c.at(d.Position), fmt.Sprintf("directive @%s cannot be extended", d.Name), "remove the extension")
		}
		for _, s := range slices.Concat(doc.Schema, doc.SchemaExtension) {
			c.roots(s)
		}
		for _, d := range doc.Definitions {
			c.define(d)
		}
	}
	for _, doc := range docs {
		for _, d := range doc.Extensions {
			c.extend(d)
		}
	}
	for _, d := range c.order {
		c.duplicates(d)
	}
}

// roots accepts a `schema` definition that says what holds anyway, for what it says of the schema as a whole.
func (c *compiler) roots(s *ast.SchemaDefinition) {
	for _, o := range s.OperationTypes {
		want := map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation"}[o.Operation]
		if o.Type != want {
			c.report(ruleUnsupported, c.at(o.Position), fmt.Sprintf("the root of %s cannot be %s", o.Operation, o.Type), "name the root types Query and Mutation, or remove the schema definition")
		}
	}
	c.whole = append(c.whole, s.Directives...)
}

var builtinScalars = []string{"String", "Int", "Float", "Boolean", "ID", "JSON"}

func (c *compiler) define(d *ast.Definition) {
	v := words()
	tolerated := d.Kind == ast.Scalar && (v.scalars[d.Name] || d.Name == "JSON")
	switch {
	case tolerated:
		return // editors without the vocabulary want the declaration
	case v.enums[d.Name] != nil || v.scalars[d.Name]:
		c.report(ruleRedefined, c.at(d.Position), fmt.Sprintf("%s is a word of the vocabulary and cannot be declared again", d.Name), fmt.Sprintf("choose another name, for example %s", alternative(d.Name)))
		return
	case slices.Contains(builtinScalars, d.Name):
		c.report(ruleRedefined, c.at(d.Position), fmt.Sprintf("%s is a scalar of GraphQL or Cloakroom and cannot be declared again", d.Name), "remove the declaration or choose another name")
		return
	}
	if before := c.defs[d.Name]; before != nil {
		c.report(ruleDuplicate, c.at(d.Position), fmt.Sprintf("%s is already declared at %s", d.Name, c.pos(before.Position)), fmt.Sprintf("rename one of them, or write `extend %s %s`", keyword(d.Kind), d.Name))
		return
	}
	c.defs[d.Name] = d
	c.order = append(c.order, d)
}

func alternative(name string) string {
	if name == "Source" {
		return "LeadSource"
	}
	return "Record" + name
}

func keyword(k ast.DefinitionKind) string {
	return map[ast.DefinitionKind]string{ast.Scalar: "scalar", ast.Object: "type", ast.Interface: "interface",
		ast.Union: "union", ast.Enum: "enum", ast.InputObject: "input"}[k]
}

func (c *compiler) extend(d *ast.Definition) {
	base := c.defs[d.Name]
	if base == nil && d.Kind == ast.Object && isRoot(d.Name) {
		c.defs[d.Name] = d
		c.order = append(c.order, d)
		return
	}
	if base == nil {
		names := make([]string, 0, len(c.defs))
		for _, o := range c.order {
			names = append(names, o.Name)
		}
		c.report(ruleExtend, c.at(d.Position), fmt.Sprintf("%s %s is extended but not declared", keyword(d.Kind), d.Name), suggest(d.Name, names))
		return
	}
	if base.Kind != d.Kind {
		c.report(ruleExtend, c.at(d.Position), fmt.Sprintf("%s is %s, it cannot be extended as %s", d.Name, article(keyword(base.Kind)), article(keyword(d.Kind))), fmt.Sprintf("write `extend %s %s`", keyword(base.Kind), d.Name))
		return
	}
	base.Directives = append(base.Directives, d.Directives...)
	base.Interfaces = append(base.Interfaces, d.Interfaces...)
	base.Fields = append(base.Fields, d.Fields...)
	base.EnumValues = append(base.EnumValues, d.EnumValues...)
	base.Types = append(base.Types, d.Types...)
	base.TypePositions = append(base.TypePositions, d.TypePositions...)
}

func article(noun string) string {
	if strings.ContainsRune("aeioAEIO", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

func isRoot(name string) bool { return name == "Query" || name == "Mutation" || name == "Subscription" }

// maxFields bounds a type; PostgreSQL keeps at most 1600 columns, and nobody could classify as many.
const maxFields = 500

// duplicates drops repeated members after reporting them, so that later steps meet each name once.
func (c *compiler) duplicates(d *ast.Definition) {
	seen := map[string]*ast.Position{}
	again := func(what, name string, at *ast.Position) bool {
		if before := seen[name]; before != nil {
			c.report(ruleDuplicate, c.at(at), fmt.Sprintf("%s %s.%s is already declared at %s", what, d.Name, name, c.pos(before)), "remove or rename one of them")
			return true
		}
		seen[name] = at
		return false
	}
	d.Fields = slices.DeleteFunc(d.Fields, func(f *ast.FieldDefinition) bool { return again("field", f.Name, f.Position) })
	d.EnumValues = slices.DeleteFunc(d.EnumValues, func(v *ast.EnumValueDefinition) bool { return again("value", v.Name, v.Position) })
	if len(d.Fields) > maxFields {
		c.report(ruleBounds, c.at(d.Fields[maxFields].Position), fmt.Sprintf("%s has more than %d fields", d.Name, maxFields), "split the type")
		d.Fields = d.Fields[:maxFields]
	}
	for _, f := range d.Fields {
		args := map[string]bool{}
		f.Arguments = slices.DeleteFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool {
			if args[a.Name] {
				c.report(ruleDuplicate, c.at(a.Position), fmt.Sprintf("argument %s of %s.%s is declared twice", a.Name, d.Name, f.Name), "remove one of them")
				return true
			}
			args[a.Name] = true
			return false
		})
	}
	members := map[string]bool{}
	for i, name := range d.Types {
		if members[name] {
			c.report(ruleDuplicate, c.at(d.TypePositions[i]), fmt.Sprintf("%s is twice a member of union %s", name, d.Name), "remove one of them")
		}
		members[name] = true
	}
	slices.Sort(d.Interfaces)
	d.Interfaces = slices.Compact(d.Interfaces)
}
