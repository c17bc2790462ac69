package compiler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// checkDirectives finds every directive that is unknown, misplaced, repeated or wrongly filled in. What passes can be
// read without further checks of form.
func (c *compiler) checkDirectives() {
	c.checkList(c.whole, ast.LocationSchema)
	for _, d := range c.order {
		location := map[ast.DefinitionKind]ast.DirectiveLocation{ast.Scalar: ast.LocationScalar, ast.Object: ast.LocationObject,
			ast.Interface: ast.LocationInterface, ast.Union: ast.LocationUnion, ast.Enum: ast.LocationEnum, ast.InputObject: ast.LocationInputObject}[d.Kind]
		c.checkList(d.Directives, location)
		for _, f := range d.Fields {
			if d.Kind == ast.InputObject {
				c.checkList(f.Directives, ast.LocationInputFieldDefinition)
				continue
			}
			c.checkList(f.Directives, ast.LocationFieldDefinition)
			for _, a := range f.Arguments {
				c.checkList(a.Directives, ast.LocationArgumentDefinition)
			}
		}
		for _, v := range d.EnumValues {
			c.checkList(v.Directives, ast.LocationEnumValue)
		}
	}
}

func (c *compiler) checkList(list ast.DirectiveList, where ast.DirectiveLocation) {
	seen := map[string]bool{}
	for _, d := range list {
		if !c.checkDirective(d, where, seen[d.Name]) {
			c.broken[d] = true
		}
		seen[d.Name] = true
	}
}

func (c *compiler) checkDirective(d *ast.Directive, where ast.DirectiveLocation, again bool) bool {
	at := c.at(d.Position)
	def := words().directives[d.Name]
	if def == nil {
		names := make([]string, 0, len(words().directives))
		for name := range words().directives {
			names = append(names, name)
		}
		slices.Sort(names)
		remedy := suggest(d.Name, names)
		if strings.HasPrefix(remedy, "did you") {
			remedy = strings.Replace(remedy, `"`, `"@`, 1)
		}
		c.report(ruleUnknownDirective, at, fmt.Sprintf("there is no directive @%s", d.Name), remedy)
		return false
	}
	if !slices.Contains(def.Locations, where) {
		c.report(ruleMisplaced, at, fmt.Sprintf("@%s cannot stand on %s", d.Name, place(where)), fmt.Sprintf("it belongs on %s", places(def.Locations)))
		return false
	}
	if again && !def.IsRepeatable {
		c.report(ruleRepeated, at, fmt.Sprintf("@%s stands here twice", d.Name), "keep one of them")
		return false
	}
	ok := true
	names := make([]string, 0, len(def.Arguments))
	for _, a := range def.Arguments {
		names = append(names, a.Name)
	}
	given := map[string]bool{}
	for _, a := range d.Arguments {
		want := def.Arguments.ForName(a.Name)
		switch {
		case want == nil:
			c.report(ruleUnknownArgument, c.at(a.Position), fmt.Sprintf("@%s has no argument %s", d.Name, a.Name), suggest(a.Name, names))
			ok = false
		case given[a.Name]:
			c.report(ruleRepeatedArgument, c.at(a.Position), fmt.Sprintf("argument %s of @%s is given twice", a.Name, d.Name), "keep one of them")
			ok = false
		default:
			ok = c.checkValue(a.Value, want.Type, fmt.Sprintf("argument %s of @%s", a.Name, d.Name)) && ok
			if ok && want.Type.NonNull && want.Type.Elem != nil && want.Name != "categories" && a.Value.Kind == ast.ListValue && len(a.Value.Children) == 0 {
				c.report(ruleArgumentValue, c.at(a.Value.Position), fmt.Sprintf("argument %s of @%s is an empty list", a.Name, d.Name), "name at least one value: an empty list would mean nothing or everything")
				ok = false
			}
		}
		given[a.Name] = true
	}
	for _, a := range def.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil && !given[a.Name] {
			c.report(ruleMissingArgument, at, fmt.Sprintf("@%s needs the argument %s", d.Name, a.Name), fmt.Sprintf("add %s: %s", a.Name, sample(a.Type)))
			ok = false
		}
	}
	return ok
}

// checkValue reports a value that is not of the argument's type, at its position.
func (c *compiler) checkValue(v *ast.Value, t *ast.Type, what string) bool {
	at := c.at(v.Position)
	if v.Kind == ast.NullValue {
		if t.NonNull {
			c.report(ruleArgumentValue, at, what+" cannot be null", "write "+sample(t))
		}
		return !t.NonNull
	}
	if t.Elem != nil {
		if v.Kind != ast.ListValue {
			return c.checkValue(v, t.Elem, what) // GraphQL reads one value as a list of one
		}
		ok := true
		seen := map[string]bool{}
		for _, child := range v.Children {
			good := c.checkValue(child.Value, t.Elem, what)
			if good && seen[child.Value.Raw] {
				c.report(ruleArgumentValue, c.at(child.Value.Position), fmt.Sprintf("%s names %s twice", what, child.Value.Raw), "remove one of them")
				good = false
			}
			seen[child.Value.Raw] = true
			ok = good && ok
		}
		return ok
	}
	if values, known := c.valuesOf(t.NamedType); known {
		switch {
		case v.Kind == ast.EnumValue && slices.Contains(values, v.Raw):
			return true
		case v.Kind == ast.EnumValue && len(values) == 0:
			return c.defs[t.NamedType] == nil // its absence is reported once, not at every use
		case v.Kind == ast.EnumValue:
			c.report(ruleUnknownValue, at, fmt.Sprintf("%s is not a value of %s", v.Raw, t.NamedType), suggest(v.Raw, values))
		case v.Kind == ast.StringValue && slices.Contains(values, v.Raw):
			c.report(ruleArgumentValue, at, what+" is a text where a value of "+t.NamedType+" belongs", "write "+v.Raw+" without quotes")
		default:
			c.report(ruleArgumentValue, at, fmt.Sprintf("%s must be a value of %s", what, t.NamedType), suggest(v.Raw, values))
		}
		return false
	}
	good := false
	switch t.NamedType {
	case "String", "Period", "Duration":
		good = v.Kind == ast.StringValue || v.Kind == ast.BlockValue
	case "Boolean":
		good = v.Kind == ast.BooleanValue
	case "Int":
		_, err := strconv.ParseInt(v.Raw, 10, 32)
		good = v.Kind == ast.IntValue && err == nil
	}
	if !good {
		c.report(ruleArgumentValue, at, fmt.Sprintf("%s must be %s", what, kindOf(t.NamedType)), "write "+sample(t))
	}
	return good
}

// valuesOf returns the values of an enum of the vocabulary or, of Purpose and Role, of the user's.
func (c *compiler) valuesOf(name string) ([]string, bool) {
	if d := words().enums[name]; d != nil {
		return enumValues(d), true
	}
	if name == "Purpose" || name == "Role" {
		if d := c.defs[name]; d != nil && d.Kind == ast.Enum {
			return enumValues(d), true
		}
		return nil, true
	}
	return nil, false
}

func kindOf(scalar string) string {
	return map[string]string{"String": "a text", "Period": "a period", "Duration": "a duration", "Boolean": "true or false", "Int": "a whole number"}[scalar]
}

func sample(t *ast.Type) string {
	if t.Elem != nil {
		return "[" + sample(t.Elem) + "]"
	}
	if d := words().enums[t.NamedType]; d != nil {
		return d.EnumValues[0].Name
	}
	if s := map[string]string{"String": `"…"`, "Period": `"P2Y"`, "Duration": `"PT15M"`, "Boolean": "true", "Int": "1"}[t.NamedType]; s != "" {
		return s
	}
	return "a value of " + t.NamedType
}

func place(l ast.DirectiveLocation) string {
	return map[ast.DirectiveLocation]string{
		ast.LocationSchema: "the schema", ast.LocationObject: "a type", ast.LocationFieldDefinition: "a field", ast.LocationEnumValue: "an enum value", ast.LocationEnum: "an enum",
		ast.LocationInterface: "an interface", ast.LocationUnion: "a union", ast.LocationInputObject: "an input", ast.LocationScalar: "a scalar",
		ast.LocationInputFieldDefinition: "a field of an input", ast.LocationArgumentDefinition: "an argument",
		ast.LocationQuery: "a query", ast.LocationMutation: "a mutation", ast.LocationSubscription: "a subscription",
	}[l]
}

func places(ls []ast.DirectiveLocation) string {
	out := make([]string, 0, len(ls))
	for _, l := range ls {
		out = append(out, place(l))
	}
	return strings.Join(out, " or ")
}

// argument returns the value given or, without one, the vocabulary's default; nil when there is neither.
func argument(d *ast.Directive, name string) *ast.Value {
	if a := d.Arguments.ForName(name); a != nil {
		if a.Value.Kind == ast.NullValue {
			return nil
		}
		return a.Value
	}
	return words().directives[d.Name].Arguments.ForName(name).DefaultValue
}

// text is the raw text of an argument that is a text, number or enum value; "" without one.
func text(d *ast.Directive, name string) string {
	if v := argument(d, name); v != nil {
		return v.Raw
	}
	return ""
}

// number is an argument of type Int; 0 without one.
func number(d *ast.Directive, name string) int {
	n, _ := strconv.Atoi(text(d, name))
	return n
}

// list is an argument that is a list of texts or enum values.
func list(d *ast.Directive, name string) []string {
	v := argument(d, name)
	switch {
	case v == nil:
		return nil
	case v.Kind != ast.ListValue:
		return []string{v.Raw}
	}
	out := make([]string, 0, len(v.Children))
	for _, child := range v.Children {
		out = append(out, child.Value.Raw)
	}
	return out
}

// valueAt is where an argument's value stands, of a defaulted one the directive.
func (c *compiler) valueAt(d *ast.Directive, name string) span {
	if a := d.Arguments.ForName(name); a != nil {
		return c.at(a.Value.Position)
	}
	return c.at(d.Position)
}
