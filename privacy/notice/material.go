package notice

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Material is what a person agrees to when they consent to a purpose, in the schema's own terms: no wording, and nothing that
// depends on the order of the schema. Its JSON is canonical.
type Material struct {
	Basis      string             `json:"basis"`
	Data       []MaterialData     `json:"data"`
	Recipients []MaterialReceiver `json:"recipients"`
}

// MaterialData is the data of one category that has one kind of source.
type MaterialData struct {
	Category    string   `json:"category"`
	Source      string   `json:"source"`
	Sensitivity int      `json:"sensitivity"` // the highest, in the order of the vocabulary
	Kept        [][]Kept `json:"kept"`        // of each field, what limits it
}

// Kept is a limit on how long something is kept.
type Kept struct {
	For   string `json:"for"`   // ISO 8601 period
	After string `json:"after"` // the coordinate of the clock
	Then  string `json:"then"`
}

// MaterialReceiver is somebody outside who receives the data.
type MaterialReceiver struct {
	Name    string `json:"name"`
	As      string `json:"as"`
	Country string `json:"country"`
}

// MaterialOf describes what people agree to with a purpose of the schema.
func MaterialOf(s *ir.Schema, p *ir.Purpose) Material {
	m := Material{Basis: p.Basis.String(), Data: []MaterialData{}, Recipients: []MaterialReceiver{}}
	for _, t := range s.Entities() {
		for _, f := range t.Fields {
			if uses(p, f) {
				m.add(f)
			}
		}
	}
	for _, r := range p.Recipients {
		m.Recipients = append(m.Recipients, MaterialReceiver{r.Name, r.As, r.Country})
	}
	slices.SortFunc(m.Data, func(a, b MaterialData) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Source, b.Source))
	})
	slices.SortFunc(m.Recipients, func(a, b MaterialReceiver) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Country, b.Country), cmp.Compare(a.As, b.As))
	})
	m.Recipients = slices.Compact(m.Recipients)
	return m
}

func (m *Material) add(f *ir.Field) {
	i := slices.IndexFunc(m.Data, func(d MaterialData) bool { return d.Category == f.Pii.Category && d.Source == f.Pii.Source })
	if i < 0 {
		i = len(m.Data)
		m.Data = append(m.Data, MaterialData{Category: f.Pii.Category, Source: f.Pii.Source})
	}
	d := &m.Data[i]
	d.Sensitivity = max(d.Sensitivity, int(f.Pii.Sensitivity))
	limits := []Kept{}
	for _, r := range slices.Concat(f.Owner.Retains, f.Retains) {
		limits = append(limits, Kept{r.For.String(), r.After.Coordinate(), r.Then})
	}
	slices.SortFunc(limits, byLimit)
	limits = slices.Compact(limits)
	if !slices.ContainsFunc(d.Kept, func(have []Kept) bool { return slices.Equal(have, limits) }) {
		d.Kept = append(d.Kept, limits)
	}
	slices.SortFunc(d.Kept, func(a, b []Kept) int { return slices.CompareFunc(a, b, byLimit) })
}

func byLimit(a, b Kept) int {
	return cmp.Or(cmp.Compare(a.After, b.After), cmp.Compare(a.For, b.For), cmp.Compare(a.Then, b.Then))
}

// JSON is the canonical form.
func (m Material) JSON() string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts and numbers alone
	}
	return string(text)
}

// Hash is the SHA-256 of the canonical form, hex.
func (m Material) Hash() string {
	sum := sha256.Sum256([]byte(m.JSON()))
	return hex.EncodeToString(sum[:])
}

// Wider says what somebody who agreed to old did not agree to in now, each as a phrase for the schema's developer; none when now
// is the same or less. What cannot be compared, such as another clock, counts as wider.
func Wider(old, now Material) []string {
	var out []string
	if old.Basis != now.Basis {
		out = append(out, fmt.Sprintf("it rests on %s instead of %s", now.Basis, old.Basis))
	}
	for _, d := range now.Data {
		i := slices.IndexFunc(old.Data, func(o MaterialData) bool { return o.Category == d.Category && o.Source == d.Source })
		if i < 0 {
			out = append(out, fmt.Sprintf("it uses data about %s, source %s", d.Category, d.Source))
			continue
		}
		if o := old.Data[i]; d.Sensitivity > o.Sensitivity {
			out = append(out, fmt.Sprintf("its data about %s, source %s, is more sensitive", d.Category, d.Source))
		}
		for _, limits := range d.Kept {
			if !slices.ContainsFunc(old.Data[i].Kept, func(o []Kept) bool { return within(o, limits) }) {
				out = append(out, fmt.Sprintf("it keeps data about %s, source %s, longer, or by another clock: %s", d.Category, d.Source, inWords(limits)))
			}
		}
	}
	for _, r := range now.Recipients {
		if !slices.ContainsFunc(old.Recipients, func(o MaterialReceiver) bool {
			return o == r || o.Name == r.Name && o.Country == r.Country && r.As == "PROCESSOR"
		}) {
			out = append(out, fmt.Sprintf("%s in %s receives the data as %s", r.Name, r.Country, r.As))
		}
	}
	return out
}

func inWords(limits []Kept) string {
	var out []string
	for _, k := range limits {
		out = append(out, fmt.Sprintf("%s after %s, then %s", k.For, k.After, k.Then))
	}
	if len(out) == 0 {
		return "for ever"
	}
	return strings.Join(out, "; ")
}

// within reports whether each of the old limits still holds: all of them bind, so one that is gone or wider lets data live longer.
func within(old, now []Kept) bool {
	for _, o := range old {
		if !slices.ContainsFunc(now, func(n Kept) bool {
			return n.After == o.After && slices.Index(disposals, n.Then) <= slices.Index(disposals, o.Then) && notLonger(n.For, o.For)
		}) {
			return false
		}
	}
	return true
}

// disposals from the one that leaves least.
var disposals = []string{"ERASE", "ANONYMIZE", "REVIEW"}

// notLonger reports whether a period ends with another or before it, on whatever day both begin.
func notLonger(a, b string) bool {
	p, err := ir.ParsePeriod(a)
	q, err2 := ir.ParsePeriod(b)
	if err != nil || err2 != nil {
		return false
	}
	months := func(p ir.Period) int { return 12*p.Years + p.Months }
	days := func(p ir.Period) int { return 7*p.Weeks + p.Days }
	if months(p) <= months(q) && days(p) <= days(q) {
		return true
	}
	for day := time.Date(2095, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2105; day = day.AddDate(0, 0, 1) { // around a year that is no leap year
		if p.End(day).After(q.End(day)) {
			return false
		}
	}
	return true
}
