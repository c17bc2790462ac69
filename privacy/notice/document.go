package notice

import "strings"

// block is a part of a document: a heading, a paragraph, a list or a table, whichever it has.
type block struct {
	Level   int // of a heading, from 2
	ID      string
	Text    string
	List    []string
	Caption string
	Head    []string
	Rows    [][]cell
}

// cell of a table: lines.
type cell []string

// document is the notice as blocks, below its title.
func (n *Notice) document() []block {
	f := n.frame
	var out []block
	paragraph := func(texts ...string) {
		for _, t := range texts {
			out = append(out, block{Text: t})
		}
	}
	heading := func(level int, id, text string) { out = append(out, block{Level: level, ID: id, Text: text}) }

	heading(2, "controller", f.say("controller.title"))
	paragraph(n.responsible()...)

	heading(2, "purposes", f.say("purposes.title"))
	for _, p := range n.Purposes {
		heading(3, "purpose-"+strings.ToLower(strings.ReplaceAll(p.Name, "_", "-")), p.Title)
		paragraph(p.Why, p.Basis+" "+p.Choice)
		if len(p.Signals) > 0 {
			paragraph(f.say("purpose.signals", "signals", f.list(p.Signals)))
		}
		if len(p.Records) == 0 {
			paragraph(f.say("purpose.none"))
		} else {
			out = append(out, block{Caption: f.say("purpose.table", "purpose", f.say("quoted", "text", p.Title)),
				Head: []string{f.say("column.record"), f.say("column.data"), f.say("column.source"), f.say("column.kept")}, Rows: rowsOf(p)})
		}
		if len(p.Recipients) == 0 {
			paragraph(f.say("purpose.nobody"))
		} else {
			paragraph(f.say("text.recipients"))
			out = append(out, block{List: p.Recipients})
		}
	}

	heading(2, "rights", f.say("rights.title"))
	paragraph(f.say("rights.intro"))
	out = append(out, block{List: n.Rights})

	heading(2, "california", f.say("california.title"))
	paragraph(f.say("california.intro"))
	out = append(out, n.California.table(f), block{List: n.California.Rights})
	if n.California.GPC != "" {
		paragraph(n.California.GPC)
	}
	return out
}

func (n *Notice) responsible() []string {
	f, c := n.frame, n.Controller
	if c == nil {
		return []string{f.say("controller.missing")}
	}
	out := []string{f.say("controller.is", "name", c.Name, "address", c.Address, "country", c.Country), f.say("controller.contact", "contact", c.Contact)}
	if c.Representative != "" {
		out = append(out, f.say("controller.representative", "representative", c.Representative))
	}
	if c.DPO != "" {
		out = append(out, f.say("controller.dpo", "dpo", c.DPO))
	}
	return out
}

func rowsOf(p Purpose) [][]cell {
	var out [][]cell
	for _, r := range p.Records {
		for _, d := range r.Data {
			data := append(cell{d.Category + ": " + strings.Join(d.Fields, ", ")}, d.Only...)
			out = append(out, []cell{{r.Title}, data, {d.Source}, append(append(cell{}, d.Kept...), r.Kept...)})
		}
	}
	return out
}

func (c California) table(f *frame) block {
	out := block{Caption: f.say("california.table"), Head: []string{f.say("california.category"), f.say("california.data"), f.say("california.disclosed")}}
	for _, d := range c.Categories {
		to := d.Recipients
		if len(to) == 0 {
			to = []string{f.say("california.nobody")}
		}
		out.Rows = append(out.Rows, []cell{{d.Category}, {strings.Join(d.Data, ", ")}, {strings.Join(to, ", ")}})
	}
	return out
}
