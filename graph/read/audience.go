package read

import (
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// audience holds for rows of a list whose people may all be contacted by the channel of the row that the list belongs to. It is a
// predicate of the list itself, so that pages, counts, filters and cursors say the same, and it asks nothing of the viewer.
func (s sqlFor) audience(list *ir.Field, alias string) fragment {
	channel := list.Edge.Audience
	if s.waits(channel) { // in which rows it can be read is not known yet
		return text("1 = 0")
	}
	is := s.follow([]*ir.Field{list.Edge.Inverse}, alias, channel.Column)
	some := []fragment{text("1 = 0")}
	for _, v := range channel.Enum.Values {
		if v.Channel != nil {
			some = append(some, and(text(is+" = ?", constant{v.Name}), s.contactable(list.Edge.Target, alias, v.Channel)))
		}
	}
	return or(some...)
}

// contactable holds where every owner of a row may be contacted by a channel, and there is one.
func (s sqlFor) contactable(t *ir.Type, alias string, ch *ir.Channel) fragment {
	var all, some []fragment
	for _, path := range t.Owners {
		may := s.through(path, alias, func(person *ir.Type, alias string) fragment {
			return s.contact(person, alias, policy.ContactOf(person, ch))
		}, t)
		there := text(s.follow(path, alias, "id") + " IS NOT NULL")
		all = append(all, or(not(there), may))
		some = append(some, there)
	}
	return and(append(all, or(some...))...)
}

// through holds where a chain of edges leads to a row for which cond does.
func (s sqlFor) through(path []*ir.Field, alias string, cond func(*ir.Type, string) fragment, t *ir.Type) fragment {
	if len(path) == 0 {
		return cond(t, alias)
	}
	edge, inner := path[0], s.alias("c")
	f := and(text(column(inner, "id")+" = "+column(alias, edge.Column)), s.through(path[1:], inner, cond, edge.Edge.Target))
	return fragment{fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s)", quote(edge.Edge.Target.Table), quote(inner), f.sql), f.args}
}

// contact holds for a person who may be contacted.
func (s sqlFor) contact(person *ir.Type, alias string, c policy.Contact) fragment {
	if !c.Allowed {
		return text("1 = 0")
	}
	return and(s.consented(person, alias, c.Needed), s.clear(person, alias, c.Forbidden), s.alive(c.Retains, alias), s.known(c.Address, alias))
}

// known holds where a field has a value. Of a sealed one the seal is enough: nothing is opened.
func (s sqlFor) known(f *ir.Field, alias string) fragment {
	if f == nil {
		return fragment{}
	}
	there := text(column(alias, f.Column) + " IS NOT NULL")
	if s.moving(f) {
		return or(there, text(column(alias, f.OtherColumn())+" IS NOT NULL"))
	}
	return there
}
