package compiler

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// printDefinition renders an interface or input as SDL without the vocabulary's directives.
func printDefinition(d *ast.Definition) string {
	var b strings.Builder
	b.WriteString(printDescription(d.Description, ""))
	b.WriteString(keyword(d.Kind) + " " + d.Name)
	if d.Kind == ast.InputObject && d.Directives.ForName("oneOf") != nil {
		b.WriteString(" @oneOf")
	}
	b.WriteString(" {\n")
	for _, f := range d.Fields {
		b.WriteString(printField(f, "  ") + "\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// printField renders a field with description, arguments, default and deprecation.
func printField(f *ast.FieldDefinition, indent string) string {
	var b strings.Builder
	b.WriteString(printDescription(f.Description, indent))
	b.WriteString(indent + f.Name)
	if len(f.Arguments) > 0 {
		b.WriteByte('(')
		for i, a := range f.Arguments {
			if i > 0 {
				b.WriteString(", ")
			}
			if a.Description != "" {
				b.WriteString((&ast.Value{Kind: ast.StringValue, Raw: a.Description}).String() + " ")
			}
			b.WriteString(a.Name + ": " + a.Type.String())
			if a.DefaultValue != nil {
				b.WriteString(" = " + a.DefaultValue.String())
			}
			b.WriteString(behind(printDeprecated(a.Directives)))
		}
		b.WriteByte(')')
	}
	b.WriteString(": " + f.Type.String())
	if f.DefaultValue != nil {
		b.WriteString(" = " + f.DefaultValue.String())
	}
	b.WriteString(behind(printDeprecated(f.Directives)))
	return b.String()
}

func printDeprecated(ds ast.DirectiveList) string {
	d := ds.ForName("deprecated")
	if d == nil {
		return ""
	}
	if reason := d.Arguments.ForName("reason"); reason != nil {
		return "@deprecated(reason: " + reason.Value.String() + ")"
	}
	return "@deprecated"
}

// printDescription renders a description on lines of its own. A text that a block string would change becomes a plain one.
func printDescription(text, indent string) string {
	switch {
	case text == "":
		return ""
	case strings.ContainsAny(text, "\"\\\n\r"):
		return indent + (&ast.Value{Kind: ast.StringValue, Raw: text}).String() + "\n"
	}
	return indent + `"""` + text + `"""` + "\n"
}

// behind puts a space before a directive that is there.
func behind(directive string) string {
	if directive == "" {
		return ""
	}
	return " " + directive
}
