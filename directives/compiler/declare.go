package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// declare makes the schema's types and says of each field what it is. Edges are joined later.
func (c *compiler) declare() {
	for _, entities := range []bool{true, false} { // entities first
		for _, d := range c.order {
			if d.Kind == ast.Object && !isRoot(d.Name) && isEntity(d) == entities {
				c.declareType(d)
			}
		}
	}
	for _, t := range c.schema.Types {
		c.declareFields(t)
	}
	for _, d := range c.order {
		switch d.Kind {
		case ast.Interface:
			i := &ir.Interface{Name: d.Name, Desc: d.Description, SDL: printDefinition(d), Pos: c.pos(d.Position)}
			for _, f := range d.Fields {
				i.Fields = append(i.Fields, f.Name)
				c.checkSignature(d, f)
			}
			c.schema.Interfaces = append(c.schema.Interfaces, i)
		case ast.Union:
			for n, name := range d.Types {
				if m := c.defs[name]; m == nil || m.Kind != ast.Object || isRoot(name) {
					c.unknown(c.at(d.TypePositions[n]), name, "a member of union "+d.Name, func(d *ast.Definition) bool { return d.Kind == ast.Object && !isRoot(d.Name) })
				}
			}
			c.schema.Unions = append(c.schema.Unions, &ir.Union{Name: d.Name, Desc: d.Description, Members: slices.Clone(d.Types), Pos: c.pos(d.Position)})
		case ast.InputObject:
			for _, f := range d.Fields {
				c.checkInput(f.Type, fmt.Sprintf("%s.%s", d.Name, f.Name))
			}
			c.schema.Inputs = append(c.schema.Inputs, &ir.Input{Name: d.Name, SDL: printDefinition(d), Pos: c.pos(d.Position)})
		case ast.Scalar:
			c.schema.Scalars = append(c.schema.Scalars, d.Name)
		}
	}
}

func (c *compiler) declareType(d *ast.Definition) {
	t := &ir.Type{Name: d.Name, Desc: d.Description, Singular: singular(d.Name), Plural: plural(d.Name), Entity: isEntity(d), Pos: c.pos(d.Position)}
	for _, name := range d.Interfaces {
		if name == "Node" {
			continue // every entity is one, whether it says so or not
		}
		if i := c.defs[name]; i == nil || i.Kind != ast.Interface {
			c.unknown(c.at(d.Position), name, "an interface of "+d.Name, func(d *ast.Definition) bool { return d.Kind == ast.Interface })
			continue
		}
		t.Implements = append(t.Implements, name)
	}
	if t.Entity {
		t.Table = tableName(d.Name)
		if entity := c.directive(d.Directives, "entity"); entity != nil && argument(entity, "table") != nil {
			t.Table = text(entity, "table")
			if !tablePattern.MatchString(t.Table) {
				c.report(ruleArgumentValue, c.valueAt(entity, "table"), fmt.Sprintf("%q is not the name of a table", t.Table), "use lower-case letters, digits and underscores, at most 63, for example \""+tableName(d.Name)+"\"")
			}
		}
		t.Subject = c.directive(d.Directives, "subject") != nil
	} else {
		for _, x := range d.Directives {
			if !c.broken[x] && x.Name != "entity" {
				c.report(ruleNeedsEntity, c.at(x.Position), fmt.Sprintf("@%s says nothing about %s, which is not stored", x.Name, d.Name), "add @entity to the type, or remove the directive")
			}
		}
	}
	c.types[d.Name] = t
	c.typed[t] = d
	c.schema.Types = append(c.schema.Types, t)
}

func (c *compiler) declareFields(t *ir.Type) {
	d := c.typed[t]
	if t.Entity && d.Fields.ForName("id") == nil {
		t.Fields = append(t.Fields, &ir.Field{Owner: t, Name: "id", Kind: ir.ID, Type: ir.TypeRef{Name: "ID", NonNull: true}, Scalar: ir.UUID, Column: "id", Immutable: true, Pos: t.Pos})
	}
	for _, fd := range d.Fields {
		f := &ir.Field{Owner: t, Name: fd.Name, Desc: fd.Description, Type: typeRef(fd.Type), Deprecated: printDeprecated(fd.Directives), Pos: c.pos(fd.Position)}
		c.fields[f] = fd
		if !t.Entity {
			f.Kind = ir.Plain
			c.checkSignature(d, fd)
			c.plain(f)
		} else if !c.stored(f) {
			continue
		}
		t.Fields = append(t.Fields, f)
	}
}

var columnScalars = map[string]ir.Scalar{"String": ir.String, "Int": ir.Int, "Float": ir.Float, "Boolean": ir.Boolean,
	"DateTime": ir.DateTime, "Date": ir.Date, "Decimal": ir.Decimal, "JSON": ir.JSON, "ID": ir.String}

// stored says what an entity's field is; false when it cannot be stored, which it reports.
func (c *compiler) stored(f *ir.Field) bool {
	fd, name := c.fields[f], f.Type.Name
	at := c.at(fd.Type.Position)
	what := f.Coordinate()
	if len(fd.Arguments) > 0 {
		c.report(ruleUnsupported, c.at(fd.Arguments[0].Position), fmt.Sprintf("%s is stored and takes no arguments", what), "remove them: a list gets first, after, where and orderBy by itself")
		return false
	}
	if fd.Type.Elem != nil && fd.Type.Elem.Elem != nil {
		c.report(ruleUnsupported, at, fmt.Sprintf("%s is a list of lists", what), "use a JSON field, or a type of its own")
		return false
	}
	target := c.defs[name]
	scalar, isScalar := columnScalars[name]
	switch {
	case f.Name == "id":
		if fd.Type.String() != "ID!" {
			c.report(ruleUnsupported, at, fmt.Sprintf("%s has the type %s", what, fd.Type), "write `id: ID!`, or leave it out: every entity has one; keep identifiers of other systems in a field such as externalId")
			return false
		}
		f.Kind, f.Scalar, f.Column, f.Immutable = ir.ID, ir.UUID, "id", true
		return true
	case c.types[name] != nil && c.types[name].Entity:
		f.Kind = ir.ToOne
		if f.Type.List {
			f.Kind = ir.ToMany
		} else {
			f.Column, f.Scalar = snake(f.Name)+"_id", ir.UUID
		}
		f.Edge = &ir.Edge{Target: c.types[name]}
		return true
	case f.Type.List:
		if target == nil && !isScalar {
			c.unknown(at, name, "the type of "+what, storable)
			return false
		}
		c.report(ruleUnsupported, at, fmt.Sprintf("%s is a list of %s, which a column cannot hold", what, name), "use a JSON field, or a type of its own with an edge to this one")
		return false
	case isScalar:
		f.Scalar = scalar
	case words().scalars[name]:
		c.report(ruleUnsupported, at, fmt.Sprintf("%s has the scalar %s, which storage does not know", what, name), "use String with @format, or JSON")
		return false
	case target == nil:
		c.unknown(at, name, "the type of "+what, storable)
		return false
	case target.Kind == ast.Enum:
		f.Scalar, f.Enum = ir.EnumScalar, c.enums[name]
	case target.Kind == ast.Scalar:
		c.report(ruleUnsupported, at, fmt.Sprintf("%s has the scalar %s, which storage does not know", what, name), "use String with @format or @length, or JSON")
		return false
	default:
		c.report(ruleUnsupported, at, fmt.Sprintf("%s has the type %s, which is not stored", what, name), fmt.Sprintf("add @entity to %s to make this an edge, or use JSON", name))
		return false
	}
	if mentioned(fd.Directives, "computed") {
		f.Kind = ir.Computed
		return true
	}
	f.Kind, f.Column = ir.Column, snake(f.Name)
	return true
}

func storable(d *ast.Definition) bool { return d.Kind == ast.Enum || isEntity(d) }

// plain reports directives that would protect nothing on a field that is not stored.
func (c *compiler) plain(f *ir.Field) {
	for _, x := range c.fields[f].Directives {
		if c.broken[x] || x.Name == "deprecated" {
			continue
		}
		if x.Name == "public" {
			f.Public = &ir.Public{Because: text(x, "because"), Pos: c.pos(x.Position)}
			continue
		}
		c.report(ruleNeedsEntity, c.at(x.Position), fmt.Sprintf("@%s says nothing about %s, which is not stored", x.Name, f.Coordinate()), "add @entity to the type, or remove the directive")
	}
}

func typeRef(t *ast.Type) ir.TypeRef {
	ref := ir.TypeRef{Name: t.Name(), NonNull: t.NonNull}
	if t.Elem != nil {
		ref.List, ref.ElemNonNull = true, t.Elem.NonNull
	}
	return ref
}

// checkSignature checks that the types of a field that is not stored, and of its arguments, exist.
func (c *compiler) checkSignature(d *ast.Definition, f *ast.FieldDefinition) {
	what := d.Name + "." + f.Name
	at := c.at(f.Type.Position)
	if f.Type.Elem != nil && f.Type.Elem.Elem != nil {
		c.report(ruleUnsupported, at, what+" is a list of lists", "use JSON, or a type in between")
	}
	name := f.Type.Name()
	target := c.defs[name]
	switch {
	case c.known(name) || c.generated(false)[name]:
	case target == nil:
		c.unknown(at, name, "the type of "+what, func(d *ast.Definition) bool { return d.Kind != ast.InputObject })
	case target.Kind == ast.InputObject:
		c.report(ruleUnknownType, at, fmt.Sprintf("%s has the type %s, which is an input", what, name), "use a type, scalar or enum")
	}
	for _, a := range f.Arguments {
		c.checkInput(a.Type, fmt.Sprintf("argument %s of %s", a.Name, what))
	}
}

func (c *compiler) checkInput(t *ast.Type, what string) {
	at := c.at(t.Position)
	if t.Elem != nil && t.Elem.Elem != nil {
		c.report(ruleUnsupported, at, what+" is a list of lists", "use JSON, or an input in between")
	}
	name := t.Name()
	target := c.defs[name]
	isInput := func(d *ast.Definition) bool {
		return d.Kind == ast.InputObject || d.Kind == ast.Enum || d.Kind == ast.Scalar
	}
	switch {
	case c.known(name) || c.generated(true)[name]:
	case target == nil:
		c.unknown(at, name, "the type of "+what, isInput)
	case !isInput(target):
		c.report(ruleUnknownType, at, fmt.Sprintf("%s has the type %s, which is not an input", what, name), "use an input, scalar or enum")
	}
}

// known reports whether a name is a scalar every API has.
func (c *compiler) known(name string) bool {
	return slices.Contains(builtinScalars, name) || words().scalars[name]
}

// generated returns the API types hand-written operations may use, as inputs or as outputs.
func (c *compiler) generated(inputs bool) map[string]bool {
	if c.api == nil {
		c.api = map[bool]map[string]bool{false: {"Node": true, "PageInfo": true, "ConsentState": true}, true: {"OrderDirection": true}}
		for name, t := range c.types {
			if !t.Entity {
				continue
			}
			for _, suffix := range []string{"Connection", "Edge"} {
				c.api[false][name+suffix] = true
			}
			for _, verb := range []string{"Create", "Update", "Delete"} {
				c.api[false][verb+name+"Payload"] = true
			}
			c.api[true][name+"Where"], c.api[true]["Create"+name+"Input"], c.api[true]["Update"+name+"Input"] = true, true, true
		}
	}
	return c.api[inputs]
}

// maxSuggestions bounds the search for what was meant: in a file full of errors it would take longer than it helps.
const maxSuggestions = 500

// unknown reports a name that does not exist, or not in that role, and what it may have been meant to be.
func (c *compiler) unknown(at span, name, as string, fits func(*ast.Definition) bool) {
	var names []string
	for _, d := range c.order {
		if len(c.found) < maxSuggestions && fits(d) {
			names = append(names, d.Name)
		}
	}
	if !strings.HasPrefix(as, "an interface") && !strings.HasPrefix(as, "a member") {
		names = append(names, builtinScalars...)
		names = append(names, "DateTime", "Date", "Decimal")
	}
	switch {
	case words().enums[name] != nil:
		c.report(ruleUnknownType, at, fmt.Sprintf("%s is a word of the vocabulary and cannot be %s", name, as), "declare an enum of your own")
	case c.defs[name] != nil:
		c.report(ruleUnknownType, at, fmt.Sprintf("%s is %s and cannot be %s", name, article(keyword(c.defs[name].Kind)), as), suggest(name, names))
	default:
		c.report(ruleUnknownType, at, fmt.Sprintf("there is no %s, which is to be %s", name, as), suggest(name, names))
	}
}
