package policy

import (
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Entry is one cell of a decision matrix: what a role sees of a field for a purpose, and why.
type Entry struct {
	Role    *ir.Role
	Purpose *ir.Purpose
	// Outcome is the best the cell can get.
	Outcome Outcome
	Why     Explanation
	// Gated is set when consent decides per person: what happens without it. RowHidden says that the whole record does not exist.
	Gated     *Explanation
	RowHidden bool
	// StepUp is what a session has to prove for this outcome, and Below what it gets without; zero when any session will do.
	StepUp ir.StepUp
	Below  Outcome
	// Where are the conditions rows must meet, as written in `when`; of each element one must hold.
	Where [][]string
}

// Matrix is the decision for field f of every role and purpose of the schema, by the same functions that decide a
// query. Roles and purposes are in source order.
func Matrix(s *ir.Schema, f *ir.Field) []Entry {
	var out []Entry
	for _, role := range s.Roles {
		for _, purpose := range s.Purposes {
			r := Request{Schema: s, Role: role, Purpose: purpose}
			e := entry(f, r.Raised())
			if need := needed(f, r); !need.IsZero() {
				e.StepUp, e.Below = need, entry(f, r).Outcome
			}
			out = append(out, e)
		}
	}
	return out
}

// needed is what a session that proved nothing lacks: for rows, or more of them, to exist, then for the field.
func needed(f *ir.Field, r Request) ir.StepUp {
	if rows := RowsOf(f.Owner, ir.Read, r); !rows.StepUp.IsZero() {
		return rows.StepUp
	}
	return CellOf(f, r).StepUp
}

func entry(f *ir.Field, r Request) Entry {
	e := Entry{Role: r.Role, Purpose: r.Purpose}
	if !r.Role.Purposes().Has(r.Purpose) {
		e.Why = Explanation{Withhold, "@clearance", ReasonPurposeClearance,
			"role " + r.Role.Name + " does not work for " + r.Purpose.Name + ".",
			"Name the purpose in the role's @clearance."}
		return e
	}
	rows := RowsOf(f.Owner, ir.Read, r)
	if !rows.Allowed {
		e.Why = rows.Why
		return e
	}
	c := CellOf(f, r)
	e.Outcome, e.Why = c.Outcome, c.Why
	if c.ByRow() {
		gated := c.Strictest()
		e.Gated = &gated
	}
	if rows.Needed != 0 && c.Outcome > Withhold { // stricter than any gate of the field: the row does not exist
		e.RowHidden = true
		gated := rows.WithoutRow(r)
		if field := e.Gated; field != nil && field.Remedy != gated.Remedy {
			gated.Text += " " + field.Text
			gated.Remedy += " " + field.Remedy
		}
		e.Gated = &gated
	}
	for _, any := range append([][]*ir.Condition{rows.Grants}, c.Conditions...) {
		var written []string
		for _, w := range any {
			written = append(written, w.Source)
		}
		if written != nil {
			e.Where = append(e.Where, written)
		}
	}
	if rows.OwnOnly {
		e.Where = append(e.Where, []string{"the viewer's own data"})
	}
	return e
}
