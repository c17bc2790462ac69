package notice

import (
	"fmt"
	"regexp"
	"strings"
)

// Markdown renders the notice as CommonMark with GitHub's tables.
func (n *Notice) Markdown() []byte {
	return []byte(n.markdown() + "\n" + escape(n.frame.say("version", "version", n.Version)) + "\n")
}

// markdown is the notice but for its version.
func (n *Notice) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", escape(n.frame.say("title")), escape(n.frame.say("intro")))
	for _, x := range n.document() {
		b.WriteByte('\n')
		switch {
		case x.Level > 0:
			fmt.Fprintf(&b, "%s %s\n", strings.Repeat("#", x.Level), escape(x.Text))
		case len(x.List) > 0:
			for _, item := range x.List {
				fmt.Fprintf(&b, "- %s\n", escape(item))
			}
		case len(x.Head) > 0:
			fmt.Fprintf(&b, "%s\n\n| %s |\n|%s\n", escape(x.Caption), strings.Join(escaped(x.Head), " | "), strings.Repeat(" --- |", len(x.Head)))
			for _, row := range x.Rows {
				b.WriteByte('|')
				for _, c := range row {
					fmt.Fprintf(&b, " %s |", strings.Join(escaped(c), "<br>"))
				}
				b.WriteByte('\n')
			}
		default:
			b.WriteString(escape(x.Text) + "\n")
		}
	}
	return b.String()
}

// special is what Markdown, or the HTML in it, would read as more than a character, wherever it stands; leading what it reads so at
// the beginning of a line.
var (
	special = regexp.MustCompile("[\\\\`*_{}\\[\\]<>|#&~]")
	leading = regexp.MustCompile(`^(\s*)([-+=]|\d+[.)])`)
)

// escape writes a text so that Markdown shows it as it is, on one line.
func escape(text string) string {
	text = special.ReplaceAllString(strings.Join(strings.Fields(text), " "), `\$0`)
	return leading.ReplaceAllStringFunc(text, func(s string) string { return s[:len(s)-1] + `\` + s[len(s)-1:] })
}

func escaped(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = escape(t)
	}
	return out
}
