package receipt

import (
	"fmt"
	"strings"
	"time"
)

// Words say what a genuine receipt proves, a sentence each, in plain words.
func (p Proof) Words() []string {
	r := p.Receipt
	who := "whoever has that key"
	if len(r.Parties) > 0 {
		who = r.Parties[0].Name
	}
	signed := "It was signed with the key " + p.Key.ID()
	if !p.Key.Made.IsZero() {
		signed += ", made on " + p.Key.Made.UTC().Format(time.DateOnly)
	}
	if !p.Key.Retired.IsZero() {
		signed += " and retired on " + p.Key.Retired.UTC().Format(time.DateOnly)
	}
	out := []string{signed + ".",
		fmt.Sprintf("It proves that %s recorded, as line %s of its consent ledger:", who, r.RecordID),
		fmt.Sprintf("on %s, the person with the number %s %s%s.", readable(r.Event.Time), r.Subject, decisions[r.Event.Type].words, r.about())}
	if r.Event.Until != "" {
		out = append(out, "It counts until "+readable(r.Event.Until)+".")
	}
	out = append(out, "How it was said: "+r.Event.Method+". Who entered it: "+entity(r.Event.Entity)+".")
	out = append(out, r.notice())
	for _, purpose := range r.Processing.Purposes {
		var kinds []string
		for _, d := range purpose.Data {
			kinds = append(kinds, d.Category)
		}
		if len(kinds) > 0 {
			out = append(out, "Data it is about: "+strings.Join(kinds, ", ")+".")
		}
		var to []string
		for _, party := range purpose.Recipients {
			to = append(to, party.Name)
		}
		if len(to) > 0 {
			out = append(out, "Who receives it: "+strings.Join(to, ", ")+".")
		}
		if len(purpose.Rights) > 0 {
			out = append(out, "Rights: "+strings.Join(purpose.Rights, ", ")+".")
		}
	}
	return append(out, "It says nothing of what was decided later: that has a receipt of its own.")
}

func (r Receipt) about() string {
	if len(r.Processing.Purposes) == 0 {
		return ", for all processing"
	}
	p := r.Processing.Purposes[0]
	out := ", for " + p.Name
	if p.Description != "" {
		out += " (" + strings.TrimSuffix(strings.Join(strings.Fields(p.Description), " "), ".") + ")"
	}
	return out
}

func (r Receipt) notice() string {
	n := r.Processing.Notice
	if n == nil {
		return "It names no notice that was shown."
	}
	out := "The notice shown"
	if n.Version != "" {
		out += ": version " + n.Version
	}
	if n.Language != "" {
		out += ", language " + n.Language
	}
	if n.SHA256 != "" {
		out += ", SHA-256 " + n.SHA256
	}
	return out + "."
}

func entity(who string) string {
	switch who {
	case "subject":
		return "the person"
	case "system":
		return "the system"
	}
	return "the role " + who
}

func readable(at string) string {
	t, err := time.Parse(timeForm, at)
	if err != nil {
		return at
	}
	return t.Format("2 January 2006, 15:04:05 UTC")
}
