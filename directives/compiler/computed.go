package compiler

import (
	"fmt"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// computed joins each computed field to its sources.
func (c *compiler) computed() {
	each(c.schema.Types, func(f *ir.Field) {
		if f.Kind != ir.Computed {
			return
		}
		d := c.directive(c.fields[f].Directives, "computed")
		if d == nil {
			return
		}
		if !textual(f) || f.Type.Name != "String" {
			c.report(ruleComputed, c.at(c.fields[f].Type.Position), fmt.Sprintf("%s is computed and of type %s", f.Coordinate(), f.Type.Name), "make it a String: it is texts, joined")
			return
		}
		f.Computed = &ir.Formula{Join: text(d, "join")}
		texts := fieldNames(f.Owner, func(o *ir.Field) bool { return o.Kind == ir.Column && textual(o) })
		nullable := ""
		for _, name := range list(d, "from") {
			source := fieldOf(f.Owner, name)
			switch {
			case source == nil:
				c.report(ruleComputed, c.valueAt(d, "from"), fmt.Sprintf("%s has no field %s to make %s from", f.Owner.Name, name, f.Name), suggest(name, texts))
				continue
			case source.Kind != ir.Column || !textual(source):
				c.report(ruleComputed, c.valueAt(d, "from"), fmt.Sprintf("%s is made from %s, which is not a stored text", f.Coordinate(), source.Coordinate()), suggest(name, texts))
				continue
			}
			f.Computed.From = append(f.Computed.From, source)
			if !source.Type.NonNull {
				nullable = name
			}
			c.strictness(c.field(f), restriction(f), restriction(source), false)
		}
		if f.Type.NonNull && nullable != "" {
			c.report(ruleComputed, c.field(f), fmt.Sprintf("%s is never null, but is made from %s, which may be", f.Coordinate(), nullable), fmt.Sprintf("write `%s: String`", f.Name))
		}
	})
}

// restricted is what limits the showing of a field.
type restricted struct {
	name        string // of the field, as a coordinate
	pii, public bool
	category    string
	sensitivity ir.Sensitivity
	purposes    ir.PurposeSet // empty: any
}

func restriction(f *ir.Field) restricted {
	r := restricted{name: f.Coordinate(), public: f.Public != nil, purposes: f.Purposes}
	if f.Pii != nil {
		r.pii, r.category, r.sensitivity = true, f.Pii.Category, f.Pii.Sensitivity
	}
	return r
}

// strictness reports a field that claims to be shown more freely than what it shows. Saying nothing is no claim, unless
// alike is set: then both must say the same.
func (c *compiler) strictness(at span, shown, source restricted, alike bool) {
	why := ""
	switch {
	case source.pii && shown.public:
		why = "is @public"
	case alike && source.pii && !shown.pii:
		why = "is not @pii"
	case source.pii && shown.pii && shown.sensitivity < source.sensitivity:
		why = "has a lower sensitivity"
	case alike && source.pii && shown.pii && shown.category != source.category:
		why = fmt.Sprintf("is of category %s", shown.category)
	case !source.purposes.Empty() && !shown.purposes.Empty() && shown.purposes&^source.purposes != 0:
		why = "serves more purposes"
	}
	if why == "" {
		return
	}
	is := fmt.Sprintf("is @pii(category: %s)", source.category)
	if why == "has a lower sensitivity" {
		is = "has a higher one"
	} else if why == "serves more purposes" {
		is = "is limited to fewer"
	}
	c.report(ruleLessStrict, at, fmt.Sprintf("%s %s, but shows %s, which %s", shown.name, why, source.name, is), "be as strict as the strictest source, or say nothing and take over its classification")
}
