package policy

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// State is a subject's privacy_state: one bit per purpose, and a few for the whole person. It travels with the
// subject's row, so that a read sees the data and the person's wishes in one snapshot.
//
// The bit of a purpose by consent means "consented"; of a purpose open to objection (Art. 21) it means "objected". The
// zero State has consented to nothing.
type State int64

// Bits of the whole person. Bits 0 to 55 belong to purposes.
const (
	never      State = 1 << 59 // set in nobody's state
	Restricted State = 1 << 60 // Art. 18: processing is limited to what the subject or the law asks for
	Erasing    State = 1 << 61 // erasure has begun: nobody reads any more
	Held       State = 1 << 62 // a legal hold: nothing is disposed of
)

// Purposes are the bits of purposes, whether a schema has them or not.
const Purposes State = 1<<56 - 1

// PurposeBit is the purpose's bit in a State. A purpose that has none, though something depends on it, has one that is never
// set: then nobody consented to it.
func PurposeBit(p *ir.Purpose) State {
	if p.Bit == ir.NoBit {
		return never
	}
	return 1 << p.Bit
}

// Consented reports whether every bit of need is set.
func (s State) Consented(need State) bool { return s&need == need }

// Combine is the state of a record with several owners: all must have consented, one restriction or objection suffices.
func Combine(consents State, states ...State) State {
	if len(states) == 0 {
		return 0
	}
	and, or := State(-1), State(0)
	for _, s := range states {
		and &= s
		or |= s
	}
	return and&consents | or&^consents
}

// ConsentBits is the set of bits that mean "consented" in the schema.
func ConsentBits(s *ir.Schema) State {
	var bits State
	for _, p := range s.Purposes {
		if p.ByConsent() {
			bits |= PurposeBit(p)
		}
	}
	return bits
}
