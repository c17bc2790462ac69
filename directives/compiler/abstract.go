package compiler

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// abstract checks interfaces against the types that implement them, and the members of unions against each other.
func (c *compiler) abstract() {
	for _, d := range c.order {
		switch d.Kind {
		case ast.Interface:
			c.checkInterface(d)
		case ast.Union:
			c.checkUnion(d)
		}
	}
	for _, t := range c.schema.Types {
		for _, name := range t.Implements {
			c.implements(t, c.defs[name])
		}
	}
}

func (c *compiler) checkInterface(d *ast.Definition) {
	if len(d.Interfaces) > 0 {
		c.report(ruleUnsupported, c.at(d.Position), fmt.Sprintf("interface %s implements another", d.Name), "repeat the fields and let types implement both")
	}
	for _, f := range d.Fields {
		for _, x := range f.Directives {
			if !c.broken[x] && !slices.Contains([]string{"pii", "public", "purpose", "deprecated"}, x.Name) {
				c.report(ruleApplies, c.at(x.Position), fmt.Sprintf("@%s says nothing about %s.%s, which belongs to an interface", x.Name, d.Name, f.Name), "put it on the fields of the types that implement it")
			}
		}
	}
}

func (c *compiler) implements(t *ir.Type, d *ast.Definition) {
	for _, want := range d.Fields {
		f := fieldOf(t, want.Name)
		switch {
		case f == nil:
			if c.typed[t].Fields.ForName(want.Name) == nil {
				c.report(ruleImplements, c.typ(t), fmt.Sprintf("%s implements %s but has no field %s", t.Name, d.Name, want.Name), fmt.Sprintf("add `%s: %s`", want.Name, want.Type))
			}
			continue
		case f.Type.Name != want.Type.Name() || f.Type.List != (want.Type.Elem != nil) || want.Type.NonNull && !f.Type.NonNull || want.Type.Elem != nil && want.Type.Elem.NonNull && !f.Type.ElemNonNull:
			c.report(ruleImplements, c.field(f), fmt.Sprintf("%s is of type %s where %s asks for %s", f.Coordinate(), f.Type, d.Name, want.Type), fmt.Sprintf("write `%s: %s`", want.Name, want.Type))
			continue
		case f.Kind == ir.ToMany || f.Kind == ir.ToOne && want.Type.NonNull:
			c.report(ruleImplements, c.at(want.Position), fmt.Sprintf("%s.%s is an edge of %s, which the API shows as a nullable record or a connection", d.Name, want.Name, t.Name), "leave the edge out of the interface, or make it a nullable record")
			continue
		case len(want.Arguments) > 0 && t.Entity:
			c.report(ruleImplements, c.at(want.Position), fmt.Sprintf("%s.%s takes arguments, which %s cannot", d.Name, want.Name, f.Coordinate()), "remove the arguments")
			continue
		}
		c.strictness(c.at(want.Position), c.interfaceField(d, want), restriction(f), false)
	}
}

func (c *compiler) interfaceField(d *ast.Definition, f *ast.FieldDefinition) restricted {
	r := restricted{name: d.Name + "." + f.Name, public: c.directive(f.Directives, "public") != nil, purposes: c.purposesOf(f.Directives)}
	if pii := c.directive(f.Directives, "pii"); pii != nil {
		r.pii, r.category, r.sensitivity = true, text(pii, "category"), ir.Sensitivity(ordinal("Sensitivity", text(pii, "sensitivity")))
	}
	return r
}

// checkUnion holds members to one classification of fields of one name: a client selects them in one breath, and which
// member answers must not decide what is hidden.
func (c *compiler) checkUnion(d *ast.Definition) {
	strictest := map[string]*ir.Field{}
	for _, strict := range []bool{true, false} {
		for _, name := range d.Types {
			t := c.types[name]
			if t == nil || !t.Entity {
				continue
			}
			for _, f := range t.Fields {
				have := strictest[f.Name]
				switch {
				case f.Kind != ir.Column || f.Edge != nil:
				case strict && f.Pii != nil && (have == nil || f.Pii.Sensitivity > have.Pii.Sensitivity):
					strictest[f.Name] = f
				case !strict && have != nil && have != f:
					c.strictness(c.field(f), restriction(f), restriction(have), true)
				}
			}
		}
	}
}
