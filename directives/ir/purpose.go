package ir

// SelfService is the reserved purpose under which a data subject reaches their own data.
const SelfService = "SELF_SERVICE"

// Basis is a lawful basis of GDPR Art. 6(1).
type Basis uint8

const (
	BasisConsent Basis = iota
	BasisContract
	BasisLegalObligation
	BasisVitalInterests
	BasisPublicTask
	BasisLegitimateInterests
)

// String is the basis as the vocabulary spells it.
func (b Basis) String() string {
	return [...]string{"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}[b]
}

// Purpose is a value of the user's Purpose enum.
type Purpose struct {
	Name   string
	Desc   string
	Index  int // in Schema.Purposes
	Basis  Basis
	Bit    int // permanent position in privacy_state, 0–55; NoBit of a purpose that has no state
	Notice string
	OptOut []string
	// Recipients are those outside who receive the data, in source order.
	Recipients []*Recipient
	// Otherwise is what operations of a purpose by consent see of a person without it.
	Otherwise Otherwise
	// DirectMarketing makes an objection absolute (Art. 21(2) and (3)).
	DirectMarketing bool
	Pos             Pos
}

// NoBit is the Bit of a purpose without one.
const NoBit = -1

// Stated reports whether people say something about the purpose that their privacy state keeps.
func (p *Purpose) Stated() bool { return p.ByConsent() || p.Objectable() }

// ByConsent reports whether the purpose needs the subject's consent (Art. 6(1)(a)).
func (p *Purpose) ByConsent() bool { return p.Basis == BasisConsent }

// Objectable reports whether the subject may object to the purpose (Art. 21(1)).
func (p *Purpose) Objectable() bool {
	return p.Basis == BasisPublicTask || p.Basis == BasisLegitimateInterests
}

// IsSelfService reports whether the purpose is the reserved SELF_SERVICE.
func (p *Purpose) IsSelfService() bool { return p.Name == SelfService }

// SurvivesRestriction reports whether processing for the purpose may go on while the subject's data is restricted
// (Art. 18(2): legal claims, protection of a person; the subject's own requests).
func (p *Purpose) SurvivesRestriction() bool {
	return p.Basis == BasisLegalObligation || p.Basis == BasisVitalInterests || p.IsSelfService()
}

// Role is a value of the user's Role enum.
type Role struct {
	Name       string
	Desc       string
	Index      int // in Schema.Roles
	Clearances []Clearance
	Pos        Pos
}

// Purposes is every purpose the role may work for.
func (r *Role) Purposes() PurposeSet {
	var s PurposeSet
	for _, c := range r.Clearances {
		s |= c.Purposes
	}
	return s
}

// Clearance is one @clearance of a role.
type Clearance struct {
	Categories []string
	UpTo       Sensitivity
	Purposes   PurposeSet
	Pos        Pos
}

// Covers reports whether the clearance unmasks category up to sensitivity for the purpose.
func (c Clearance) Covers(p *Purpose, category string, s Sensitivity) bool {
	if !c.Purposes.Has(p) || s > c.UpTo {
		return false
	}
	for _, have := range c.Categories {
		if have == category {
			return true
		}
	}
	return false
}

// PurposeSet is a set of purposes by Index. A schema has at most 64.
type PurposeSet uint64

// Has reports membership.
func (s PurposeSet) Has(p *Purpose) bool { return s&(1<<p.Index) != 0 }

// With returns the set with p added.
func (s PurposeSet) With(p *Purpose) PurposeSet { return s | 1<<p.Index }

// Empty reports whether the set is empty.
func (s PurposeSet) Empty() bool { return s == 0 }

// RoleSet is a set of roles by Index. A schema has at most 64.
type RoleSet uint64

// Has reports membership.
func (s RoleSet) Has(r *Role) bool { return s&(1<<r.Index) != 0 }

// With returns the set with r added.
func (s RoleSet) With(r *Role) RoleSet { return s | 1<<r.Index }
