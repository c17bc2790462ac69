package policy

import (
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// clockSkew is how far ahead of ours the clock may be of whoever says when somebody signed in. Further in the future is no
// time at all.
const clockSkew = time.Minute

// Assured adds what the principal's session has proved, at the time of the request. Without it a request meets no step-up.
//
// Requests share plans, so only differences that the schema asks about are kept: the highest level, and the shortest
// duration, that some @access names and the session meets.
func (r Request) Assured(p Principal, now time.Time) Request {
	r.StepUp = ir.StepUp{}
	age := max(0, now.Sub(p.AuthenticatedAt))
	known := !p.AuthenticatedAt.IsZero() && !p.AuthenticatedAt.After(now.Add(clockSkew))
	for _, s := range r.Schema.StepUps {
		if s.AAL <= p.AAL {
			r.StepUp.AAL = max(r.StepUp.AAL, s.AAL)
		}
		if s.FreshWithin != 0 && known && age <= time.Duration(s.FreshWithin) && (r.StepUp.FreshWithin == 0 || s.FreshWithin < r.StepUp.FreshWithin) {
			r.StepUp.FreshWithin = s.FreshWithin
		}
	}
	return r
}

// Raised is the request as it would be with every step-up made.
func (r Request) Raised() Request {
	for _, s := range r.Schema.StepUps {
		r.StepUp.AAL = max(r.StepUp.AAL, s.AAL)
		if s.FreshWithin != 0 && (r.StepUp.FreshWithin == 0 || s.FreshWithin < r.StepUp.FreshWithin) {
			r.StepUp.FreshWithin = s.FreshWithin
		}
	}
	return r
}

// pending is the least step-up with which rules would grant op, or grant more of it, to the role; zero when none would. A
// rule that holds for every row already leaves nothing to gain.
func pending(rules []*ir.Access, op ir.Op, r Request) ir.StepUp {
	var least ir.StepUp
	for _, a := range rules {
		switch {
		case !a.To.Has(op) || !a.Roles.Has(r.Role):
		case r.StepUp.Meets(a.StepUp):
			if a.When == nil {
				return ir.StepUp{}
			}
		case least.IsZero(), a.StepUp.AAL < least.AAL, a.StepUp.AAL == least.AAL && easier(a.StepUp.FreshWithin, least.FreshWithin):
			least = a.StepUp
		}
	}
	return least
}

// easier reports whether a bound on age is less of one.
func easier(a, b ir.Duration) bool { return b != 0 && (a == 0 || a > b) }

// stepUp explains what a session lacks.
func stepUp(need ir.StepUp, what string) Explanation {
	return Explanation{Withhold, "@access", ReasonStepUp,
		what + " needs " + need.String() + ".",
		"Sign in once more as asked for, then ask again."}
}
