package compiler

import (
	"fmt"
	"slices"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Bounds on the ways to a subject: each is a chain of joins in every query of the type.
const (
	maxOwnerDepth = 6
	maxOwnerPaths = 16
	maxOwnerSteps = 1000 // of the search, so that a web of edges cannot make it long
)

// owners finds every type's ways to the people its rows are about.
func (c *compiler) owners() {
	for _, t := range c.schema.Types {
		if c.directive(c.typed[t].Directives, "subject") != nil && t.Entity {
			t.Owners = append(t.Owners, ir.OwnerPath{})
		}
		if !t.Entity {
			continue
		}
		for _, f := range t.Fields {
			if f.Edge == nil || !f.Edge.IsOwner {
				continue
			}
			steps := 0
			paths, looped := c.paths(ir.OwnerPath{f}, &steps)
			switch {
			case looped:
				c.report(ruleOwnerCycle, c.field(f), fmt.Sprintf("the owners of %s lead back to %s", f.Coordinate(), t.Name), "remove @owner from one edge of the circle: it must end at a @subject")
			case len(paths) == 0:
				c.report(ruleOwnerNowhere, c.field(f), fmt.Sprintf("%s leads to %s, from where no @owner edge leads to a @subject", f.Coordinate(), f.Edge.Target.Name), fmt.Sprintf("add @subject to %s if its rows are people, or @owner to its edge to one", f.Edge.Target.Name))
			}
			t.Owners = append(t.Owners, paths...)
		}
		if len(t.Owners) > maxOwnerPaths {
			c.report(ruleOwnerCycle, c.typ(t), fmt.Sprintf("%s has %d ways to its owners, more than %d", t.Name, len(t.Owners), maxOwnerPaths), "mark only the edges as @owner that lead to the people a row is about")
			t.Owners = t.Owners[:maxOwnerPaths]
		}
	}
}

// paths extends a chain of owner edges to every subject it leads to. Looped reports a chain that never ends.
func (c *compiler) paths(chain ir.OwnerPath, steps *int) (out []ir.OwnerPath, looped bool) {
	end := chain[len(chain)-1].Edge.Target
	if end.Subject {
		return []ir.OwnerPath{slices.Clone(chain)}, false
	}
	for _, f := range chain {
		if f.Owner == end {
			return nil, true
		}
	}
	if *steps++; len(chain) == maxOwnerDepth || *steps > maxOwnerSteps {
		return nil, true
	}
	for _, f := range end.Fields {
		if f.Edge == nil || !f.Edge.IsOwner {
			continue
		}
		more, loop := c.paths(append(slices.Clone(chain), f), steps)
		out, looped = append(out, more...), looped || loop
		if len(out) > maxOwnerPaths {
			break
		}
	}
	return out, looped
}

// reaching returns the types from which some edge leads, over however many others, to a @subject.
func (c *compiler) reaching() map[*ir.Type]bool {
	back := map[*ir.Type][]*ir.Type{}
	out := map[*ir.Type]bool{}
	var next []*ir.Type
	for _, t := range c.schema.Types {
		for _, f := range t.Fields {
			if f.Edge != nil && !f.Edge.Hidden {
				back[f.Edge.Target] = append(back[f.Edge.Target], t)
			}
		}
		if t.Subject {
			out[t] = true
			next = append(next, t)
		}
	}
	for len(next) > 0 {
		t := next[0]
		next = next[1:]
		for _, from := range back[t] {
			if !out[from] {
				out[from] = true
				next = append(next, from)
			}
		}
	}
	return out
}
