package policy

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Contact is the decision about contacting people of a type by a channel. It is the same whoever asks and why: what people
// agreed to does not depend on the reader. The zero Contact allows none.
type Contact struct {
	Allowed bool // false: nobody of the type is reached
	// Needed are consent bits that must be set in every owner, and Forbidden bits that must be clear.
	Needed    State
	Forbidden State
	// Retains are the periods none of which may be over.
	Retains []*ir.Retain
	// Address is the field that must have a value; nil: none.
	Address *ir.Field
}

// ContactOf decides whether people of t may be contacted by a channel: with consent to its purpose, or without objection to it
// (Art. 21(2)), and never against a restriction (Art. 18), under a legal hold or during erasure. What the address may be used for
// at all is asked too.
func ContactOf(t *ir.Type, ch *ir.Channel) Contact {
	address, ok := ch.Address(t)
	if !ok || !t.Subject {
		return Contact{}
	}
	c := Contact{Allowed: true, Address: address, Forbidden: Erasing, Retains: t.Retains}
	if ch.For.ByConsent() {
		c.Needed |= PurposeBit(ch.For)
	}
	if ch.For.Objectable() {
		c.Forbidden |= PurposeBit(ch.For)
	}
	if !ch.For.SurvivesRestriction() {
		c.Forbidden |= Restricted | Held
	}
	gates := t.Consents
	if address != nil {
		gates = append(gates[:len(gates):len(gates)], address.Consents...)
		c.Retains = append(c.Retains[:len(c.Retains):len(c.Retains)], address.Retains...)
	}
	for _, g := range gates {
		c.Needed |= PurposeBit(g.To)
	}
	return c
}
