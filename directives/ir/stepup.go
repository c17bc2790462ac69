package ir

import "fmt"

// StepUp is what a session must have proved beyond being signed in. The zero StepUp asks for nothing.
type StepUp struct {
	// AAL is the least authenticator assurance level (NIST SP 800-63B): 1 for one factor, 2 for two.
	AAL int
	// FreshWithin bounds the time since the person last proved who they are; 0 is no bound.
	FreshWithin Duration
}

// MaxAAL is the highest level a schema can ask for: what Ory Kratos tells apart.
const MaxAAL = 2

// IsZero reports whether nothing is asked for.
func (s StepUp) IsZero() bool { return s == StepUp{} }

// Meets reports whether a session that meets s meets o as well.
func (s StepUp) Meets(o StepUp) bool {
	return s.AAL >= o.AAL && (o.FreshWithin == 0 || s.FreshWithin != 0 && s.FreshWithin <= o.FreshWithin)
}

// String says it in words: "two factors, proved within PT15M".
func (s StepUp) String() string {
	factors := [...]string{"", "one factor", "two factors"}
	within := fmt.Sprintf("within %s", s.FreshWithin)
	switch {
	case s.IsZero():
		return "nothing"
	case s.AAL == 0:
		return "a sign-in " + within
	case s.FreshWithin == 0:
		return "a sign-in with " + factors[min(s.AAL, MaxAAL)]
	}
	return "a sign-in with " + factors[min(s.AAL, MaxAAL)] + " " + within
}
