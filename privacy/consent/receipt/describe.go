package receipt

import (
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// purposeOf says what is processed for a purpose. Of a line from another time it gives the name alone.
func purposeOf(s *ir.Schema, r Record) Purpose {
	p := Purpose{Name: r.Purpose.Name}
	if !r.AsNow {
		return p
	}
	p.Description, p.LawfulBasis, p.Jurisdiction = r.Purpose.Desc, r.Purpose.Basis.String(), "EU"
	p.Data, p.Retention = data(s, r.Purpose), retention(s, r.Purpose)
	p.Rights, p.Withdrawal = rights(r.Purpose), withdrawal(r.Purpose)
	for _, to := range r.Purpose.Recipients {
		p.Recipients = append(p.Recipients, Party{Role: to.As, Name: to.Name, Country: to.Country})
	}
	if c := s.Controller; c != nil {
		p.Controllers = []string{controllerID}
		if c.Country != "" {
			p.Jurisdiction = c.Country
		}
	}
	return p
}

// serves reports whether a field is processed for a purpose: it may be, or it is kept because of that consent.
func serves(f *ir.Field, p *ir.Purpose) bool {
	if f.Pii == nil {
		return false
	}
	asks := func(c ir.Consent) bool { return c.To == p }
	if slices.ContainsFunc(f.Consents, asks) || slices.ContainsFunc(f.Owner.Consents, asks) {
		return true
	}
	return (f.Owner.Purposes.Empty() || f.Owner.Purposes.Has(p)) && (f.Purposes.Empty() || f.Purposes.Has(p))
}

// data are the kinds of personal data that are processed for a purpose, by name.
func data(s *ir.Schema, p *ir.Purpose) []Data {
	var out []Data
	for _, t := range s.Entities() {
		for _, f := range t.Fields {
			if !serves(f, p) {
				continue
			}
			at := slices.IndexFunc(out, func(d Data) bool { return d.Category == f.Pii.Category })
			if at < 0 {
				at, out = len(out), append(out, Data{Category: f.Pii.Category})
			}
			out[at].Sensitive = out[at].Sensitive || f.Pii.Sensitivity >= ir.High
			out[at].Special = out[at].Special || f.Pii.Sensitivity >= ir.Special
		}
	}
	slices.SortFunc(out, func(a, b Data) int { return strings.Compare(a.Category, b.Category) })
	return out
}

// retention is how long what is processed for a purpose is kept, in the order of the schema.
func retention(s *ir.Schema, p *ir.Purpose) []Retention {
	var out []Retention
	add := func(of string, rules []*ir.Retain) {
		for _, r := range rules {
			out = append(out, Retention{Of: of, Period: r.For.String(), From: r.After.Name, Then: r.Then})
		}
	}
	for _, t := range s.Entities() {
		if !slices.ContainsFunc(t.Fields, func(f *ir.Field) bool { return serves(f, p) }) {
			continue
		}
		add(t.Name, t.Retains)
		for _, f := range t.Fields {
			if serves(f, p) {
				add(f.Coordinate(), f.Retains)
			}
		}
	}
	return out
}

// rights are what the person may ask for, by the lawful basis (GDPR Art. 13(2)(b)–(d)).
func rights(p *ir.Purpose) []string {
	out := []string{"access (Art. 15)", "rectification (Art. 16)", "erasure (Art. 17)", "restriction (Art. 18)"}
	if p.ByConsent() || p.Basis == ir.BasisContract {
		out = append(out, "portability (Art. 20)")
	}
	if p.Objectable() {
		out = append(out, "objection (Art. 21)")
	}
	if p.ByConsent() {
		out = append(out, "withdrawal of consent (Art. 7(3))")
	}
	return append(out, "complaint to a supervisory authority (Art. 77)")
}

// withdrawal is how the person changes their mind.
func withdrawal(p *ir.Purpose) string {
	switch {
	case p.ByConsent():
		return "at any time, where consent was given, or by telling the controller"
	case p.Objectable():
		return "by objecting, where the decision was made, or by telling the controller"
	}
	return ""
}
