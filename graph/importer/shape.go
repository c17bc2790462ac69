package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Sizes of the check of content against headers.
const (
	sampleRows = 500 // rows looked at
	minValues  = 2   // fewer values say nothing about a column
	manyValues = 20  // from here on, failing alone is enough
	manyKeys   = 100 // from here on, keys that repeat are no keys
)

// kind is what the values of a column look like.
type kind struct {
	noun string
	is   func(string) bool
}

// kinds, the narrowest first. Plain text is none of them. The first three look like nothing else.
var kinds = []kind{
	{"e-mail addresses", func(s string) bool { _, err := format.Email(s); return err == nil }},
	{"web addresses", func(s string) bool { _, err := format.URL(s); return err == nil }},
	{"dates", looksLikeDate},
	{"telephone numbers", looksLikePhone},
	{"numbers", func(s string) bool { _, err := format.Decimal(s); return err == nil }},
	{"countries", func(s string) bool { _, err := format.Country(s); return err == nil }},
}

// looksLikePhone is narrower than what a telephone number may be: postal codes and dates have five to eight digits too.
func looksLikePhone(s string) bool {
	if looksLikeDate(s) {
		return false
	}
	v, err := format.ParsePhone(s, "")
	number, _, _ := strings.Cut(v, ";")
	return err == nil && len(number) >= 7
}

func looksLikeDate(s string) bool {
	_, err := format.Parser{Loose: true}.Parse(&ir.Field{Scalar: ir.DateTime}, s)
	return err == nil
}

// checkShape refuses a file of which a column's values mostly do not fit the field they are mapped to, and says what they
// look like. It sees the first rows only and writes nothing.
func (p *Plan) checkShape(rows []row) error {
	sh := shape{plan: p, rows: rows, right: map[string]bool{}}
	type reading struct {
		valuePlan
		key bool
	}
	var readings []reading
	for _, rp := range p.types {
		for _, v := range rp.values() {
			if len(v.columns) != 1 || v.src.Expect == "any" {
				continue
			}
			readings = append(readings, reading{v, v.field == rp.key})
			if texts, bad := sh.count(v); !v.anyText() && len(texts) > 0 && bad*2 <= len(texts) {
				sh.right[headerKey(v.columns[0])] = true
			}
		}
	}
	var wrong []string
	told := map[string]bool{}
	for _, r := range readings {
		column := headerKey(r.columns[0])
		if told[column] {
			continue // several fields read it; once is enough
		}
		if text := sh.misfit(r.valuePlan, r.key); text != "" {
			told[column] = true
			wrong = append(wrong, text)
		}
	}
	if text := sh.repeats(p.own()); text != "" {
		wrong = append(wrong, text)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("the columns do not hold what their headers say, so nothing was imported:\n  %s\n"+
		"check the header line, or the map (`expect: any` on a field turns this check off for it)", strings.Join(wrong, "\n  "))
}

// shape is the sample under examination.
type shape struct {
	plan  *Plan
	rows  []row
	right map[string]bool // columns, by headerKey, that hold what a field with a form of its own expects
}

// values are the sources of the record's columns and edges.
func (rp *recordPlan) values() []valuePlan {
	var out []valuePlan
	for _, c := range rp.cells {
		out = append(out, c.value)
	}
	for _, e := range rp.edges {
		if e.find != nil {
			out = append(out, e.value)
		}
	}
	return out
}

// anyText reports whether the field takes any text at all.
func (v valuePlan) anyText() bool {
	choosy := slices.ContainsFunc(v.src.Transform, func(name string) bool { return choosyTransforms[name] })
	return v.field.Scalar == ir.String && v.field.Format == "" && v.field.Pattern == "" && v.values == nil && !choosy
}

// odd reports whether values of kind k, row after row, are strange in a text field: nobody has an e-mail address for a
// job title. In a field that is masked as a name, numbers are strange too; elsewhere they may be postal codes.
func (v valuePlan) odd(k int) bool {
	return k >= 0 && k <= 2 || k > 2 && v.field.Pii != nil && v.field.Pii.Mask == ir.MaskName
}

// misfit explains what is wrong with the column v reads, or returns "".
func (sh shape) misfit(v valuePlan, key bool) string {
	texts, bad := sh.count(v)
	if len(texts) < minValues {
		return ""
	}
	k, noun := majority(texts)
	switch {
	case v.anyText() && !key && len(texts) >= 5 && v.odd(k) && share(texts, kinds[k]) > 0.9:
	case bad*2 <= len(texts):
		return ""
	case len(texts) < manyValues && k < 0 && sh.partner(v) == "":
		// A few bad rows in a short file are bad rows: they are rejected one by one.
		return ""
	}
	h := sh.rows[0].header
	text := fmt.Sprintf("column %s is read as %s, but seems to hold %s", quote(h.name(v.columns[0])), v.field.Coordinate(), noun)
	if other := sh.partner(v); other != "" {
		text += fmt.Sprintf("; column %s would fit", quote(h.name(other)))
	}
	return text
}

// repeats explains that the column of the key cannot be one, because its values stand again and again; or returns "".
// All but one of such rows would be rejected as duplicates.
func (sh shape) repeats(own *recordPlan) string {
	i := slices.IndexFunc(own.cells, func(c cellPlan) bool { return c.field == own.key })
	if i < 0 || len(own.cells[i].value.columns) != 1 || own.cells[i].value.src.Expect == "any" {
		return ""
	}
	v := own.cells[i].value
	texts, _ := sh.count(v)
	seen := map[string]bool{}
	for _, s := range texts {
		seen[s] = true
	}
	if again := len(texts) - len(seen); len(texts) < manyKeys || again*5 <= len(texts) {
		return ""
	}
	return fmt.Sprintf("column %s is read as %s, by which rows are recognised, but many of its values stand there more than once",
		quote(sh.rows[0].header.name(v.columns[0])), v.field.Coordinate())
}

// count returns the values v reads, as the file has them, and how many do not fit.
func (sh shape) count(v valuePlan) (texts []string, bad int) {
	for _, r := range sh.rows {
		if s := v.raw(r); s != "" {
			texts = append(texts, s)
			if !v.fits(r) {
				bad++
			}
		}
	}
	return texts, bad
}

// fits reports whether the row's value is one of the field, and looks like one.
func (v valuePlan) fits(r row) bool {
	if _, err := v.of(r); err != nil {
		return false
	}
	return v.field.Format != "PHONE" || looksLikePhone(v.raw(r))
}

// partner is another column the map reads that would fit v's field and does not hold what its own field expects; "" if
// there is none, or if the field takes any text.
func (sh shape) partner(v valuePlan) string {
	if v.anyText() {
		return ""
	}
	for _, c := range sh.plan.needed {
		if key := headerKey(c.name); key == headerKey(v.columns[0]) || sh.right[key] {
			continue
		}
		other := v
		other.columns = []string{c.name}
		if texts, bad := sh.count(other); len(texts) >= minValues && bad*2 < len(texts) {
			return c.name
		}
	}
	return ""
}

// majority returns the narrowest kind most texts are of, -1 for plain text.
func majority(texts []string) (int, string) {
	for i, k := range kinds {
		if share(texts, k) > 0.6 {
			return i, k.noun
		}
	}
	return -1, "other text"
}

func share(texts []string, k kind) float64 {
	n := 0
	for _, s := range texts {
		if k.is(s) {
			n++
		}
	}
	return float64(n) / float64(len(texts))
}
