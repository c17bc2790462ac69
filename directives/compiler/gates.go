package compiler

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// gates reads who may reach types and fields, for what, with whose consent and for how long.
func (c *compiler) gates() {
	for _, t := range c.schema.Types {
		if !t.Entity {
			continue
		}
		ds := c.typed[t].Directives
		t.Access, t.Purposes, t.Consents, t.Retains = c.access(t, ds), c.purposesOf(ds), c.consents(ds), c.retains(t, ds)
		for _, f := range t.Fields {
			if fd := c.fields[f]; fd != nil {
				f.Access, f.Purposes, f.Consents, f.Retains = c.access(t, fd.Directives), c.purposesOf(fd.Directives), c.consents(fd.Directives), c.retains(t, fd.Directives)
				c.otherwises(f)
			}
		}
	}
}

func (c *compiler) access(t *ir.Type, ds ast.DirectiveList) []*ir.Access {
	var out []*ir.Access
	for _, d := range c.directives(ds, "access") {
		a := &ir.Access{Roles: c.roleSet(list(d, "roles")), Pos: c.pos(d.Position)}
		for _, op := range list(d, "to") {
			a.To = a.To.With(ir.Op(ordinal("Operation", op)))
		}
		if argument(d, "when") != nil {
			a.When = c.condition(t, d.Arguments.ForName("when").Value)
		}
		a.StepUp = c.stepUp(d)
		out = append(out, a)
	}
	c.voidStepUps(ds, out)
	return out
}

// stepUp reads what a rule asks of the session itself.
func (c *compiler) stepUp(d *ast.Directive) ir.StepUp {
	var s ir.StepUp
	if argument(d, "aal") != nil {
		if s.AAL = number(d, "aal"); s.AAL < 1 || s.AAL > ir.MaxAAL {
			c.report(ruleAAL, c.valueAt(d, "aal"), fmt.Sprintf("there is no assurance level %d", s.AAL), fmt.Sprintf("write 1 for one factor, %d for two", ir.MaxAAL))
			s.AAL = ir.MaxAAL
		}
	}
	if argument(d, "freshWithin") != nil {
		within, err := ir.ParseDuration(text(d, "freshWithin"))
		if err != nil {
			message, remedy, _ := strings.Cut(err.Error(), ", for example ")
			c.report(ruleDuration, c.valueAt(d, "freshWithin"), message, "write an ISO 8601 duration, for example "+remedy)
			within = 1
		}
		s.FreshWithin = within
	}
	return s
}

// voidStepUps reports a step-up that another rule of the same place lets people avoid.
func (c *compiler) voidStepUps(ds ast.DirectiveList, rules []*ir.Access) {
	for i, a := range rules {
		for _, b := range rules {
			if a.StepUp.IsZero() || b.When != nil || b.To&a.To == 0 || b.Roles&a.Roles == 0 || a.StepUp == b.StepUp || !a.StepUp.Meets(b.StepUp) {
				continue
			}
			var who []string
			for _, r := range c.schema.Roles {
				if (a.Roles & b.Roles).Has(r) {
					who = append(who, r.Name)
				}
			}
			asks := "without one"
			if !b.StepUp.IsZero() {
				asks = "for " + b.StepUp.String()
			}
			c.report(ruleVoidStepUp, c.at(c.directives(ds, "access")[i].Position),
				fmt.Sprintf("%s can avoid this step-up: the rule in line %d grants the same %s", strings.Join(who, ", "), b.Pos.Line, asks),
				"take the role or the operation out of the other rule, or remove the step-up")
			break
		}
	}
}

func (c *compiler) purposesOf(ds ast.DirectiveList) ir.PurposeSet {
	if d := c.directive(ds, "purpose"); d != nil {
		return c.purposeSet(list(d, "only"))
	}
	return 0
}

func (c *compiler) consents(ds ast.DirectiveList) []ir.Consent {
	var out []ir.Consent
	for _, d := range c.directives(ds, "consent") {
		p := c.purposes[text(d, "to")]
		if p == nil {
			continue // reported as an unknown value, or as a missing enum
		}
		if !p.ByConsent() && mentioned(c.defs["Purpose"].EnumValues.ForName(p.Name).Directives, "lawful") {
			c.report(ruleConsentBasis, c.valueAt(d, "to"), fmt.Sprintf("nobody is asked to consent to %s: its lawful basis is another", p.Name), "name a purpose with basis CONSENT, or limit the field with @purpose")
		}
		out = append(out, ir.Consent{To: p, Otherwise: otherwise(d), Pos: c.pos(d.Position)})
	}
	return out
}

func otherwise(d *ast.Directive) ir.Otherwise {
	return ir.Otherwise(ordinal("Otherwise", text(d, "otherwise")))
}

// otherwises reports what cannot become of a field without consent. Only personal fields have a mask to show, a field has no row
// to hide, and a list is never null: an error would stand where its page stands.
func (c *compiler) otherwises(f *ir.Field) {
	masked := f.Kind == ir.Computed || mentioned(c.fields[f].Directives, "pii")
	ds := c.directives(c.fields[f].Directives, "consent")
	for i, consent := range f.Consents {
		switch at := c.at(ds[i].Position); {
		case consent.Otherwise == ir.OtherwiseMask && !masked:
			c.report(ruleApplies, at, fmt.Sprintf("@consent says nothing about %s, which is not @pii and has no mask to show", f.Coordinate()), "write otherwise: NULL, or classify the field with @pii")
			return
		case consent.Otherwise == ir.OtherwiseHideRow:
			c.report(ruleOtherwise, c.valueAt(ds[i], "otherwise"), fmt.Sprintf("HIDE_ROW on %s would hide all of %s for one field", f.Coordinate(), f.Owner.Name), "write otherwise: NULL, or move the directive to the type")
		case consent.Otherwise == ir.OtherwiseDeny && f.Kind == ir.ToMany:
			c.report(ruleOtherwise, c.valueAt(ds[i], "otherwise"), fmt.Sprintf("%s is a list, which is never null: there is no place for the error of DENY", f.Coordinate()), "write otherwise: NULL, which empties the list")
		}
	}
}

func (c *compiler) retains(t *ir.Type, ds ast.DirectiveList) []*ir.Retain {
	var out []*ir.Retain
	for _, d := range c.directives(ds, "retain") {
		r := &ir.Retain{Then: text(d, "then"), Because: text(d, "because"), Pos: c.pos(d.Position)}
		period, err := ir.ParsePeriod(text(d, "for"))
		if err != nil {
			message, remedy, _ := strings.Cut(err.Error(), ", for example ")
			c.report(rulePeriod, c.valueAt(d, "for"), message, "write an ISO 8601 period, for example "+remedy)
		}
		r.For = period
		if strings.TrimSpace(r.Because) == "" {
			c.report(ruleArgumentValue, c.valueAt(d, "because"), "the reason of @retain is empty", "say in plain words why the data is kept so long: people are told (GDPR Art. 13(2)(a))")
		}
		r.After = c.clock(t, d)
		out = append(out, r)
	}
	return out
}

// clock finds the field that starts a retention period: a time of the same row that SQL can read.
func (c *compiler) clock(t *ir.Type, d *ast.Directive) *ir.Field {
	at, name := c.valueAt(d, "after"), text(d, "after")
	f := fieldOf(t, name)
	times := fieldNames(t, func(f *ir.Field) bool {
		return f.Kind == ir.Column && (f.Scalar == ir.DateTime || f.Scalar == ir.Date) && (f.Pii == nil || !f.Pii.Sealed)
	})
	remedy := fmt.Sprintf("add a field `createdAt: DateTime @default(value: \"now\") @immutable` to %s and name it", t.Name)
	if len(times) > 0 {
		remedy = suggest(name, times)
	}
	switch {
	case f == nil:
		c.report(ruleClock, at, fmt.Sprintf("%s has no field %s to start the period", t.Name, name), remedy)
	case f.Kind != ir.Column || f.Scalar != ir.DateTime && f.Scalar != ir.Date:
		c.report(ruleClock, at, fmt.Sprintf("%s is not a DateTime or Date, it cannot start a period", f.Coordinate()), remedy)
	case f.Pii != nil && f.Pii.Sealed:
		c.report(ruleClock, at, fmt.Sprintf("%s is sealed, the database cannot tell when its period ends", f.Coordinate()), "name another field, or classify it with store: PLAIN or @public")
	default:
		return f
	}
	return nil
}
