package notice

import (
	"slices"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// California is what the CCPA, as amended, adds (Cal. Civ. Code § 1798.100, § 1798.130(a)(5)).
type California struct {
	Categories []Disclosed `json:"categories"`
	Rights     []string    `json:"rights"`
	GPC        string      `json:"gpc,omitempty"` // which purposes Global Privacy Control opts out of
}

// Disclosed is a category of the law, what of it is collected, and who receives it.
type Disclosed struct {
	Category   string   `json:"category"`
	Data       []string `json:"data"`
	Recipients []string `json:"recipients"`
}

// letters are the paragraphs of § 1798.140(v)(1) our categories fall under.
var letters = map[string][]string{
	"IDENTITY": {"A"}, "CONTACT": {"A"}, "LOCATION": {"A"}, "FINANCIAL": {"B", "D"}, "DEMOGRAPHIC": {"C"}, "BEHAVIORAL": {"D", "F"},
	"COMMUNICATION": {"B"}, "EMPLOYMENT": {"I"}, "TECHNICAL": {"F"}, "CREDENTIAL": {"L"}, "HEALTH": {"L"}, "GENETIC": {"L"},
	"BIOMETRIC": {"E", "L"}, "SPECIAL": {"C", "L"}, "CRIMINAL": {"B"},
}

func lettersOf(f *ir.Field) []string {
	if f.Pii.Source == "INFERRED" {
		return []string{"K"}
	}
	return letters[f.Pii.Category]
}

func (w *writer) california() California {
	var out California
	for _, letter := range []string{"A", "B", "C", "D", "E", "F", "I", "K", "L"} {
		d := Disclosed{Category: w.frame.say("california." + letter), Recipients: []string{}}
		for _, t := range w.schema.Entities() {
			for _, f := range t.Fields {
				if f.Pii == nil || f.Kind != ir.Column || !slices.Contains(lettersOf(f), letter) {
					continue
				}
				d.Data = once(d.Data, w.field(f))
				for _, p := range w.schema.Purposes {
					if !uses(p, f) {
						continue
					}
					for _, r := range p.Recipients {
						d.Recipients = once(d.Recipients, r.Name)
					}
				}
			}
		}
		if len(d.Data) > 0 {
			out.Categories = append(out.Categories, d)
		}
	}
	for _, right := range []string{"know", "delete", "correct", "optout", "retaliation"} {
		out.Rights = append(out.Rights, w.frame.say("california."+right))
	}
	heard := w.titles(func(p *ir.Purpose) bool { return slices.Contains(p.OptOut, "GPC") })
	if len(heard) > 0 {
		out.GPC = w.frame.say("california.gpc", "purposes", w.frame.list(heard))
	}
	return out
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
