package policy

import (
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Rows is the decision about which rows of a type exist for a request. The zero Rows has none.
type Rows struct {
	Type    *ir.Type
	Allowed bool // false: no row exists; Why says so
	Why     Explanation
	// Grants are the rules of which one must hold; empty when one holds unconditionally.
	Grants []*ir.Condition
	// Retains are the periods none of which may be over.
	Retains []*ir.Retain
	// Forbidden are state bits that must be clear in every owner.
	Forbidden State
	// Needed are consent bits that must be set in every owner, and there must be one.
	Needed State
	// OwnOnly limits the rows to the viewer's own subject.
	OwnOnly bool
	// StepUp is what the session would have to prove for rows, or more rows, to exist; zero when that would change nothing.
	StepUp ir.StepUp
}

// RowsOf decides which rows of t exist for op. Steps 2 and 4 of a decision, the type's @purpose, and consents without which rows
// are hidden.
func RowsOf(t *ir.Type, op ir.Op, r Request) Rows {
	rows := Rows{Type: t, Retains: t.Retains, OwnOnly: r.LimitedToSubject()}
	grants, granted := grantsFor(t.Access, op, r)
	if t.Purposes.Empty() || t.Purposes.Has(r.Purpose) {
		rows.StepUp = pending(t.Access, op, r)
	}
	switch {
	case granted:
	case !rows.StepUp.IsZero():
		rows.Why = stepUp(rows.StepUp, "To "+verb(op)+" "+t.Name)
		return rows
	default:
		rows.Why = Explanation{Withhold, "@access", ReasonTypeAccess,
			"role " + r.Role.Name + " may not " + verb(op) + " " + t.Name + ".",
			"Ask with a role that " + t.Name + " names in @access(to: [" + op.String() + "])."}
		return rows
	}
	if !t.Purposes.Empty() && !t.Purposes.Has(r.Purpose) {
		rows.Why = Explanation{Withhold, "@purpose", ReasonTypePurpose,
			t.Name + " is not processed for " + r.Purpose.Name + ".",
			"Ask for one of the purposes that " + t.Name + " names in @purpose."}
		return rows
	}
	rows.Allowed = true
	rows.Grants = grants
	if t.Personal() {
		rows.Forbidden = Erasing
		if op == ir.Delete {
			rows.Forbidden |= Held // Art. 17(3)(e): what legal claims need is not erased
		}
		if !r.Purpose.SurvivesRestriction() {
			rows.Forbidden |= Restricted
		}
		if r.Purpose.Objectable() {
			rows.Forbidden |= PurposeBit(r.Purpose)
		}
	}
	for _, p := range hides(t, r) {
		rows.Needed |= PurposeBit(p)
	}
	return rows
}

// hides are the purposes without consent to which rows of t do not exist for a request. Where nobody could consent, nobody did.
func hides(t *ir.Type, r Request) (to []*ir.Purpose) {
	if r.SelfService() {
		return nil
	}
	if p := r.Purpose; p.ByConsent() && p.Otherwise == ir.OtherwiseHideRow && t.Personal() {
		to = append(to, p)
	}
	for _, c := range t.Consents {
		if c.Otherwise == ir.OtherwiseHideRow && !slices.Contains(to, c.To) {
			to = append(to, c.To)
		}
	}
	return to
}

// WithoutRow explains the rows that are hidden for want of consent; zero when there are none.
func (rows Rows) WithoutRow(r Request) Explanation {
	var names []string
	to := hides(rows.Type, r)
	for _, p := range to {
		names = append(names, p.Name)
	}
	if !rows.Allowed || names == nil {
		return Explanation{}
	}
	rule, reason := "@consent", ReasonConsent
	if to[0] == r.Purpose {
		rule, reason = "@lawful", ReasonPurposeConsent
	}
	all := strings.Join(names, " and ")
	return Explanation{Withhold, rule, reason,
		rows.Type.Name + " exists with consent to " + all + " only.",
		"Ask the person for consent to " + all + "."}
}

// grantsFor returns the conditions of which one must hold for the role, and whether there is any grant at all. An
// unconditional grant makes the conditions moot: none are returned. A rule whose step-up the session has not made grants
// nothing.
func grantsFor(rules []*ir.Access, op ir.Op, r Request) (conditions []*ir.Condition, granted bool) {
	for _, a := range rules {
		if !a.To.Has(op) || !a.Roles.Has(r.Role) || !r.StepUp.Meets(a.StepUp) {
			continue
		}
		granted = true
		if a.When == nil {
			return nil, true
		}
		conditions = append(conditions, a.When)
	}
	return conditions, granted
}

func verb(op ir.Op) string {
	switch op {
	case ir.Create:
		return "create"
	case ir.Update:
		return "change"
	case ir.Delete:
		return "delete"
	case ir.ConsentOp:
		return "record consent for"
	default:
		return "read"
	}
}
