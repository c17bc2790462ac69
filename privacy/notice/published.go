package notice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Published is what a purpose meant when people were asked about it.
type Published struct {
	Name     string
	Bit      int
	Basis    string
	Material string // canonical JSON of Material
}

// Current are the purposes of a schema that people decide about, as they are to be published.
func Current(s *ir.Schema) []Published {
	var out []Published
	for _, p := range s.Purposes {
		if p.Stated() {
			m := MaterialOf(s, p)
			out = append(out, Published{p.Name, p.Bit, m.Basis, m.JSON()})
		}
	}
	return out
}

// Refusal is a purpose that must not be what the schema makes of it, because of what people said before.
type Refusal struct {
	Purpose string   `json:"purpose"`
	Reasons []string `json:"reasons"`
	Remedy  string   `json:"remedy"`
}

// Error says what is wrong and what to do.
func (r Refusal) Error() string {
	return fmt.Sprintf("purpose %s: %s: %s", r.Purpose, strings.Join(r.Reasons, "; "), r.Remedy)
}

// Refusals compares a schema with what was published before, oldest first. A number in people's privacy state says what they said
// about one purpose, with one basis, that did so much and no more; a schema that takes it for anything else is refused.
func Refusals(before []Published, s *ir.Schema) []Refusal {
	var out []Refusal
	for _, p := range s.Purposes {
		if !p.Stated() && !slices.ContainsFunc(before, func(b Published) bool { return b.Bit == p.Bit }) {
			continue
		}
		if r := refuse(before, s, p); len(r.Reasons) > 0 {
			out = append(out, r)
		}
	}
	return out
}

func refuse(before []Published, s *ir.Schema, p *ir.Purpose) Refusal {
	fresh := unused(before, s)
	anew := fmt.Sprintf("give it a number no purpose has had, such as bit: %d, and everybody is asked anew", fresh)
	if fresh < 0 {
		anew = "every number has been used: undo the change"
	}
	r := Refusal{Purpose: p.Name, Remedy: anew}
	last := -1 // the number it had last
	for _, b := range before {
		if b.Name == p.Name {
			last = b.Bit
		}
	}
	for _, b := range before {
		switch {
		case b.Bit != p.Bit:
		case b.Name != p.Name || b.Basis != p.Basis.String():
			r.because("bit %d stands for what people said about %s on the basis of %s", b.Bit, b.Name, b.Basis)
		case last != p.Bit:
			r.because("it left bit %d for bit %d, and people have decided anew since", p.Bit, last)
		case p.ByConsent():
			var old Material
			if err := json.Unmarshal([]byte(b.Material), &old); err != nil {
				r.because("what was published of it cannot be read")
				continue
			}
			for _, change := range Wider(old, MaterialOf(s, p)) {
				r.because("%s, which those who agreed did not agree to", change)
			}
		}
	}
	if last >= 0 && last != p.Bit && p.Objectable() && slices.ContainsFunc(before, func(b Published) bool { return b.Name == p.Name && b.Bit == last && b.Basis == p.Basis.String() }) {
		r.because("its bit moved from %d to %d, and those who objected would have to object again", last, p.Bit)
		r.Remedy = fmt.Sprintf("put back bit: %d", last)
	}
	return r
}

func (r *Refusal) because(format string, args ...any) {
	r.Reasons = once(r.Reasons, fmt.Sprintf(format, args...))
}

// unused is a number that no purpose has or had; -1 when there is none.
func unused(before []Published, s *ir.Schema) int {
	for bit := range 56 {
		if !slices.ContainsFunc(before, func(b Published) bool { return b.Bit == bit }) && !slices.ContainsFunc(s.Purposes, func(p *ir.Purpose) bool { return p.Bit == bit }) {
			return bit
		}
	}
	return -1
}
