package compiler

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// operations reads the root fields that hand-written resolvers answer.
func (c *compiler) operations() {
	for _, d := range c.order {
		if d.Kind != ast.Object || d.Name != "Query" && d.Name != "Mutation" {
			continue
		}
		if len(d.Interfaces) > 0 {
			c.report(ruleUnsupported, c.at(d.Position), d.Name+" implements an interface", "remove it")
		}
		for _, x := range d.Directives {
			if !c.broken[x] {
				c.report(ruleApplies, c.at(x.Position), fmt.Sprintf("@%s says nothing about %s", x.Name, d.Name), "remove it")
			}
		}
		taken := c.rootFields(d.Name)
		for _, f := range d.Fields {
			if by := taken[f.Name]; by != "" {
				c.report(ruleReserved, c.at(f.Position), fmt.Sprintf("%s.%s is made by itself for %s", d.Name, f.Name, by), "rename it")
			}
			for _, x := range f.Directives {
				if !c.broken[x] && x.Name != "deprecated" {
					c.report(ruleApplies, c.at(x.Position), fmt.Sprintf("@%s says nothing about the operation %s", x.Name, f.Name), "remove it: what a resolver returns is protected by the types it returns")
				}
			}
			c.checkSignature(d, f)
			op := &ir.Operation{Name: f.Name, SDL: printField(f, ""), Type: typeRef(f.Type), Pos: c.pos(f.Position)}
			for _, a := range f.Arguments {
				op.Args = append(op.Args, &ir.Argument{Name: a.Name, Type: typeRef(a.Type), Pos: c.pos(a.Position)})
			}
			if d.Name == "Query" {
				c.schema.Queries = append(c.schema.Queries, op)
			} else {
				c.schema.Mutations = append(c.schema.Mutations, op)
			}
		}
	}
}

// rootFields names the generated fields of a root type, each with what it is made for.
func (c *compiler) rootFields(root string) map[string]string {
	out := map[string]string{}
	for _, name := range reservedOperations[root] {
		out[name] = "every API"
	}
	for _, t := range c.schema.Types {
		if !t.Entity {
			continue
		}
		names := []string{t.Singular, t.Plural, t.Plural + "Aggregate"}
		if root == "Mutation" {
			names = []string{"create" + t.Name, "update" + t.Name, "delete" + t.Name}
		}
		for _, name := range slices.Compact(names) {
			out[name] = t.Name
		}
	}
	return out
}
