package read

import (
	"slices"
	"strings"
	"sync"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Note is one entry of `extensions.privacy`: what happened to a field, and why. It speaks of the field, never of a
// value.
type Note struct {
	Path    string        `json:"path"`
	Field   string        `json:"field"`
	Outcome string        `json:"outcome"`
	Rule    string        `json:"rule"`
	Reason  policy.Reason `json:"reason"`
	Text    string        `json:"text,omitempty"`
	Remedy  string        `json:"remedy,omitempty"`

	encoded []byte // its JSON, of a note made with its plan
}

// AppendJSON writes the note as json.Marshal would, but for what HTML needs.
func (n *Note) AppendJSON(b []byte) []byte {
	if n.encoded != nil {
		return append(b, n.encoded...)
	}
	member := func(name, v string, optional bool) {
		if v == "" && optional {
			return
		}
		b = append(b, name...)
		b = appendString(b, v)
	}
	member(`{"path":`, n.Path, false)
	member(`,"field":`, n.Field, false)
	member(`,"outcome":`, n.Outcome, false)
	member(`,"rule":`, n.Rule, false)
	member(`,"reason":`, string(n.Reason), false)
	member(`,"text":`, n.Text, true)
	member(`,"remedy":`, n.Remedy, true)
	return append(b, '}')
}

// Notes collects the notes of one operation. Root fields run concurrently, so it locks.
type Notes struct {
	mu   sync.Mutex
	list []Note
}

func (n *Notes) add(notes ...Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, notes...)
}

// List returns the notes by path.
func (n *Notes) List() []Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := append([]Note{}, n.list...)
	byPath := func(a, b Note) int { return strings.Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(out, byPath) { // those of one plan are
		slices.SortStableFunc(out, byPath)
	}
	return out
}

// noted is a field of a plan that explains itself.
type noted struct {
	path  string
	field string
	cell  *policy.Cell
	rows  *policy.Explanation   // of a type whose rows are refused or limited
	mute  bool                  // below something that has no rows
	attrs []string              // of the viewer, that the rows depend on
	made  [policy.Outcomes]Note // by outcome, once the plan is complete
}

// explainOnce makes the notes a plan can give rise to, and the order of their paths.
func (pl *plan) explainOnce() {
	pl.byPath = make([]int, len(pl.notes))
	for i := range pl.notes {
		pl.byPath[i] = i
		n := &pl.notes[i]
		for o := range n.made {
			n.made[o] = note(*n, n.why(policy.Deny+policy.Outcome(o)))
			n.made[o].encoded = n.made[o].AppendJSON(nil)
		}
	}
	slices.SortStableFunc(pl.byPath, func(a, b int) int { return strings.Compare(pl.notes[a].path, pl.notes[b].path) })
}

// why explains an outcome. Only that of a cell that depends on the row differs by it.
func (n *noted) why(o policy.Outcome) policy.Explanation {
	switch {
	case n.rows != nil:
		return *n.rows
	case !n.cell.ByRow():
		return n.cell.Why
	}
	why := n.cell.Why
	if o < n.cell.Outcome {
		why = n.cell.Without(o)
	}
	why.Outcome = o
	return why
}

// seen is the set of outcomes a noted field had over the rows of one execution.
type seen uint8

func (s *seen) mark(o policy.Outcome) { *s |= 1 << o.Index() }

func (s seen) has(o policy.Outcome) bool { return s&(1<<o.Index()) != 0 }

// explain turns what was seen into notes: one per field, or one per outcome where rows differ.
func (pl *plan) explain(saw []seen, p policy.Principal) []Note {
	out := make([]Note, 0, len(pl.notes)+8)
	for _, i := range pl.byPath {
		n := &pl.notes[i]
		switch {
		case n.mute:
		case n.rows != nil:
			if missing := lacking(p, n.attrs); missing != "" {
				why := *n.rows
				why.Remedy = "The viewer has no attribute " + missing + ": a condition that asks for it holds for no row."
				out = append(out, note(*n, why))
				continue
			}
			out = append(out, n.made[policy.Reveal.Index()])
		case !n.cell.ByRow():
			out = append(out, n.made[policy.Reveal.Index()])
		default:
			any := false
			for o := policy.Reveal; ; o-- {
				if saw[i].has(o) {
					any = true
					out = append(out, n.made[o.Index()])
				}
				if o == policy.Deny {
					break
				}
			}
			if !any {
				out = append(out, note(*n, n.cell.Strictest()))
			}
		}
	}
	return out
}

// lacking names the first attribute the viewer does not have.
func lacking(p policy.Principal, attrs []string) string {
	for _, a := range attrs {
		if _, ok := p.Attrs[a]; !ok {
			return a
		}
	}
	return ""
}

func note(n noted, why policy.Explanation) Note {
	return Note{Path: n.path, Field: n.field, Outcome: why.Outcome.String(), Rule: why.Rule, Reason: why.Reason, Text: why.Text, Remedy: why.Remedy}
}
