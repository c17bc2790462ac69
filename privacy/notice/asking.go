package notice

import (
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Asking is what a person reads who is asked by mail for consent to a purpose, beside the text of the purpose itself.
type Asking struct {
	title      string
	controller *Controller
	frame      *frame
}

// Page is what a page says.
type Page struct {
	Language   string // BCP 47
	Title      string
	Paragraphs []string
	Button     string // empty: there is nothing to press
}

// Ask returns what is read in a language, or in English beside a text in a language that Cloakroom has no words of its own in.
func Ask(s *ir.Schema, p *ir.Purpose, tag string) Asking {
	w := write(s, tag)
	return Asking{w.title(p), w.controller(), w.frame}
}

// Letter is a mail with a link that works until some time. It names nobody but who asks.
func (a Asking) Letter(link string, until time.Time) (subject, body string) {
	who := a.frame.say("ask.who.unknown")
	if c := a.controller; c != nil {
		who = a.frame.say("ask.who", "name", c.Name, "address", c.Address, "country", c.Country)
	}
	return a.frame.say("ask.subject", "purpose", a.title), strings.Join([]string{
		who, "  " + a.title,
		a.frame.say("ask.open"), link,
		a.frame.say("ask.until", "until", clock(until)),
		a.frame.say("ask.ignore"),
	}, "\n\n") + "\n"
}

// Question is the page on which the person answers, with the text they are asked about. A zero time is a consent that does not run out.
func (a Asking) Question(expires time.Time) Page {
	p := Page{a.frame.tag.String(), a.frame.say("ask.title", "purpose", a.title), []string{a.frame.say("ask.read")}, a.frame.say("ask.button")}
	if !expires.IsZero() {
		p.Paragraphs = append(p.Paragraphs, a.frame.say("ask.expires", "until", clock(expires)))
	}
	return p
}

// Thanks is the page after it, which says how to take it back.
func (a Asking) Thanks(origin string) Page {
	back := a.frame.say("ask.withdraw", "origin", origin)
	if a.controller != nil {
		back = a.frame.say("ask.withdraw.write", "origin", origin, "contact", a.controller.Contact)
	}
	return Page{Language: a.frame.tag.String(), Title: a.frame.say("ask.done.title"), Paragraphs: []string{a.frame.say("ask.done", "purpose", a.title), back}}
}

// clock is a moment as people of any language read it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// Void is the page of a link that does not work, whatever the reason, in the language that suits a wish best.
func Void(wish string) Page { return plainPage(wish, "ask.void") }

// Later is the page of a link that cannot be followed at the moment.
func Later(wish string) Page { return plainPage(wish, "ask.later") }

// Unsure is the page of a link of which nobody knows whether it was followed.
func Unsure(wish string) Page { return plainPage(wish, "ask.unsure") }

func plainPage(wish, key string) Page {
	var tags []string
	for _, f := range frames() { // English first
		tags = append(tags, f.tag.String())
	}
	f, _ := frameFor(Best(tags, wish))
	return Page{Language: f.tag.String(), Title: f.say(key + ".title"), Paragraphs: []string{f.say(key)}}
}
