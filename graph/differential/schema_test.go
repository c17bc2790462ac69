package differential

import (
	"fmt"
	"slices"
	"strings"
)

// sketch is a schema while it is made up. It knows enough of the compiler's rules that nearly every one compiles.
type sketch struct {
	dice
	purposes []string
	consents []string // the purposes that rest on consent
	nulls    bool     // some purpose leaves nothing of personal fields
	roles    []string
	types    []*typeSketch
	serial   int
}

type typeSketch struct {
	name     string
	subject  bool
	personal bool // a subject, or owned
	pii      bool // has personal fields
	columns  []*columnSketch
	links    []*linkSketch
	lists    []string // fields, whole
	leading  []string // names of lists of what belongs to people
	audience string   // the directive
}

type columnSketch struct {
	name, scalar string
	class        string // @pii(…) or @public(…)
	pii, sealed  bool
	maskIsNull   bool
}

type linkSketch struct {
	name   string
	owner  bool
	target *typeSketch
	listed bool // a list of the target shows it
}

var (
	typeNames  = []string{"Alpha", "Bravo", "Cobra", "Delta", "Ember"}
	stages     = []string{"NEW", "OPEN", "WON"}
	bases      = []string{"CONTRACT", "CONSENT", "LEGITIMATE_INTERESTS", "LEGAL_OBLIGATION", "PUBLIC_TASK", "VITAL_INTERESTS"}
	categories = []string{"IDENTITY", "CONTACT", "HEALTH"}
	periods    = []string{"P2Y6M", "P1Y", "P1M", "P30D", "P2W", "P1D"}
	scalars    = []string{"String", "String", "String", "Int", "Float", "Boolean", "DateTime", "Date", "Decimal", "JSON", "Stage"}
)

// sdl makes up a schema.
func (d dice) sdl() string {
	s := &sketch{dice: d}
	var b strings.Builder
	s.words(&b)
	s.structure()
	s.audiences(&b)
	for _, t := range s.types {
		s.render(&b, t)
	}
	return b.String()
}

func (s *sketch) name(kind string) string {
	s.serial++
	return fmt.Sprintf("%s%d", kind, s.serial)
}

// words makes up purposes and roles.
func (s *sketch) words(b *strings.Builder) {
	s.purposes = []string{"SALES", "MARKETING", "SUPPORT"}[:2+s.upTo(1)]
	if s.odds(9) {
		s.purposes = append(s.purposes, "SELF_SERVICE")
	}
	bit := s.upTo(55)
	b.WriteString("enum Purpose {\n")
	for i, p := range s.purposes {
		basis := pick(s.dice, bases)
		if i == 1 && !s.odds(2) {
			basis = "CONSENT" // most schemas should have something to consent to
		}
		if basis == "CONSENT" {
			s.consents = append(s.consents, p)
		}
		fmt.Fprintf(b, "  %s @lawful(basis: %s, notice: \"Why.\"", p, basis)
		if basis == "CONSENT" || basis == "LEGITIMATE_INTERESTS" || basis == "PUBLIC_TASK" || s.odds(7) {
			fmt.Fprintf(b, ", bit: %d", (bit+13*i)%56)
		}
		if basis == "CONSENT" && s.odds(8) {
			otherwise := pick(s.dice, []string{"MASK", "NULL", "DENY", "HIDE_ROW"})
			s.nulls = s.nulls || otherwise == "NULL" || otherwise == "DENY"
			fmt.Fprintf(b, ", otherwise: %s", otherwise)
		}
		b.WriteString(")\n")
	}
	s.roles = []string{"REP", "CLERK", "PERSON"}[:2+s.upTo(1)]
	b.WriteString("}\nenum Role {\n")
	for _, r := range s.roles {
		b.WriteString("  " + r)
		for range 1 + s.upTo(1) {
			fmt.Fprintf(b, " @clearance(categories: [%s], upTo: %s, purposes: [%s])", strings.Join(s.maybe(categories), ", "),
				pick(s.dice, []string{"SPECIAL", "STANDARD", "HIGH", "LOW"}), strings.Join(some(s.dice, s.purposes, 9), ", "))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "}\nenum Stage { %s }\n", strings.Join(stages, " "))
}

func (s *sketch) maybe(from []string) []string {
	if s.odds(1) {
		return nil
	}
	return some(s.dice, from, 8)
}

// structure decides which types there are, and how they hang together. Owners are types made before, so that every
// chain of owners ends.
func (s *sketch) structure() {
	for i := range 2 + s.upTo(2) {
		t := &typeSketch{name: typeNames[i]}
		t.subject = i == 0 && !s.odds(1) || i > 0 && s.odds(4)
		t.personal = t.subject
		for _, to := range s.types {
			for range 2 {
				if to.personal && s.odds(map[bool]int{false: 7, true: 2}[t.subject]) {
					t.links = append(t.links, &linkSketch{name: s.name("owner"), owner: true, target: to})
					t.personal = true
				}
			}
		}
		s.types = append(s.types, t)
	}
	for _, t := range s.types {
		for _, to := range s.types {
			if s.odds(4) {
				t.links = append(t.links, &linkSketch{name: s.name("link"), target: to})
			}
		}
	}
	for _, t := range s.types {
		if t.personal || s.odds(8) {
			t.columns = append(t.columns, s.column(t, "DateTime"))
		}
		for range 1 + s.upTo(5) {
			t.columns = append(t.columns, s.column(t, pick(s.dice, scalars)))
		}
	}
	for _, t := range s.types {
		for _, l := range t.links {
			if s.odds(9) {
				l.listed = true
				list := s.name("list")
				l.target.lists = append(l.target.lists, fmt.Sprintf("%s: [%s!]! @edge(inverse: %q)%s", list, t.name, l.name, s.rules(l.target, aList, "")))
				if t.personal {
					l.target.leading = append(l.target.leading, list)
				}
			}
		}
	}
	for _, t := range s.types {
		for _, to := range s.types {
			if t != to && !linked(t, to) && !linked(to, t) && s.odds(2) { // a list whose key no field shows
				t.lists = append(t.lists, fmt.Sprintf("%s: [%s!]!%s", s.name("list"), to.name, s.rules(t, aList, "")))
				t.links = append(t.links, &linkSketch{target: to}) // so that there is no second between the two
			}
		}
	}
}

// audiences has some types reach out to people, each by channels of its own. People are reached by a field of whoever comes first.
func (s *sketch) audiences(b *strings.Builder) {
	for _, t := range s.types {
		if t.leading == nil || !s.odds(9) {
			continue
		}
		way, by := s.name("Way"), ""
		for _, c := range s.types[0].columns {
			if c.scalar == "String" && s.types[0].subject && s.odds(5) {
				by = fmt.Sprintf(", by: %q", c.name)
			}
		}
		fmt.Fprintf(b, "enum %s {\n  MAIL @channel(for: %s%s)\n  VISIT @channel(for: %s)\n  NONE\n}\n", way, pick(s.dice, s.purposes), by, pick(s.dice, s.purposes))
		channel := s.name("channel")
		t.lists = append(t.lists, fmt.Sprintf(`%s: %s @public(because: "Known.")`, channel, way))
		t.audience = fmt.Sprintf(" @audience(of: %q, channel: %q)", pick(s.dice, t.leading), channel)
	}
}

func linked(a, b *typeSketch) bool {
	return slices.ContainsFunc(a.links, func(l *linkSketch) bool { return l.target == b })
}

// column makes up a column and its classification. The first of a type is a time that SQL can read, for retention.
func (s *sketch) column(t *typeSketch, scalar string) *columnSketch {
	c := &columnSketch{name: s.name(strings.ToLower(scalar)), scalar: scalar, class: ` @public(because: "Known.")`}
	if !t.personal || s.odds(5) {
		return c
	}
	c.pii, t.pii = true, true
	mask := pick(s.dice, masksOf(scalar))
	c.maskIsNull = mask == "NULL" || mask == "REDACT" && scalar != "String"
	c.sealed = len(t.columns) > 0 && s.odds(9)
	store, finds := "PLAIN", []string{"EXACT", "ORDER", "NONE"}
	if scalar == "String" {
		finds = append(finds, "PREFIX")
	}
	if c.sealed { // asked about more often than not: the look-up is what can go wrong
		store, finds = "SEALED", []string{"EXACT", "EXACT", "NONE"}
	}
	if scalar == "JSON" {
		finds = []string{"NONE"}
	}
	c.class = fmt.Sprintf(" @pii(category: %s, sensitivity: %s, mask: %s, store: %s, find: %s)", pick(s.dice, categories),
		pick(s.dice, []string{"LOW", "STANDARD", "HIGH", "SPECIAL"}), mask, store, pick(s.dice, finds))
	if scalar == "String" && s.odds(6) {
		c.class += " @format(as: EMAIL)"
	}
	return c
}

func masksOf(scalar string) []string {
	out := []string{"REDACT", "NULL"}
	switch scalar {
	case "String":
		out = []string{"REDACT", "EMAIL", "PHONE", "NAME", "LAST4", "PREFIX", "GENERALIZE", "PSEUDONYM", "NULL"}
	case "Int", "Float", "Decimal":
		out = append(out, "GENERALIZE", "GENERALIZE")
	case "DateTime", "Date":
		out = append(out, "GENERALIZE", "YEAR")
	}
	return out
}

func (s *sketch) render(b *strings.Builder, t *typeSketch) {
	start := b.Len()
	fmt.Fprintf(b, "type %s @entity", t.name)
	if t.subject {
		b.WriteString(" @subject")
	}
	b.WriteString(t.audience)
	b.WriteString(s.access(t))
	if t.pii || s.odds(2) {
		fmt.Fprintf(b, " @purpose(only: [%s])", strings.Join(some(s.dice, s.purposes, 13), ", "))
	}
	for n := range 2 {
		if t.pii && n == 0 || s.odds(2) {
			b.WriteString(s.retain(t))
		}
	}
	if t.personal && len(s.consents) > 0 && s.odds(3) {
		fmt.Fprintf(b, " @consent(to: %s, otherwise: %s)", pick(s.dice, s.consents), pick(s.dice, []string{"MASK", "NULL", "DENY", "HIDE_ROW"}))
	}
	b.WriteString(" {\n")
	nulls := s.nulls || strings.Contains(b.String()[start:], "otherwise: NULL") || strings.Contains(b.String()[start:], "otherwise: DENY")
	for _, c := range t.columns {
		bang, rules := "", ""
		if s.odds(3) && (!c.pii || !c.maskIsNull && !nulls) {
			bang = "!"
		} else {
			rules = s.rules(t, aColumn, c.class)
		}
		fmt.Fprintf(b, "  %s: %s%s%s%s\n", c.name, c.scalar, bang, c.class, rules)
	}
	s.computed(b, t)
	for _, l := range t.links {
		if l.name == "" {
			continue
		}
		owner := ""
		if l.owner {
			owner = " @owner"
		}
		bang := ""
		if s.odds(3) {
			bang = "!"
		}
		fmt.Fprintf(b, "  %s: %s%s%s%s\n", l.name, l.target.name, bang, owner, s.rules(t, anEdge, ""))
	}
	for _, l := range t.lists {
		fmt.Fprintf(b, "  %s\n", l)
	}
	b.WriteString("}\n")
}

// computed joins texts of the type, sometimes with a classification of its own.
func (s *sketch) computed(b *strings.Builder, t *typeSketch) {
	var texts []string
	for _, c := range t.columns {
		if c.scalar == "String" {
			texts = append(texts, `"`+c.name+`"`)
		}
	}
	if len(texts) == 0 || !s.odds(9) {
		return
	}
	class := ""
	if t.pii && s.odds(6) {
		class = fmt.Sprintf(" @pii(category: %s, sensitivity: SPECIAL, mask: %s)", pick(s.dice, categories), pick(s.dice, []string{"REDACT", "NAME", "NULL"}))
	}
	fmt.Fprintf(b, "  %s: String @computed(from: [%s], join: %q)%s%s\n", s.name("joined"), strings.Join(some(s.dice, texts, 9), ", "),
		pick(s.dice, []string{" ", ", "}), class, s.rules(t, aJoin, "@pii"))
}

type fieldKind int

const (
	aColumn fieldKind = iota
	anEdge
	aList
	aJoin // of texts
)

// rules makes up what limits a field beyond its classification.
// On a list nothing can be denied.
func (s *sketch) rules(t *typeSketch, of fieldKind, class string) string {
	var out string
	if s.odds(3) {
		out += s.access(t)
	}
	if s.odds(2) {
		out += fmt.Sprintf(" @purpose(only: [%s])", strings.Join(some(s.dice, s.purposes, 11), ", "))
	}
	for range 2 {
		if len(s.consents) > 0 && s.odds(2) {
			otherwise := pick(s.dice, []string{"NULL", "DENY"})
			switch {
			case of == aList:
				otherwise = "NULL"
			case strings.Contains(class, "@pii") && s.odds(9):
				otherwise = "MASK"
			}
			out += fmt.Sprintf(" @consent(to: %s, otherwise: %s)", pick(s.dice, s.consents), otherwise)
		}
	}
	if of == aColumn && s.odds(2) {
		out += s.retain(t)
	}
	return out
}

func (s *sketch) retain(t *typeSketch) string {
	var clocks []string
	for _, c := range t.columns {
		if (c.scalar == "DateTime" || c.scalar == "Date") && !c.sealed {
			clocks = append(clocks, c.name)
		}
	}
	if clocks == nil {
		return ""
	}
	return fmt.Sprintf(" @retain(for: %q, after: %q, because: \"It is over.\")", pick(s.dice, periods), pick(s.dice, clocks))
}

// access makes up one or two rules. A step-up that the other rule lets people avoid does not compile.
func (s *sketch) access(t *typeSketch) (out string) {
	rules := make([]struct{ to, roles, when, stepUp string }, 1+s.upTo(1))
	for i := range rules {
		r := &rules[i]
		r.to = pick(s.dice, []string{"[READ]", "[READ]", "[READ, UPDATE]", "[CREATE]"})
		if s.odds(7) {
			r.when = `, when: """ ` + s.condition(t, 2) + ` """`
		}
		r.roles = strings.Join(some(s.dice, s.roles, 12), ", ")
		if s.odds(7) {
			r.stepUp = pick(s.dice, []string{", aal: 1", ", aal: 2", `, freshWithin: "PT15M"`, `, aal: 2, freshWithin: "PT1H"`})
		}
	}
	for _, r := range rules {
		for i := range rules {
			if r.when == "" && rules[i].stepUp != r.stepUp {
				rules[i].stepUp = ""
			}
		}
	}
	for _, r := range rules {
		out += fmt.Sprintf(" @access(to: %s, roles: [%s]%s%s)", r.to, r.roles, r.when, r.stepUp)
	}
	return out
}

// condition makes up a `when` over rows of t.
func (s *sketch) condition(t *typeSketch, depth int) string {
	if depth > 0 && s.odds(6) {
		switch s.upTo(2) {
		case 0:
			return "!(" + s.condition(t, depth-1) + ")"
		case 1:
			return "(" + s.condition(t, depth-1) + " || " + s.condition(t, depth-1) + ")"
		default:
			return "(" + s.condition(t, depth-1) + " && " + s.condition(t, depth-1) + ")"
		}
	}
	return s.comparison(t, "row", 2)
}

func (s *sketch) comparison(t *typeSketch, path string, steps int) string {
	if s.odds(2) {
		return pick(s.dice, []string{`viewer.region == "EMEA"`, `viewer.region != null`, `viewer.role == "REP"`, `viewer.level >= 2`, `"x" in viewer.tags`, `viewer.senior`})
	}
	var links []*linkSketch
	for _, l := range t.links {
		if l.name != "" {
			links = append(links, l)
		}
	}
	if len(links) > 0 && s.odds(5) {
		l := pick(s.dice, links)
		at := path + "." + l.name
		if steps > 1 && s.odds(11) {
			return s.comparison(l.target, at, steps-1)
		}
		return at + pick(s.dice, []string{" == null", " != null", " == viewer.subject", ".id != viewer.subject"})
	}
	var readable []*columnSketch
	for _, c := range t.columns {
		if !c.sealed && c.scalar != "JSON" {
			readable = append(readable, c)
		}
	}
	if len(readable) == 0 {
		return path + `.id != viewer.subject`
	}
	c := pick(s.dice, readable)
	at := path + "." + c.name
	if s.odds(2) {
		return at + pick(s.dice, []string{" == null", " != null"})
	}
	order := pick(s.dice, []string{" < ", " <= ", " > ", " >= "})
	equal := pick(s.dice, []string{" == ", " != "})
	switch c.scalar {
	case "String":
		return pick(s.dice, []string{at + equal + "viewer.region", at + equal + `"EMEA"`, at + order + `"b"`, at + ` in ["EMEA", "x"]`, at + " in viewer.tags", "!(" + at + " in viewer.tags)", at + order + "viewer.region"})
	case "Int":
		return pick(s.dice, []string{at + order + "2", at + equal + "viewer.level", at + order + "1.5", at + " in [1, 5]", at + " in viewer.levels"})
	case "Float":
		return pick(s.dice, []string{at + order + "0.5", at + equal + "1", at + order + "viewer.level"})
	case "Boolean":
		return pick(s.dice, []string{at, "!" + at, at + equal + "viewer.senior"})
	case "DateTime":
		return pick(s.dice, []string{at + order + "now", at + order + `timestamp("2026-02-28T00:00:00Z")`})
	case "Date":
		return pick(s.dice, []string{at + order + "now", at + equal + "now", at + order + `timestamp("2026-02-28T00:00:00Z")`})
	case "Decimal":
		return pick(s.dice, []string{at + order + "1.5", at + equal + "3", at + order + "viewer.level"})
	default:
		return pick(s.dice, []string{at + equal + `"WON"`, at + equal + "viewer.stage", at + ` in ["NEW", "OPEN"]`, at + " in viewer.stages"})
	}
}
