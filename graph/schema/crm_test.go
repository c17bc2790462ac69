package schema_test

import (
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// crm is the schema of this directory while it is the CRM; another domain's schema has stories of its own.
func crm(t *testing.T) *ir.Schema {
	t.Helper()
	s := compiled(t)
	if s.Type("Contact") == nil || s.Type("CampaignMember") == nil {
		t.Skip("this is not the CRM's schema")
	}
	return s
}

// A purpose's bit is stored in every person's state: moving one would turn a consent into another.
func TestPurposeBitsArePermanent(t *testing.T) {
	s := crm(t)
	for name, bit := range map[string]int{"SALES": 0, "SUPPORT": 1, "BILLING": 2, "MARKETING": 3, "PROFILING": 4,
		"ANALYTICS": 5, "SECURITY": 6, "PRIVACY_REQUEST": 7, "SELF_SERVICE": 8, "ACCESSIBILITY": 9, "CALLS": 10} {
		if p := s.Purpose(name); p == nil || p.Bit != bit {
			t.Errorf("purpose %s must keep bit %d: %+v", name, bit, p)
		}
	}
}

// cell is what a role sees of a field: without any consent, and with every consent.
func cell(t *testing.T, s *ir.Schema, typ, field, role, purpose string) (without, with policy.Outcome) {
	t.Helper()
	f := s.Type(typ).Field(field)
	if f == nil {
		t.Fatalf("there is no %s.%s", typ, field)
	}
	r := policy.Request{Schema: s, Role: s.Role(role), Purpose: s.Purpose(purpose)}
	rows := policy.RowsOf(f.Owner, ir.Read, r)
	if !r.Role.Purposes().Has(r.Purpose) || !rows.Allowed {
		return policy.Withhold, policy.Withhold
	}
	c := policy.CellOf(f, r)
	without, with = c.Decide(0), c.Decide(policy.ConsentBits(s))
	if rows.Needed != 0 {
		without = policy.Withhold
	}
	return without, with
}

// One question, and an answer for each who asks.
func TestWhoSeesWhatOfAContact(t *testing.T) {
	const W, M, R = policy.Withhold, policy.Mask, policy.Reveal
	type seen struct{ without, with policy.Outcome }
	always := func(o policy.Outcome) seen { return seen{o, o} }
	cases := []struct {
		role, purpose string
		fields        map[string]seen
	}{
		{"SALES_REP", "SALES", map[string]seen{"fullName": always(R), "email": always(R), "phone": always(R), "notes": always(R),
			"birthday": always(W), "accessibilityNeeds": always(W), "leadScore": {W, R}}},
		{"SUPPORT_AGENT", "SUPPORT", map[string]seen{"fullName": always(R), "email": always(R), "phone": always(R), "notes": always(M),
			"birthday": always(M), "accessibilityNeeds": {W, R}, "leadScore": always(W), "street": always(M)}},
		{"MARKETER", "MARKETING", map[string]seen{"fullName": {M, R}, "email": {M, R}, "phone": {M, R}, "notes": always(W),
			"birthday": always(M), "accessibilityNeeds": always(W), "leadScore": always(W), "country": {M, R}}},
		{"MARKETER", "PROFILING", map[string]seen{"fullName": always(W), "email": always(W), "leadScore": {W, R}, "country": {M, R}}},
		{"ANALYST", "ANALYTICS", map[string]seen{"fullName": always(W), "email": always(W), "phone": always(W), "notes": always(W),
			"birthday": always(M), "externalId": always(M), "country": always(R), "lifecycleStage": always(R)}},
		{"SALES_MANAGER", "BILLING", map[string]seen{"fullName": always(R), "street": always(R), "notes": always(W), "birthday": always(W)}},
		{"PRIVACY_OFFICER", "PRIVACY_REQUEST", map[string]seen{"fullName": always(R), "notes": always(R), "birthday": always(R), "accessibilityNeeds": {W, R}}},
		{"CUSTOMER", "SELF_SERVICE", map[string]seen{"fullName": always(R), "notes": always(R), "birthday": always(R), "accessibilityNeeds": always(R), "leadScore": always(R)}},
		{"ADMIN", "SECURITY", map[string]seen{"id": always(W), "fullName": always(W), "country": always(W)}},
	}
	s := crm(t)
	for _, c := range cases {
		for field, want := range c.fields {
			if without, with := cell(t, s, "Contact", field, c.role, c.purpose); (seen{without, with}) != want {
				t.Errorf("%s for %s sees %s: %v without consent and %v with, want %v and %v", c.role, c.purpose, field, without, with, want.without, want.with)
			}
		}
	}
}

// each visits every personal field with every role and purpose.
func each(s *ir.Schema, visit func(f *ir.Field, role *ir.Role, purpose *ir.Purpose)) {
	for _, typ := range s.Entities() {
		for _, f := range typ.Fields {
			for _, role := range s.Roles {
				for _, purpose := range s.Purposes {
					if f.Pii != nil {
						visit(f, role, purpose)
					}
				}
			}
		}
	}
}

// Without consent, purposes that rest on consent reveal no personal cell of anybody (GDPR Art. 6(1)(a)).
func TestNothingIsRevealedWithoutConsent(t *testing.T) {
	s := crm(t)
	each(s, func(f *ir.Field, role *ir.Role, p *ir.Purpose) {
		if !p.ByConsent() {
			return
		}
		if without, _ := cell(t, s, f.Owner.Name, f.Name, role.Name, p.Name); without == policy.Reveal {
			t.Errorf("%s sees %s for %s without consent", role.Name, f.Coordinate(), p.Name)
		}
	})
}

// Roles that need no names get none, under no purpose.
func TestLeastPrivilege(t *testing.T) {
	s := crm(t)
	direct := map[string]bool{"IDENTITY": true, "CONTACT": true, "COMMUNICATION": true, "HEALTH": true, "FINANCIAL": true}
	each(s, func(f *ir.Field, role *ir.Role, p *ir.Purpose) {
		_, with := cell(t, s, f.Owner.Name, f.Name, role.Name, p.Name)
		if with != policy.Reveal {
			return
		}
		switch {
		case role.Name == "ANALYST" && direct[f.Pii.Category]:
			t.Errorf("ANALYST sees %s, which is %s", f.Coordinate(), f.Pii.Category)
		case role.Name == "ADMIN" && f.Owner.Name != "User":
			t.Errorf("ADMIN sees %s", f.Coordinate())
		case f.Pii.Sensitivity == ir.Special && role.Name != "SUPPORT_AGENT" && role.Name != "PRIVACY_OFFICER" && role.Name != "CUSTOMER":
			t.Errorf("%s sees %s, which is a special category", role.Name, f.Coordinate())
		}
	})
}

// People see everything about them that has an owner path to them (GDPR Art. 15): no field is kept from them.
func TestPeopleSeeTheirOwnData(t *testing.T) {
	s := crm(t)
	each(s, func(f *ir.Field, role *ir.Role, p *ir.Purpose) {
		if !p.IsSelfService() || role.Name != "CUSTOMER" {
			return
		}
		r := policy.Request{Schema: s, Role: role, Purpose: p, Subject: true}
		rows, c := policy.RowsOf(f.Owner, ir.Read, r), policy.CellOf(f, r)
		if !rows.Allowed || !rows.OwnOnly || c.Decide(0) != policy.Reveal {
			t.Errorf("%s is kept from the person it is about: %s%s", f.Coordinate(), rows.Why.Text, c.Why.Text)
		}
	})
}

// What decides about somebody is not theirs to change, even in their own record.
func TestPeopleDoNotWriteOurJudgements(t *testing.T) {
	s := crm(t)
	r := policy.Request{Schema: s, Role: s.Role("CUSTOMER"), Purpose: s.Purpose(ir.SelfService), Subject: true}
	for _, typ := range s.Entities() {
		if !policy.RowsOf(typ, ir.Update, r).Allowed {
			continue
		}
		for _, f := range typ.Fields {
			if f.Kind != ir.Column && f.Kind != ir.ToOne || f.Immutable {
				continue
			}
			_, _, _, may := policy.MayWrite(f, ir.Update, r)
			theirs := f.Pii != nil && f.Pii.Source == "SUBJECT" && f.Name != "subscribedAt"
			if may != theirs {
				t.Errorf("CUSTOMER may write %s: %v, want %v", f.Coordinate(), may, theirs)
			}
		}
	}
}

// Every personal row has an end, and the reason for it is told to people.
func TestNothingIsKeptForEver(t *testing.T) {
	for _, typ := range crm(t).Entities() {
		if typ.Personal() && len(typ.Retains) == 0 {
			t.Errorf("%s: %s has no period", typ.Pos, typ.Name)
		}
	}
}
