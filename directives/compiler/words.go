package compiler

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// maxBit is the last bit of a subject's privacy state a purpose may have; those above it are the state's own.
const maxBit = 55

// maxMembers bounds purposes and roles: sets of them are one machine word.
const maxMembers = 64

// readWords reads the user's enums, Purpose and Role before all.
func (c *compiler) readWords() {
	c.enums = map[string]*ir.Enum{}
	for _, d := range c.order {
		if d.Kind != ast.Enum {
			continue
		}
		e := &ir.Enum{Name: d.Name, Desc: d.Description, Pos: c.pos(d.Position)}
		for _, v := range d.EnumValues {
			e.Values = append(e.Values, ir.EnumValue{Name: v.Name, Desc: v.Description, Deprecated: printDeprecated(v.Directives), Pos: c.pos(v.Position)})
			c.annotation(d, v, "lawful", "Purpose")
			c.annotation(d, v, "clearance", "Role")
			c.annotation(d, v, "recipient", "Purpose")
		}
		c.enums[d.Name] = e
		c.schema.Enums = append(c.schema.Enums, e)
	}
	c.readPurposes()
	c.readRoles()
	c.channels()
	for _, d := range c.order {
		if isEntity(d) {
			c.required(d, "Purpose", "enum Purpose { SUPPORT @lawful(basis: CONTRACT, bit: 0, notice: \"We answer your questions.\") }")
			c.required(d, "Role", "enum Role { AGENT @clearance(categories: [CONTACT], purposes: [SUPPORT]) }")
			break // once, at the first entity
		}
	}
}

// channels reads how people are contacted by the values of enums.
func (c *compiler) channels() {
	for _, e := range c.schema.Enums {
		for i, v := range c.defs[e.Name].EnumValues {
			d := c.directive(v.Directives, "channel")
			if d == nil {
				continue
			}
			if p := c.purposes[text(d, "for")]; p != nil { // others are reported as unknown values
				e.Values[i].Channel = &ir.Channel{For: p, By: text(d, "by")}
			}
		}
	}
}

func (c *compiler) required(d *ast.Definition, enum, example string) {
	if have := c.defs[enum]; have != nil && have.Kind != ast.Enum {
		c.report(ruleWords, c.at(have.Position), fmt.Sprintf("%s is %s where an enum is needed", enum, article(keyword(have.Kind))), "declare it as "+example)
	} else if have == nil {
		c.report(ruleWords, c.at(d.Position), fmt.Sprintf("%s is stored, but there is no enum %s", d.Name, enum), "declare one: "+example)
	}
}

func (c *compiler) annotation(d *ast.Definition, v *ast.EnumValueDefinition, directive, enum string) {
	if d.Name != enum && mentioned(v.Directives, directive) {
		c.report(ruleApplies, c.at(v.Directives.ForName(directive).Position), fmt.Sprintf("@%s says nothing about %s.%s", directive, d.Name, v.Name), fmt.Sprintf("it belongs on the values of enum %s", enum))
	}
}

func (c *compiler) readPurposes() {
	c.purposes = map[string]*ir.Purpose{}
	d := c.defs["Purpose"]
	if d == nil || d.Kind != ast.Enum {
		return
	}
	bits := map[int]string{}
	for _, v := range d.EnumValues {
		if len(c.schema.Purposes) == maxMembers {
			c.report(ruleTooMany, c.at(v.Position), fmt.Sprintf("there are more than %d purposes", maxMembers), "merge purposes that people would not tell apart")
			return
		}
		p := &ir.Purpose{Name: v.Name, Bit: ir.NoBit, Desc: v.Description, Index: len(c.schema.Purposes), Pos: c.pos(v.Position)}
		c.purposes[v.Name] = p
		c.schema.Purposes = append(c.schema.Purposes, p)
		p.Recipients = c.recipients(v.Directives)
		lawful := c.directive(v.Directives, "lawful")
		if lawful == nil {
			if !mentioned(v.Directives, "lawful") {
				c.report(ruleUnlawful, c.at(v.Position), fmt.Sprintf("purpose %s has no lawful basis", v.Name), "add @lawful(basis: …, notice: \"…\")")
			}
			continue
		}
		p.Basis = ir.Basis(ordinal("LawfulBasis", text(lawful, "basis")))
		p.Notice, p.OptOut = text(lawful, "notice"), list(lawful, "optOut")
		p.Otherwise, p.DirectMarketing = otherwise(lawful), text(lawful, "directMarketing") == "true"
		c.basis(p, lawful)
		if strings.TrimSpace(p.Notice) == "" {
			c.report(ruleArgumentValue, c.valueAt(lawful, "notice"), fmt.Sprintf("the notice of purpose %s is empty", v.Name), "tell people in plain words what you do, for example \"We answer your questions.\"")
		}
		if argument(lawful, "bit") == nil {
			if p.Stated() {
				c.report(ruleNoBit, c.at(lawful.Position), fmt.Sprintf("purpose %s has no bit, and people consent or object to it", v.Name), fmt.Sprintf("add a bit no purpose has had, for example bit: %d", free(bits)))
			}
			continue
		}
		p.Bit = number(lawful, "bit")
		switch other, taken := bits[p.Bit]; {
		case p.Bit < 0 || p.Bit > maxBit:
			c.report(ruleBitRange, c.valueAt(lawful, "bit"), fmt.Sprintf("bit %d of purpose %s is outside 0 to %d", p.Bit, v.Name, maxBit), fmt.Sprintf("take a bit no purpose has had, for example %d", free(bits)))
		case taken:
			c.report(ruleBitTwice, c.valueAt(lawful, "bit"), fmt.Sprintf("purposes %s and %s have the same bit %d", other, v.Name, p.Bit), "take a bit no purpose has had")
		default:
			bits[p.Bit] = v.Name
		}
	}
}

// basis reports what the purpose's lawful basis leaves no room for.
func (c *compiler) basis(p *ir.Purpose, lawful *ast.Directive) {
	if p.Otherwise != ir.OtherwiseMask && !p.ByConsent() {
		c.report(ruleApplies, c.valueAt(lawful, "otherwise"), fmt.Sprintf("nobody is asked to consent to %s, so there is nothing to do otherwise", p.Name), "remove otherwise, or use the basis CONSENT")
	}
	if p.DirectMarketing && !p.ByConsent() && p.Basis != ir.BasisLegitimateInterests {
		c.report(ruleApplies, c.valueAt(lawful, "directMarketing"), fmt.Sprintf("%s is direct marketing, which neither a contract nor the law asks for", p.Name), "use the basis CONSENT or LEGITIMATE_INTERESTS, or remove directMarketing")
	}
	if len(p.OptOut) > 0 && !p.Stated() {
		c.report(ruleApplies, c.valueAt(lawful, "optOut"), fmt.Sprintf("nobody can opt out of %s, so no signal can do it for them", p.Name), "remove optOut, or use the basis CONSENT or LEGITIMATE_INTERESTS")
	}
}

func free(bits map[int]string) int {
	for i := range maxBit {
		if bits[i] == "" {
			return i
		}
	}
	return maxBit
}

func (c *compiler) readRoles() {
	c.roles = map[string]*ir.Role{}
	d := c.defs["Role"]
	if d == nil || d.Kind != ast.Enum {
		return
	}
	for _, v := range d.EnumValues {
		if len(c.schema.Roles) == maxMembers {
			c.report(ruleTooMany, c.at(v.Position), fmt.Sprintf("there are more than %d roles", maxMembers), "merge roles with equal clearances; use attributes in `when` to tell people apart")
			return
		}
		r := &ir.Role{Name: v.Name, Desc: v.Description, Index: len(c.schema.Roles), Pos: c.pos(v.Position)}
		c.roles[v.Name] = r
		c.schema.Roles = append(c.schema.Roles, r)
		for _, cl := range c.directives(v.Directives, "clearance") {
			r.Clearances = append(r.Clearances, ir.Clearance{
				Categories: list(cl, "categories"),
				UpTo:       ir.Sensitivity(ordinal("Sensitivity", text(cl, "upTo"))),
				Purposes:   c.purposeSet(list(cl, "purposes")),
				Pos:        c.pos(cl.Position),
			})
		}
	}
}

func (c *compiler) purposeSet(names []string) ir.PurposeSet {
	var s ir.PurposeSet
	for _, name := range names {
		if p := c.purposes[name]; p != nil {
			s = s.With(p)
		}
	}
	return s
}

func (c *compiler) roleSet(names []string) ir.RoleSet {
	var s ir.RoleSet
	for _, name := range names {
		if r := c.roles[name]; r != nil {
			s = s.With(r)
		}
	}
	return s
}
