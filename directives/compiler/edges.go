package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// edges joins the two ends of every relation: a list finds the key it is the other end of.
func (c *compiler) edges() {
	claims := map[*ir.Field]*ir.Field{} // key → the list that shows it
	each(c.schema.Types, func(f *ir.Field) {
		if f.Kind == ir.ToOne || f.Kind == ir.ToMany {
			c.declaredInverse(f, claims)
		}
	})
	var lists []*ir.Field
	each(c.schema.Types, func(f *ir.Field) {
		if f.Kind == ir.ToMany && f.Edge.Inverse == nil {
			lists = append(lists, f)
		}
	})
	declared := make(map[*ir.Field]bool, len(claims))
	for key := range claims {
		declared[key] = true
	}
	for _, f := range lists {
		c.impliedInverse(f, claims, declared)
	}
	each(c.schema.Types, c.onDelete)
}

// each calls visit for the fields there are now; visit may add some.
func each(types []*ir.Type, visit func(*ir.Field)) {
	for _, t := range types {
		for _, f := range slices.Clone(t.Fields) {
			visit(f)
		}
	}
}

func fieldOf(t *ir.Type, name string) *ir.Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func fieldNames(t *ir.Type, fits func(*ir.Field) bool) []string {
	var out []string
	for _, f := range t.Fields {
		if fits(f) {
			out = append(out, f.Name)
		}
	}
	return out
}

// declaredInverse joins what @edge(inverse:) names.
func (c *compiler) declaredInverse(f *ir.Field, claims map[*ir.Field]*ir.Field) {
	edge := c.directive(c.fields[f].Directives, "edge")
	if edge == nil || argument(edge, "inverse") == nil {
		return
	}
	at, name, target := c.valueAt(edge, "inverse"), text(edge, "inverse"), f.Edge.Target
	other := fieldOf(target, name)
	switch {
	case other == nil || other.Edge == nil || other.Edge.Target != f.Owner:
		fits := func(o *ir.Field) bool { return o.Edge != nil && o.Edge.Target == f.Owner && o != f }
		c.report(ruleInverse, at, fmt.Sprintf("%s.%s is not an edge to %s, it cannot be the other end of %s", target.Name, name, f.Owner.Name, f.Coordinate()), suggest(name, fieldNames(target, fits)))
		f.Edge.Inverse = f // joined to nothing, but not to be guessed either
	case other == f:
		c.report(ruleInverse, at, fmt.Sprintf("%s cannot be its own other end", f.Coordinate()), "name another field, or leave the argument out")
		f.Edge.Inverse = f
	case f.Kind == ir.ToOne && other.Kind == ir.ToOne:
		c.report(ruleOneToOne, at, fmt.Sprintf("%s and %s would both keep the key of one relation", f.Coordinate(), other.Coordinate()), "keep the field on one side, with @unique for one to one, and remove the other")
	case f.Kind == ir.ToMany && other.Kind == ir.ToMany:
		c.manyToMany(f, other)
		f.Edge.Inverse = f
	case f.Kind == ir.ToMany:
		c.claim(f, other, claims)
	default:
		c.claim(other, f, claims)
	}
}

func (c *compiler) claim(list, key *ir.Field, claims map[*ir.Field]*ir.Field) {
	if before := claims[key]; before != nil && before != list {
		c.report(ruleClaimed, c.field(list), fmt.Sprintf("%s and %s are both the other end of %s", before.Coordinate(), list.Coordinate(), key.Coordinate()), fmt.Sprintf("remove one of them, or give %s a second edge to %s", key.Owner.Name, list.Owner.Name))
		list.Edge.Inverse = list
		return
	}
	if list.Edge.Inverse != nil && list.Edge.Inverse != key {
		c.report(ruleClaimed, c.field(key), fmt.Sprintf("%s is already the other end of %s", list.Coordinate(), list.Edge.Inverse.Coordinate()), "declare the inverse on one side only")
		return
	}
	claims[key] = list
	list.Edge.Inverse, key.Edge.Inverse = key, list
}

// impliedInverse finds the key of a list that names none: the one edge back, or a key of its own.
func (c *compiler) impliedInverse(f *ir.Field, claims map[*ir.Field]*ir.Field, declared map[*ir.Field]bool) {
	if f.Edge.Inverse != nil {
		return
	}
	target := f.Edge.Target
	var back, free []*ir.Field
	for _, o := range target.Fields {
		if o.Kind == ir.ToOne && !o.Edge.Hidden && o.Edge.Target == f.Owner {
			back = append(back, o)
			if !declared[o] {
				free = append(free, o)
			}
		}
	}
	switch {
	case len(free) == 1:
		c.claim(f, free[0], claims)
		return
	case len(free) > 1:
		names := make([]string, 0, len(free))
		for _, o := range free {
			names = append(names, o.Name)
		}
		c.report(ruleAmbiguous, c.field(f), fmt.Sprintf("%s could be the other end of %s.%s", f.Coordinate(), target.Name, strings.Join(names, " or "+target.Name+".")), fmt.Sprintf("say which: @edge(inverse: %q)", names[0]))
		f.Edge.Inverse = f
		return
	case len(back) > 0:
		c.claim(f, back[0], claims)
		return
	}
	for _, o := range target.Fields {
		if o.Kind == ir.ToMany && o != f && o.Edge.Target == f.Owner && o.Edge.Inverse == nil {
			c.manyToMany(f, o)
			f.Edge.Inverse, o.Edge.Inverse = f, o
			return
		}
	}
	c.hiddenKey(f)
}

func (c *compiler) manyToMany(f, other *ir.Field) {
	if a, b := c.field(f), c.field(other); b.file.name < a.file.name || b.file == a.file && b.start < a.start {
		f, other = other, f // said in one way, whichever end is met first
	}
	join := f.Owner.Name + f.Edge.Target.Name
	c.report(ruleManyToMany, c.field(f), fmt.Sprintf("%s and %s are a relation of many to many", f.Coordinate(), other.Coordinate()),
		fmt.Sprintf("add a joining type, for example `type %s @entity { %s: %s! %s: %s! }`, and make both fields lists of it: it is also where such a relation keeps its dates and owner",
			join, singular(f.Owner.Name), f.Owner.Name, singular(f.Edge.Target.Name), f.Edge.Target.Name))
}

// hiddenKey adds the key a list needs when its target declares none.
func (c *compiler) hiddenKey(list *ir.Field) {
	name := singular(list.Owner.Name) + upperFirst(list.Name)
	key := &ir.Field{
		Owner: list.Edge.Target, Name: name, Kind: ir.ToOne, Type: ir.TypeRef{Name: list.Owner.Name}, Column: snake(name) + "_id", Scalar: ir.UUID,
		Edge: &ir.Edge{Target: list.Owner, Inverse: list, OnDelete: ir.SetNull, Hidden: true}, Index: true, Pos: list.Pos,
	}
	list.Edge.Inverse = key
	key.Owner.Fields = append(key.Owner.Fields, key)
}

// onDelete reads @edge(onDelete:) and @owner, and falls back to the documented default.
func (c *compiler) onDelete(f *ir.Field) {
	fd := c.fields[f]
	if fd == nil || !f.Owner.Entity {
		return
	}
	edge, owner := c.directive(fd.Directives, "edge"), c.directive(fd.Directives, "owner")
	if f.Edge == nil {
		if edge != nil {
			c.report(ruleApplies, c.at(edge.Position), fmt.Sprintf("@edge says nothing about %s, which is not an edge", f.Coordinate()), "remove it, or give the field the type of an entity")
		}
		if owner != nil {
			c.report(ruleOwnerEdge, c.at(owner.Position), fmt.Sprintf("%s is not an edge, it cannot lead to an owner", f.Coordinate()), "put @owner on a field whose type leads to a @subject")
		}
		return
	}
	if f.Kind == ir.ToMany {
		if owner != nil {
			c.report(ruleOwnerEdge, c.at(owner.Position), fmt.Sprintf("%s is a list, it cannot lead to an owner", f.Coordinate()), fmt.Sprintf("put @owner on the other end, an edge of %s to %s, or use a to-one edge", f.Edge.Target.Name, f.Owner.Name))
		}
		if edge != nil && argument(edge, "onDelete") != nil {
			c.report(ruleApplies, c.valueAt(edge, "onDelete"), fmt.Sprintf("%s keeps no key, onDelete says nothing about it", f.Coordinate()), "put it on the other end, which keeps the key")
		}
		return
	}
	f.Edge.IsOwner = owner != nil
	switch {
	case edge != nil && argument(edge, "onDelete") != nil:
		f.Edge.OnDelete = map[string]ir.OnDelete{"CASCADE": ir.Cascade, "SET_NULL": ir.SetNull, "RESTRICT": ir.Restrict}[text(edge, "onDelete")]
		if f.Edge.OnDelete == ir.SetNull && f.Type.NonNull {
			c.report(ruleSetNull, c.valueAt(edge, "onDelete"), fmt.Sprintf("%s is required, it cannot be set to null", f.Coordinate()), fmt.Sprintf("write `%s: %s`, or onDelete: CASCADE or RESTRICT", f.Name, f.Type.Name))
		}
	case f.Type.NonNull && f.Edge.IsOwner:
		f.Edge.OnDelete = ir.Cascade
	case f.Type.NonNull:
		f.Edge.OnDelete = ir.Restrict
	default:
		f.Edge.OnDelete = ir.SetNull
	}
}
