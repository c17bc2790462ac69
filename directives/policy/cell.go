package policy

import (
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Cell is the decision about one field for one request, as far as it can be made before the row is known. What depends
// on the row is a bit test on the owners' State, and conditions SQL decides. The zero Cell withholds.
type Cell struct {
	Field *ir.Field
	// Outcome is the best the cell can get: when every gate is open.
	Outcome Outcome
	Why     Explanation
	// NeedsToAsk are consent bits without which the cell is denied, NeedsToShow those without which it is withheld, and
	// NeedsToReveal those without which it is masked.
	NeedsToAsk    State
	NeedsToShow   State
	NeedsToReveal State
	gated         [Outcomes - 1]Explanation // the first gate of each outcome
	// Conditions is a conjunction of disjunctions: of each element one must hold, or the cell is withheld.
	Conditions [][]*ir.Condition
	// Retains are field-level periods none of which may be over.
	Retains []*ir.Retain
	// Mask is what a masked cell shows.
	Mask ir.Mask
	// StepUp is what the session would have to prove for the cell, or the cell in more rows, to be shown; zero when that
	// would change nothing.
	StepUp ir.StepUp
}

// Decide settles the cell for a row whose owners' combined state is s.
func (c *Cell) Decide(s State) Outcome {
	switch {
	case !s.Consented(c.NeedsToAsk):
		return Deny
	case !s.Consented(c.NeedsToShow):
		return Withhold
	case c.Outcome == Reveal && !s.Consented(c.NeedsToReveal):
		return Mask
	}
	return c.Outcome
}

// Needs are all the consents without which the cell is not revealed.
func (c *Cell) Needs() State { return c.NeedsToAsk | c.NeedsToShow | c.NeedsToReveal }

// ByRow reports whether the outcome depends on the owners' state.
func (c *Cell) ByRow() bool { return c.Needs() != 0 }

// Without explains an outcome for want of consent: the first gate that leads to it.
func (c *Cell) Without(o Outcome) Explanation {
	if o < Reveal && c.gated[o.Index()].Rule != "" {
		return c.gated[o.Index()]
	}
	return c.Strictest()
}

// Strictest explains what becomes of the cell when every consent is missing; zero when none is needed.
func (c *Cell) Strictest() (why Explanation) {
	for _, why = range c.gated {
		if why.Rule != "" {
			break
		}
	}
	return why
}

// Queryable reports whether the field may appear in a filter or an order: asking about a value is reading it, so only
// where the cell would be revealed, row by row (see Needs, Conditions and Retains).
func (c *Cell) Queryable() bool { return c.Outcome == Reveal }

// NeedsValue reports whether any outcome shows something of the stored value. A cell that never does is not selected.
func (c *Cell) NeedsValue() bool {
	switch c.Outcome {
	case Reveal:
		return true
	case Mask:
		return c.NeedsMasked()
	default:
		return false
	}
}

// CellOf decides steps 3 and 5 to 8 for field f of a row the request may see. A field's own rules only ever narrow what
// its type allows.
func CellOf(f *ir.Field, r Request) Cell {
	c := Cell{Field: f, Outcome: Reveal, Mask: maskOf(f), Retains: f.Retains}
	t := f.Owner
	if rules := rulesFor(f.Access, ir.Read); len(rules) > 0 {
		conditions, granted := grantsFor(rules, ir.Read, r)
		if f.Purposes.Empty() || f.Purposes.Has(r.Purpose) {
			c.StepUp = pending(rules, ir.Read, r)
		}
		if !granted && !c.StepUp.IsZero() {
			c.Outcome, c.Why = Withhold, stepUp(c.StepUp, "To read "+f.Coordinate())
			return c
		}
		if !granted {
			c.Outcome = Withhold
			c.Why = Explanation{Withhold, "@access", ReasonFieldAccess,
				"role " + r.Role.Name + " may not read " + f.Coordinate() + ".",
				"Ask with a role that " + f.Coordinate() + " names in @access."}
			return c
		}
		if len(conditions) > 0 {
			c.Conditions = append(c.Conditions, conditions)
		}
	}
	if !f.Purposes.Empty() && !f.Purposes.Has(r.Purpose) {
		c.Outcome = Withhold
		c.Why = Explanation{Withhold, "@purpose", ReasonFieldPurpose,
			f.Coordinate() + " is not processed for " + r.Purpose.Name + ".",
			"Ask for one of the purposes that " + f.Coordinate() + " names in @purpose: " + purposeNames(r.Schema, f.Purposes) + "."}
		return c
	}
	if f.Computed != nil {
		c.narrowTo(f, r)
		if c.Outcome == Withhold { // for everybody, whatever the row
			c.NeedsToAsk, c.NeedsToShow, c.NeedsToReveal = 0, 0, 0
			return c
		}
	}
	if r.SelfService() {
		if c.Why.Rule == "" {
			c.Why = Explanation{Outcome: Reveal, Rule: "@subject", Reason: ReasonOwnData, Text: "People see their own data."}
		}
		return c
	}
	c.gate(f, t, r)
	switch {
	case f.Pii == nil:
		if c.Why.Rule == "" {
			c.Why = publicly(f)
		}
	case covered(f.Pii, r):
		if c.Why.Rule == "" {
			c.Why = Explanation{Outcome: Reveal, Rule: "@clearance", Reason: ReasonCleared,
				Text: "role " + r.Role.Name + " is cleared for " + describe(f.Pii) + " for " + r.Purpose.Name + "."}
		}
	default:
		c.Outcome = min(c.Outcome, Mask)
		c.Why = Explanation{Mask, "@clearance", ReasonClearance,
			"role " + r.Role.Name + " is not cleared for " + describe(f.Pii) + " for " + r.Purpose.Name + ".",
			"Work with what the mask shows, or ask with a role cleared for " + describe(f.Pii) + "."}
	}
	return c
}

// gate collects the consents the cell depends on: the purpose's own (step 5), and each @consent on the field or its
// type (step 6).
func (c *Cell) gate(f *ir.Field, t *ir.Type, r Request) {
	if f.Pii != nil && r.Purpose.ByConsent() && r.Purpose.Otherwise != ir.OtherwiseHideRow { // see RowsOf
		c.require(PurposeBit(r.Purpose), Explanation{without(r.Purpose.Otherwise), "@lawful", ReasonPurposeConsent,
			r.Purpose.Name + " rests on consent, and the person has not given it.",
			"Ask the person for consent to " + r.Purpose.Name + "."})
	}
	gates := f.Consents
	if f.Pii != nil {
		for _, g := range t.Consents {
			if g.Otherwise != ir.OtherwiseHideRow { // see RowsOf
				gates = append(gates[:len(gates):len(gates)], g)
			}
		}
	}
	for _, g := range gates {
		why := Explanation{without(g.Otherwise), "@consent", ReasonConsent,
			f.Coordinate() + " needs consent to " + g.To.Name + ", and the person has not given it.",
			"Ask the person for consent to " + g.To.Name + "."}
		if f.Pii == nil { // without a classification there is no mask to show
			why.Outcome = min(why.Outcome, Withhold)
		}
		c.require(PurposeBit(g.To), why)
	}
}

func (c *Cell) require(bit State, why Explanation) {
	switch why.Outcome {
	case Deny:
		c.NeedsToAsk |= bit
	case Withhold:
		c.NeedsToShow |= bit
	default:
		c.NeedsToReveal |= bit
	}
	if at := &c.gated[why.Outcome.Index()]; at.Rule == "" {
		*at = why
	}
}

// narrowTo makes a computed field as strict as the strictest of its sources.
func (c *Cell) narrowTo(f *ir.Field, r Request) {
	for _, from := range f.Computed.From {
		s := CellOf(from, r)
		if s.Outcome < c.Outcome || c.Why.Rule == "" && from.Pii != nil {
			c.Outcome, c.Why = min(c.Outcome, s.Outcome), s.Why
		}
		if c.StepUp.IsZero() || s.Outcome == Withhold {
			c.StepUp = s.StepUp
		}
		c.NeedsToAsk |= s.NeedsToAsk
		c.NeedsToShow |= s.NeedsToShow
		c.NeedsToReveal |= s.NeedsToReveal
		for i, why := range s.gated {
			if c.gated[i].Rule == "" {
				c.gated[i] = why
			}
		}
		c.Conditions = append(c.Conditions, s.Conditions...)
		c.Retains = append(c.Retains[:len(c.Retains):len(c.Retains)], s.Retains...)
	}
}

func covered(p *ir.Pii, r Request) bool {
	for _, c := range r.Role.Clearances {
		if c.Covers(r.Purpose, p.Category, p.Sensitivity) {
			return true
		}
	}
	return false
}

// MayWrite reports whether the request may set the field in op (Create or Update): its own @access for op, and its
// purposes. Inputs are minimized like answers (Art. 5(1)(c)). Of conditions, one must hold for the row as written. Need is the
// step-up that would let it, or let it in more rows.
func MayWrite(f *ir.Field, op ir.Op, r Request) (conditions []*ir.Condition, why Explanation, need ir.StepUp, ok bool) {
	if f.OnUpdate {
		return nil, Explanation{Withhold, "@default", ReasonFieldAccess, f.Coordinate() + " is written by the system.", "Leave the field out."}, need, false
	}
	if rules := rulesFor(f.Access, op); len(rules) > 0 {
		var granted bool
		conditions, granted = grantsFor(rules, op, r)
		if f.Purposes.Empty() || f.Purposes.Has(r.Purpose) {
			need = pending(rules, op, r)
		}
		if !granted && !need.IsZero() {
			return nil, stepUp(need, "To "+verb(op)+" "+f.Coordinate()), need, false
		}
		if !granted {
			return nil, Explanation{Withhold, "@access", ReasonFieldAccess,
				"role " + r.Role.Name + " may not " + verb(op) + " " + f.Coordinate() + ".",
				"Leave the field out."}, need, false
		}
	}
	if !f.Purposes.Empty() && !f.Purposes.Has(r.Purpose) {
		return nil, Explanation{Withhold, "@purpose", ReasonFieldPurpose,
			f.Coordinate() + " is not processed for " + r.Purpose.Name + ".",
			"Leave the field out: the purpose does not need it."}, need, false
	}
	return conditions, Explanation{}, need, true
}

func rulesFor(rules []*ir.Access, op ir.Op) []*ir.Access {
	var out []*ir.Access
	for _, a := range rules {
		if a.To.Has(op) {
			out = append(out, a)
		}
	}
	return out
}

func maskOf(f *ir.Field) ir.Mask {
	if f.Pii == nil {
		return ir.Redact
	}
	return f.Pii.Mask
}

func publicly(f *ir.Field) Explanation {
	why := Explanation{Outcome: Reveal, Rule: "@public", Reason: ReasonPublic, Text: f.Coordinate() + " is not personal data."}
	if f.Public != nil {
		why.Text = "Not hidden: " + f.Public.Because
	}
	return why
}

func describe(p *ir.Pii) string {
	return strings.ToLower(sensitivityNames[p.Sensitivity] + " " + p.Category + " data")
}

var sensitivityNames = [...]string{"low-sensitivity", "standard", "high-sensitivity", "special"}

func purposeNames(s *ir.Schema, set ir.PurposeSet) string {
	var names []string
	for _, p := range s.Purposes {
		if set.Has(p) {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// NeedsMasked reports whether the mask shows something of the stored value.
func (c *Cell) NeedsMasked() bool { return c.Mask != ir.Redact && c.Mask != ir.MaskNull }
