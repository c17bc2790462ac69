package compiler

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// audienceField is the connection that @audience adds.
const audienceField = "audience"

// audiences adds to each type with @audience the list of those who may be contacted.
func (c *compiler) audiences() {
	for _, t := range c.schema.Types {
		d := c.directive(c.typed[t].Directives, "audience")
		if d == nil || !t.Entity {
			continue
		}
		list, channel := fieldOf(t, text(d, "of")), fieldOf(t, text(d, "channel"))
		lists := func(f *ir.Field) bool { return f.Kind == ir.ToMany && f.Edge.Target.Personal() }
		channels := func(f *ir.Field) bool {
			return f.Kind == ir.Column && f.Scalar == ir.EnumScalar && !f.Sealed() && hasChannels(f.Enum)
		}
		switch at := c.valueAt(d, "of"); {
		case fieldOf(t, audienceField) != nil:
			c.report(ruleReserved, c.field(fieldOf(t, audienceField)), fmt.Sprintf("%s.%s is the list that @audience adds", t.Name, audienceField), "rename the field")
			continue
		case list == nil || !lists(list):
			c.report(ruleAudience, at, fmt.Sprintf("%s has no list %s that leads to people", t.Name, text(d, "of")), suggest(text(d, "of"), fieldNames(t, lists)))
			continue
		case channel == nil || !channels(channel):
			c.report(ruleAudience, c.valueAt(d, "channel"), fmt.Sprintf("%s.%s says of no value how people are contacted", t.Name, text(d, "channel")), "name a field of an enum whose values have @channel, and which is not sealed")
			continue
		}
		c.reached(d, list.Edge.Target, channel.Enum)
		t.Fields = append(t.Fields, &ir.Field{Owner: t, Name: audienceField, Kind: ir.ToMany, Type: list.Type,
			Desc:   fmt.Sprintf("Of `%s`, those who may be contacted by the `%s` of this record.", list.Name, channel.Name),
			Access: list.Access, Purposes: list.Purposes, Consents: list.Consents, Public: list.Public,
			Edge: &ir.Edge{Target: list.Edge.Target, Inverse: list.Edge.Inverse, Audience: channel}, Pos: c.pos(d.Position)})
	}
}

func hasChannels(e *ir.Enum) bool {
	for _, v := range e.Values {
		if v.Channel != nil {
			return true
		}
	}
	return false
}

// reached reports a channel by which nobody in the list could be contacted: none of their types has the address for its purpose.
func (c *compiler) reached(d *ast.Directive, t *ir.Type, e *ir.Enum) {
	for _, v := range e.Values {
		if v.Channel == nil {
			continue
		}
		some := false
		for _, path := range t.Owners {
			person := t
			if len(path) > 0 {
				person = path[len(path)-1].Edge.Target
			}
			_, ok := v.Channel.Address(person)
			some = some || ok
		}
		if !some {
			what := "a field " + v.Channel.By
			if v.Channel.By == "" {
				what = "a type"
			}
			c.report(ruleAudience, c.valueAt(d, "of"), fmt.Sprintf("nobody in %s can be contacted by %s: none of its people has %s for %s", t.Name, v.Name, what, v.Channel.For.Name),
				fmt.Sprintf("add %s to the @purpose of the field and its type, or remove @channel from %s", v.Channel.For.Name, v.Name))
		}
	}
}
