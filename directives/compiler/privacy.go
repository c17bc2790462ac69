package compiler

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// privacy checks what makes a schema private by default: everything is classified, and what is personal has an owner,
// purposes, an end, and a type that can hold what stands in its place.
func (c *compiler) privacy() {
	reaches := c.reaching()
	for _, t := range c.schema.Types {
		ds := c.typed[t].Directives
		if !t.Entity {
			continue
		}
		var first *ir.Field // the first personal field
		for _, f := range t.Fields {
			if f.Kind == ir.Column && reaches[t] {
				c.classified(f)
			}
			if f.Pii != nil && first == nil {
				first = f
			}
		}
		if first != nil {
			c.accountable(t, first, ds)
		}
		if !t.Personal() && !c.ownerTried(t) {
			for _, d := range c.directives(ds, "consent") {
				c.report(ruleApplies, c.at(d.Position), fmt.Sprintf("@consent says nothing about %s, which leads to nobody who could consent", t.Name), "remove it, or mark the type @subject or its edge to the person @owner")
			}
		}
		for _, f := range t.Fields {
			c.nullable(f)
		}
	}
}

func (c *compiler) classified(f *ir.Field) {
	ds := c.fields[f].Directives
	if mentioned(ds, "pii") || mentioned(ds, "public") {
		return
	}
	c.report(ruleUnclassified, c.field(f), fmt.Sprintf("%s is not classified, and %s leads to people", f.Coordinate(), f.Owner.Name), "add @pii(category: …) if it says something about a person, else @public(because: \"…\")")
}

// accountable checks a type with personal fields for an owner, purposes and retention.
func (c *compiler) accountable(t *ir.Type, first *ir.Field, ds ast.DirectiveList) {
	if !t.Personal() && !c.ownerTried(t) {
		c.report(ruleNoOwner, c.field(first), fmt.Sprintf("%s is @pii, but nothing leads from %s to the person it is about", first.Coordinate(), t.Name), fmt.Sprintf("add @subject to %s if its rows are people, or @owner to its edge to one", t.Name))
	}
	if !mentioned(ds, "purpose") {
		c.report(ruleNoPurpose, c.typ(t), fmt.Sprintf("%s keeps personal data (%s) for no purpose", t.Name, first.Name), "add @purpose(only: […]) to the type")
	}
	if !mentioned(ds, "retain") {
		c.report(ruleNoRetention, c.typ(t), fmt.Sprintf("%s keeps personal data (%s) for ever", t.Name, first.Name), "add @retain(for: \"P3Y\", after: \"…\", because: \"…\") to the type")
	}
}

// ownerTried reports whether the type says who its owner is, in a way that was already found wanting.
func (c *compiler) ownerTried(t *ir.Type) bool {
	if mentioned(c.typed[t].Directives, "subject") {
		return true
	}
	for _, fd := range c.typed[t].Fields {
		if mentioned(fd.Directives, "owner") {
			return true
		}
	}
	return false
}

// nullable checks that a non-null field always has something to show.
func (c *compiler) nullable(f *ir.Field) {
	if !f.Type.NonNull || c.fields[f] == nil || f.Kind != ir.Column && f.Kind != ir.Computed {
		return // the API makes every edge nullable by itself
	}
	remedy := fmt.Sprintf("write `%s: %s`", f.Name, f.Type.Name)
	if why := c.withholdable(f); why != "" {
		c.report(ruleWithheld, c.field(f), fmt.Sprintf("%s is never null, but may be withheld: %s", f.Coordinate(), why), remedy+", or remove what withholds it")
		return
	}
	if f.Pii == nil {
		return
	}
	if when := c.masked(f); maskIsNull(f) && when != "" {
		c.report(ruleMaskNull, c.field(f), fmt.Sprintf("%s is never null, but its mask is, and %s", f.Coordinate(), when), remedy+", or choose a mask that shows something")
	} else if f.Sealed() && (maskIsNull(f) || !textual(f)) {
		c.report(ruleMaskNull, c.field(f), fmt.Sprintf("%s is never null, but it is sealed: once the person's key is destroyed there is nothing to show in its place", f.Coordinate()), remedy+", or store: PLAIN")
	}
}

func maskIsNull(f *ir.Field) bool {
	return f.Pii.Mask == ir.MaskNull || f.Pii.Mask == ir.Redact && !textual(f)
}

// withholdable says why a viewer of the row may be refused the field; "" when none can be.
func (c *compiler) withholdable(f *ir.Field) string {
	t := f.Owner
	consents := f.Consents
	if f.Pii != nil {
		consents = append(consents[:len(consents):len(consents)], t.Consents...)
	}
	for _, consent := range consents {
		if nulls(consent.Otherwise) {
			return fmt.Sprintf("@consent(to: %s, otherwise: %s)", consent.To.Name, consent.Otherwise)
		}
	}
	for _, p := range c.schema.Purposes {
		if f.Pii != nil && p.ByConsent() && nulls(p.Otherwise) && (t.Purposes.Empty() || t.Purposes.Has(p)) && (f.Purposes.Empty() || f.Purposes.Has(p)) {
			return fmt.Sprintf("purpose %s says otherwise: %s", p.Name, p.Otherwise)
		}
	}
	if len(f.Retains) > 0 {
		return "its own @retain ends before the row's"
	}
	all := t.Purposes
	if all.Empty() {
		for _, p := range c.schema.Purposes {
			all = all.With(p)
		}
	}
	if !f.Purposes.Empty() && all&^f.Purposes != 0 {
		for _, p := range c.schema.Purposes {
			if all.Has(p) && !f.Purposes.Has(p) {
				return fmt.Sprintf("its @purpose leaves out %s", p.Name)
			}
		}
	}
	narrowed, unconditional := readers(f.Access)
	if !narrowed {
		return ""
	}
	_, rows := readersAll(t.Access)
	for _, r := range c.schema.Roles {
		if rows.Has(r) && !unconditional.Has(r) {
			return fmt.Sprintf("its @access leaves out %s, or has a condition or a step-up for it", r.Name)
		}
	}
	return ""
}

// readers returns whether any rule is about reading, and the roles that may read without a condition and without a step-up.
func readers(rules []*ir.Access) (any bool, roles ir.RoleSet) {
	for _, a := range rules {
		if a.To.Has(ir.Read) {
			any = true
			if a.When == nil && a.StepUp.IsZero() {
				roles |= a.Roles
			}
		}
	}
	return any, roles
}

// readersAll counts roles whose reading depends on a condition too.
func readersAll(rules []*ir.Access) (any bool, roles ir.RoleSet) {
	for _, a := range rules {
		if a.To.Has(ir.Read) {
			any = true
			roles |= a.Roles
		}
	}
	return any, roles
}

// masked says in which case a viewer meets the field's mask; "" when nobody ever does. It follows the order of the
// decision: a role and purpose that reach the field, then consent, then clearance.
func (c *compiler) masked(f *ir.Field) string {
	t := f.Owner
	_, rows := readersAll(t.Access)
	narrowed, own := readersAll(f.Access)
	for _, r := range c.schema.Roles {
		if !rows.Has(r) || narrowed && !own.Has(r) {
			continue
		}
		for _, p := range c.schema.Purposes {
			if !r.Purposes().Has(p) || p.IsSelfService() || !t.Purposes.Empty() && !t.Purposes.Has(p) || !f.Purposes.Empty() && !f.Purposes.Has(p) {
				continue
			}
			switch {
			case p.ByConsent() && p.Otherwise == ir.OtherwiseMask:
				return fmt.Sprintf("%s sees it for %s without the subject's consent", r.Name, p.Name)
			case masking(f.Consents) != nil:
				return fmt.Sprintf("%s sees it without consent to %s", r.Name, masking(f.Consents).To.Name)
			case masking(t.Consents) != nil:
				return fmt.Sprintf("%s sees it without consent to %s", r.Name, masking(t.Consents).To.Name)
			case !cleared(r, p, f.Pii):
				return fmt.Sprintf("%s sees it for %s without clearance for %s", r.Name, p.Name, f.Pii.Category)
			}
		}
	}
	return ""
}

// nulls reports whether a field is null without consent.
func nulls(o ir.Otherwise) bool { return o == ir.OtherwiseNull || o == ir.OtherwiseDeny }

// masking is the first consent without which a mask is shown.
func masking(consents []ir.Consent) *ir.Consent {
	for i := range consents {
		if consents[i].Otherwise == ir.OtherwiseMask {
			return &consents[i]
		}
	}
	return nil
}

func cleared(r *ir.Role, p *ir.Purpose, pii *ir.Pii) bool {
	for _, cl := range r.Clearances {
		if cl.Covers(p, pii.Category, pii.Sensitivity) {
			return true
		}
	}
	return false
}
