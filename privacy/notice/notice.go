package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// ErrLanguage is returned for a language in which not everything is said.
var ErrLanguage = errors.New("the notice is not written in this language")

// Notice is a privacy notice in one language. Its texts are complete sentences and names, for any rendering.
type Notice struct {
	Language   string      `json:"language"`
	Version    string      `json:"version"` // the first digits of the SHA-256 of all it says
	Controller *Controller `json:"controller"`
	Purposes   []Purpose   `json:"purposes"`
	Rights     []string    `json:"rights"`
	California California  `json:"california"`

	frame *frame
}

// Controller is who is responsible, as the schema says it.
type Controller struct {
	Name           string `json:"name"`
	Address        string `json:"address"`
	Country        string `json:"country"`
	Contact        string `json:"contact"`
	Representative string `json:"representative,omitempty"`
	DPO            string `json:"dpo,omitempty"`
	Authority      string `json:"authority,omitempty"`
}

// Purpose is why data is used, and all that belongs to it.
type Purpose struct {
	Name       string   `json:"name"` // in the schema
	Title      string   `json:"title"`
	Why        string   `json:"why"`
	Basis      string   `json:"basis"`
	Choice     string   `json:"choice"`
	Signals    []string `json:"signals,omitempty"`
	Records    []Record `json:"records"`
	Recipients []string `json:"recipients"`
}

// Record is a kind of record that holds data for a purpose.
type Record struct {
	Type  string   `json:"type"` // in the schema
	Title string   `json:"title"`
	Kept  []string `json:"kept"` // how long, and why
	Data  []Data   `json:"data"`
}

// Data is fields of one category that are alike in all that people are told of them.
type Data struct {
	Category string   `json:"category"`
	Fields   []string `json:"fields"`
	Source   string   `json:"source"`
	Only     []string `json:"only,omitempty"` // on what conditions
	Kept     []string `json:"kept,omitempty"` // where shorter than the record

	fields []*ir.Field
}

// New writes the notice of a schema. It returns ErrLanguage with what is missing where not all is said in the language.
func New(s *ir.Schema, tag string) (*Notice, error) {
	w, err := newWriter(s, tag)
	if err != nil {
		return nil, err
	}
	n := &Notice{Language: tag, frame: w.frame, Controller: w.controller(), Rights: w.rights(), California: w.california()}
	for _, p := range s.Purposes {
		n.Purposes = append(n.Purposes, w.purpose(p))
	}
	sum := sha256.Sum256([]byte(n.markdown()))
	n.Version = hex.EncodeToString(sum[:])[:versionDigits]
	return n, nil
}

const versionDigits = 12

// writer says what a schema says in one language.
type writer struct {
	schema *ir.Schema
	tag    string
	frame  *frame
	gaps   []string // what it could not say, in order, each once
}

func newWriter(s *ir.Schema, tag string) (*writer, error) {
	if !slices.Contains(declared(s), tag) {
		return nil, fmt.Errorf("%w: %q; it is written in %s", ErrLanguage, tag, strings.Join(Languages(s), ", "))
	}
	w := write(s, tag)
	if !Framed(tag) && tag != s.Language {
		return nil, fmt.Errorf("%w: Cloakroom has no words of its own in %q", ErrLanguage, tag)
	}
	if len(w.gaps) > 0 {
		return nil, fmt.Errorf("%w: %q lacks %d texts of the schema, the first is %q", ErrLanguage, tag, len(w.gaps), w.gaps[0])
	}
	return w, nil
}

// write says everything once, to find what cannot be said.
func write(s *ir.Schema, tag string) *writer {
	w := &writer{schema: s, tag: tag}
	w.frame, _ = frameFor(tag)
	for _, p := range s.Purposes {
		w.purpose(p)
	}
	return w
}

// declared are the languages of the schema: its own first, then those of its translations.
func declared(s *ir.Schema) []string {
	var others []string
	for _, t := range s.Translations {
		if t.Language != s.Language && !slices.Contains(others, t.Language) {
			others = append(others, t.Language)
		}
	}
	slices.Sort(others)
	return append([]string{s.Language}, others...)
}

// Languages are those the notice is written in, BCP 47: the schema's own first, then each in which all is said, sorted.
func Languages(s *ir.Schema) []string {
	return slices.DeleteFunc(declared(s), func(tag string) bool { return tag != s.Language && (!Framed(tag) || len(write(s, tag).gaps) > 0) })
}

// Missing says what the law wants people to be told and the schema does not say, in English, for whoever writes it.
func Missing(s *ir.Schema) []string {
	var out []string
	switch c := s.Controller; {
	case c == nil:
		out = append(out, "who is responsible (GDPR Art. 13(1)(a)): add `extend schema @controller(name: …, address: …, contact: …, country: …)`")
	case c.Authority == "":
		out = append(out, "the supervisory authority (GDPR Art. 13(2)(d)): add authority to @controller")
	}
	for _, tag := range declared(s) {
		if !Framed(tag) {
			out = append(out, fmt.Sprintf("Cloakroom's own words in %q: add a file to privacy/notice/frame", tag))
		}
	}
	for _, tag := range declared(s)[1:] {
		if gaps := Untranslated(s, tag); len(gaps) > 0 {
			out = append(out, fmt.Sprintf("texts in %q, %d of them, so that the notice is not offered in it: `cloakroom report notice --untranslated %s` lists them", tag, len(gaps), tag))
		}
	}
	return out
}

// Untranslated are the texts and coordinates of the schema that a language lacks, in the order they are told in.
func Untranslated(s *ir.Schema, tag string) []string { return write(s, tag).gaps }

// text is a text of the schema in the writer's language.
func (w *writer) text(own string) string {
	if as, ok := w.schema.Said(w.tag, own); ok {
		return as
	}
	if w.tag != w.schema.Language {
		w.gap(own)
	}
	return own
}

// name is what something is called, by its coordinate or else by its name in words.
func (w *writer) name(coordinate, own string) string {
	words := ir.Words(own)
	if as, ok := w.schema.Said(w.tag, coordinate, words); ok {
		return as
	}
	if w.tag != w.schema.Language {
		w.gap(coordinate)
	}
	return words
}

func (w *writer) gap(what string) {
	if !slices.Contains(w.gaps, what) {
		w.gaps = append(w.gaps, what)
	}
}

func (w *writer) field(f *ir.Field) string { return w.name(f.Coordinate(), f.Name) }

func (w *writer) title(p *ir.Purpose) string { return capital(w.name("Purpose."+p.Name, p.Name)) }

func capital(s string) string {
	rs := []rune(s)
	if len(rs) > 0 {
		rs[0] = unicode.ToUpper(rs[0])
	}
	return string(rs)
}

func (w *writer) controller() *Controller {
	c := w.schema.Controller
	if c == nil {
		return nil
	}
	return &Controller{c.Name, c.Address, w.frame.country(c.Country), c.Contact, c.Representative, c.DPO, c.Authority}
}

func (w *writer) purpose(p *ir.Purpose) Purpose {
	basis := p.Basis.String()
	out := Purpose{Name: p.Name, Title: w.title(p), Why: w.text(p.Notice), Basis: w.frame.say("basis." + basis), Choice: w.frame.say("choice." + basis), Records: []Record{}, Recipients: []string{}}
	if p.DirectMarketing && p.Objectable() {
		out.Choice = w.frame.say("choice.marketing")
	}
	for _, s := range p.OptOut {
		out.Signals = append(out.Signals, w.frame.say("signal."+s))
	}
	for _, t := range w.schema.Entities() {
		if r := w.record(t, p); len(r.Data) > 0 {
			out.Records = append(out.Records, r)
		}
	}
	for _, r := range p.Recipients {
		key, safeguard := "recipient", ""
		if r.Safeguard != "" {
			key, safeguard = "recipient.safeguarded", w.frame.say("safeguard."+r.Safeguard)
		}
		out.Recipients = append(out.Recipients, w.frame.say(key, "name", r.Name, "country", w.frame.country(r.Country), "for", w.text(r.For), "as", w.frame.say("recipient."+r.As), "safeguard", safeguard))
	}
	return out
}

// categories are the vocabulary's, in its order, which is the order people read them in.
var categories = strings.Fields(`IDENTITY CONTACT LOCATION FINANCIAL DEMOGRAPHIC BEHAVIORAL COMMUNICATION EMPLOYMENT TECHNICAL
	CREDENTIAL HEALTH GENETIC BIOMETRIC SPECIAL CRIMINAL`)

// uses reports whether a purpose uses a field: it is one of the field's and of its type's, or what gates one of them.
func uses(p *ir.Purpose, f *ir.Field) bool {
	if f.Pii == nil || f.Kind != ir.Column {
		return false // what is computed is told by what it is made of
	}
	serves := func(s ir.PurposeSet) bool { return s.Empty() || s.Has(p) }
	if serves(f.Owner.Purposes) && serves(f.Purposes) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(f.Owner.Consents, f.Consents), func(c ir.Consent) bool { return c.To == p })
}

func (w *writer) record(t *ir.Type, p *ir.Purpose) Record {
	r := Record{Type: t.Name}
	for _, category := range categories {
		for _, f := range t.Fields {
			if uses(p, f) && f.Pii.Category == category {
				r.add(w.data(f, p))
			}
		}
	}
	if len(r.Data) > 0 {
		r.Title, r.Kept = capital(w.name(t.Name, t.Name)), w.kept(t.Retains)
	}
	return r
}

// add puts a field to those like it, or on its own.
func (r *Record) add(d Data) {
	for i := range r.Data {
		have := &r.Data[i]
		if have.Category == d.Category && have.Source == d.Source && slices.Equal(have.Only, d.Only) && slices.Equal(have.Kept, d.Kept) {
			have.Fields = append(have.Fields, d.Fields...)
			have.fields = append(have.fields, d.fields...)
			return
		}
	}
	r.Data = append(r.Data, d)
}

func (w *writer) data(f *ir.Field, p *ir.Purpose) Data {
	d := Data{Category: w.frame.say("category." + f.Pii.Category), Fields: []string{w.field(f)}, Source: w.frame.say("source." + f.Pii.Source), Kept: w.kept(f.Retains), fields: []*ir.Field{f}}
	if f.Pii.Sensitivity == ir.Special {
		d.Category = w.frame.say("category.special", "category", d.Category)
	}
	for _, c := range slices.Concat(f.Owner.Consents, f.Consents) {
		if c.To != p {
			d.Only = append(d.Only, w.frame.say("gated", "purpose", w.frame.say("quoted", "text", w.title(c.To))))
		}
	}
	return d
}

func (w *writer) kept(rules []*ir.Retain) []string {
	var out []string
	for _, r := range rules {
		out = append(out, w.frame.say("kept", "period", w.frame.period(r.For), "clock", w.frame.say("quoted", "text", w.field(r.After)),
			"disposal", w.frame.say("disposal."+r.Then), "because", w.text(r.Because)))
	}
	return out
}

func (w *writer) rights() []string {
	f := w.frame
	out := []string{f.say("rights.access"), f.say("rights.rectification"), f.say("rights.erasure"), f.say("rights.restriction"), f.say("rights.portability")}
	if open := w.titles((*ir.Purpose).Objectable); len(open) > 0 {
		out = append(out, f.say("rights.objection", "purposes", f.list(open)))
	}
	if asked := w.titles((*ir.Purpose).ByConsent); len(asked) > 0 {
		out = append(out, f.say("rights.withdrawal", "purposes", f.list(asked)))
	}
	out = append(out, f.say("rights.decisions"))
	if c := w.schema.Controller; c != nil && c.Authority != "" {
		return append(out, f.say("rights.complaint", "authority", c.Authority))
	}
	return append(out, f.say("rights.complaint.any"))
}

func (w *writer) titles(of func(*ir.Purpose) bool) []string {
	var out []string
	for _, p := range w.schema.Purposes {
		if of(p) {
			out = append(out, w.title(p))
		}
	}
	return out
}
