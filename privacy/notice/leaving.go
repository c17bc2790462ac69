package notice

import "github.com/cloakroom-crm/cloakroom/directives/ir"

// Leaving is what a person reads who opts out of a purpose by a link in a mail.
type Leaving struct {
	title string
	frame *frame
}

// Leave returns what is read in the language that suits a wish best, of those that the schema's notice has.
func Leave(s *ir.Schema, p *ir.Purpose, wish string) Leaving {
	w := write(s, Best(Languages(s), wish))
	return Leaving{w.title(p), w.frame}
}

// Question is the page that the link opens. Nothing is decided by opening it.
func (l Leaving) Question() Page {
	return Page{l.frame.tag.String(), l.frame.say("leave.title", "purpose", l.title), []string{l.frame.say("leave.read")}, l.frame.say("leave.button")}
}

// Done is the page after it.
func (l Leaving) Done() Page {
	return Page{Language: l.frame.tag.String(), Title: l.frame.say("leave.done.title"), Paragraphs: []string{l.frame.say("leave.done", "purpose", l.title)}}
}

// LeaveVoid is the page of a link that is none.
func LeaveVoid(wish string) Page { return plainPage(wish, "leave.void") }

// LeaveLater is the page of a wish that cannot be recorded at the moment.
func LeaveLater(wish string) Page { return plainPage(wish, "leave.later") }

// LeaveUnsure is the page of a wish of which nobody knows whether it was recorded.
func LeaveUnsure(wish string) Page { return plainPage(wish, "leave.unsure") }
