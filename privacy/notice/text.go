package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Text is what a person is shown when asked about one purpose, in one language: who asks, why, with which data, for how
// long, who receives it and how to change one's mind (GDPR Art. 7(3), Art. 13; EDPB Guidelines 05/2020 no. 64).
type Text struct {
	Purpose  string // its name in the schema
	Language string // BCP 47
	Version  string // the first digits of Hash, for people
	Hash     string // SHA-256 of Body, hex
	Body     string // plain text: paragraphs, and lists of lines that begin with "- "
}

// Of returns the text about a purpose in a language; ErrLanguage where not all is said in it.
func Of(s *ir.Schema, p *ir.Purpose, tag string) (Text, error) {
	w, err := newWriter(s, tag)
	if err != nil {
		return Text{}, err
	}
	return w.about(p), nil
}

// Texts are those about every purpose in every language the notice is written in, in order of the schema and of Languages.
func Texts(s *ir.Schema) []Text {
	var out []Text
	for _, tag := range Languages(s) {
		w := write(s, tag)
		for _, p := range s.Purposes {
			out = append(out, w.about(p))
		}
	}
	return out
}

func (w *writer) about(p *ir.Purpose) Text {
	body := w.body(w.purpose(p))
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	return Text{Purpose: p.Name, Language: w.tag, Version: hash[:versionDigits], Hash: hash, Body: body}
}

func (w *writer) body(p Purpose) string {
	var b strings.Builder
	paragraph := func(text string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text + "\n")
	}
	paragraph(p.Title)
	paragraph(p.Why)
	if c := w.controller(); c != nil {
		paragraph(w.frame.say("text.controller", "name", c.Name, "address", c.Address, "country", c.Country, "contact", c.Contact))
	} else {
		paragraph(w.frame.say("controller.missing"))
	}
	if len(p.Records) == 0 {
		paragraph(w.frame.say("purpose.none"))
	} else {
		paragraph(w.frame.say("text.data"))
	}
	for _, r := range p.Records {
		paragraph(r.Title)
		for _, d := range r.Data {
			remarks := append([]string{d.Source}, d.Only...)
			for _, k := range d.Kept {
				remarks = append(remarks, w.frame.say("text.kept.own", "kept", k))
			}
			b.WriteString("- " + d.Category + ": " + w.frame.list(d.Fields) + " (" + strings.Join(remarks, "; ") + ")\n")
		}
		for _, k := range r.Kept {
			b.WriteString("- " + w.frame.say("text.kept", "kept", k) + "\n")
		}
	}
	if len(p.Recipients) == 0 {
		paragraph(w.frame.say("purpose.nobody"))
	} else {
		paragraph(w.frame.say("text.recipients"))
		for _, r := range p.Recipients {
			b.WriteString("- " + r + "\n")
		}
	}
	paragraph(p.Basis + " " + p.Choice)
	return b.String()
}
