package read

import (
	"sort"
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
	sort.SliceStable(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// noted is a field of a plan that explains itself.
type noted struct {
	path  string
	field string
	cell  *policy.Cell
	rows  *policy.Explanation // of a type whose rows are refused or limited
	mute  bool                // below something that has no rows
	attrs []string            // of the viewer, that the rows depend on
}

// seen is the set of outcomes a noted field had over the rows of one execution.
type seen uint8

func (s *seen) mark(o policy.Outcome) { *s |= 1 << o }

func (s seen) has(o policy.Outcome) bool { return s&(1<<o) != 0 }

// notesOf turns what was seen into notes: one per field, or one per outcome where rows differ.
func notesOf(list []noted, saw []seen, p policy.Principal) []Note {
	out := make([]Note, 0, len(list))
	for i, n := range list {
		switch {
		case n.mute:
		case n.rows != nil:
			why := *n.rows
			if missing := lacking(p, n.attrs); missing != "" {
				why.Remedy = "The viewer has no attribute " + missing + ": a condition that asks for it holds for no row."
			}
			out = append(out, note(n, why))
		case !n.cell.ByRow():
			out = append(out, note(n, n.cell.Why))
		default:
			any := false
			for o := policy.Reveal; ; o-- {
				if saw[i].has(o) {
					any = true
					why := n.cell.Why
					if o < n.cell.Outcome {
						why = n.cell.Gated
					}
					why.Outcome = o
					out = append(out, note(n, why))
				}
				if o == policy.Withhold {
					break
				}
			}
			if !any {
				out = append(out, note(n, n.cell.Gated))
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
