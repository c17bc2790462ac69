package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/text/language"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// eea is the European Economic Area: the Union, Iceland, Liechtenstein and Norway. Within it data moves freely (GDPR
// Art. 1(3); EEA Joint Committee Decision No 154/2018).
var eea = strings.Fields(`AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK`)

// readWhole reads what is said of the schema as a whole, translations aside.
func (c *compiler) readWhole() {
	c.schema.Language = "en"
	if d := c.directive(c.whole, "language"); d != nil {
		c.schema.Language = c.tag(d, "tag")
	}
	d := c.directive(c.whole, "controller")
	if d == nil {
		return
	}
	c.schema.Controller = &ir.Controller{
		Name: c.told(d, "name"), Address: c.told(d, "address"), Contact: c.told(d, "contact"), Country: c.country(d),
		Representative: c.told(d, "representative"), DPO: c.told(d, "dpo"), Authority: c.told(d, "authority"), Pos: c.pos(d.Position),
	}
}

// recipients reads who receives the data of a purpose.
func (c *compiler) recipients(ds ast.DirectiveList) []*ir.Recipient {
	var out []*ir.Recipient
	for _, d := range c.directives(ds, "recipient") {
		r := &ir.Recipient{Name: c.told(d, "name"), As: text(d, "as"), For: c.told(d, "for"), Country: c.country(d), Safeguard: text(d, "safeguard"), Pos: c.pos(d.Position)}
		at := ""
		if c.schema.Controller != nil {
			at = c.schema.Controller.Country
		}
		if r.Safeguard == "" && r.Country != "" && r.Country != at && !slices.Contains(eea, r.Country) {
			c.report(ruleSafeguard, c.at(d.Position), fmt.Sprintf("%s receives data in %s, outside the European Economic Area, and nothing protects it there", r.Name, r.Country),
				"add safeguard: STANDARD_CLAUSES, or the one that holds")
		}
		out = append(out, r)
	}
	return out
}

// told is a text that people read; one that is given says something.
func (c *compiler) told(d *ast.Directive, name string) string {
	said := strings.TrimSpace(text(d, name))
	if said == "" && argument(d, name) != nil {
		c.report(ruleArgumentValue, c.valueAt(d, name), fmt.Sprintf("argument %s of @%s is empty", name, d.Name), "say it, or leave the argument out where it is optional: people read it in the privacy notice")
	}
	return said
}

func (c *compiler) country(d *ast.Directive) string {
	code := text(d, "country")
	r, err := language.ParseRegion(code)
	if err != nil || !r.IsCountry() || r.String() != code {
		c.report(ruleArgumentValue, c.valueAt(d, "country"), fmt.Sprintf("%q is not the code of a country", code), "write an ISO 3166-1 code in capitals, for example \"DE\"")
		return ""
	}
	return code
}

// tag reads a language in its canonical form.
func (c *compiler) tag(d *ast.Directive, name string) string {
	given := text(d, name)
	t, err := language.Parse(given)
	switch {
	case err != nil || t == language.Und:
		c.report(ruleLanguage, c.valueAt(d, name), fmt.Sprintf("%q is not a language", given), "write a BCP 47 tag, for example \"de\"")
	case t.String() != given:
		c.report(ruleLanguage, c.valueAt(d, name), fmt.Sprintf("%q is not the canonical tag of this language", given), fmt.Sprintf("write %q", t))
	}
	return given
}

// translations reads what the schema says in other languages, and finds what it does not say at all.
func (c *compiler) translations() {
	known := c.sayings()
	seen := map[[2]string]ir.Pos{}
	for _, d := range c.directives(c.whole, "translated") {
		t := &ir.Translation{Language: c.tag(d, "language"), Of: strings.TrimSpace(text(d, "of")), As: c.told(d, "as"), Pos: c.pos(d.Position)}
		key := [2]string{t.Language, t.Of}
		if before, again := seen[key]; again {
			c.report(ruleTranslated, c.at(d.Position), fmt.Sprintf("this is already translated into %s in line %d of %s", t.Language, before.Line, before.File), "keep one of them")
			continue
		}
		seen[key] = t.Pos
		if !known[t.Of] {
			c.report(ruleTranslated, c.valueAt(d, "of"), "the schema does not say this", c.meant(t.Of, known))
		}
		c.schema.Translations = append(c.schema.Translations, t)
	}
}

// sayings is everything that @translated can name.
func (c *compiler) sayings() map[string]bool {
	out := map[string]bool{}
	name := func(coordinate, own string) { out[coordinate], out[ir.Words(own)] = true, true }
	for _, p := range c.schema.Purposes {
		name("Purpose."+p.Name, p.Name)
		out[p.Notice] = true
		for _, r := range p.Recipients {
			out[r.For] = true
		}
	}
	for _, t := range c.schema.Types {
		if !t.Entity {
			continue
		}
		name(t.Name, t.Name)
		reasons := t.Retains
		for _, f := range t.Fields {
			name(f.Coordinate(), f.Name)
			reasons = slices.Concat(reasons, f.Retains)
		}
		for _, r := range reasons {
			out[r.Because] = true
		}
	}
	return out
}

// meant is what to do about a translation of nothing: the text most like it, which may be the same after a change.
func (c *compiler) meant(of string, known map[string]bool) string {
	names := make([]string, 0, len(known))
	for k := range known {
		if (len(k) > 60) == (len(of) > 60) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	if remedy := suggest(of, names); strings.HasPrefix(remedy, "did you") {
		return remedy
	}
	return "a text that was changed needs its translation anew: give the text as it stands now, or remove this"
}
