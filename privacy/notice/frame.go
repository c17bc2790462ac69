package notice

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"gopkg.in/yaml.v3"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

//go:embed frame/*.yaml
var frameFiles embed.FS

// frame is what Cloakroom itself says, in one language.
type frame struct {
	tag   language.Tag
	texts map[string]string
}

// frames are all of them, English first: what no other fits gets the first.
var frames = sync.OnceValue(func() []*frame {
	files, err := frameFiles.ReadDir("frame")
	if err != nil {
		panic(err) // embedded
	}
	var out []*frame
	for _, file := range files {
		data, err := frameFiles.ReadFile("frame/" + file.Name())
		if err != nil {
			panic(err)
		}
		f := &frame{tag: language.MustParse(strings.TrimSuffix(file.Name(), path.Ext(file.Name())))}
		if err := yaml.Unmarshal(data, &f.texts); err != nil {
			panic(fmt.Sprintf("%s: %v", file.Name(), err)) // every test reads them
		}
		out = append(out, f)
	}
	english := slices.IndexFunc(out, func(f *frame) bool { return f.tag == language.English })
	out[0], out[english] = out[english], out[0]
	return out
})

// frameFor is the frame of a language, and whether there is one: `de` is one for `de-AT`, English for want of any.
func frameFor(tag string) (*frame, bool) {
	base, script, _ := language.Make(tag).Raw()
	for _, f := range frames() {
		if b, s, _ := f.tag.Raw(); b == base && (s == script || s == language.Script{} || script == language.Script{}) {
			return f, true
		}
	}
	return frames()[0], false
}

// FrameLanguages are those that Cloakroom's own part of a notice is written in, BCP 47.
func FrameLanguages() []string {
	var out []string
	for _, f := range frames() {
		out = append(out, f.tag.String())
	}
	slices.Sort(out)
	return out
}

// Framed reports whether Cloakroom's own part of a notice is written in a language.
func Framed(tag string) bool {
	_, ok := frameFor(tag)
	return ok
}

// say renders a text of the frame. The pairs are the names in braces and what stands in their place.
func (f *frame) say(key string, pairs ...string) string {
	text, ok := f.texts[key]
	if !ok {
		panic(fmt.Sprintf("notice frame %s has no %q", f.tag, key)) // a test holds that frames are complete
	}
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (f *frame) country(code string) string {
	r, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	if name := display.Regions(f.tag).Name(r); name != "" {
		return name
	}
	return code
}

// list is "a, b and c".
func (f *frame) list(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	n := len(items) - 1
	return f.say("and", "list", strings.Join(items[:n], ", "), "last", items[n])
}

var pluralForms = map[plural.Form]string{plural.Other: ".other", plural.Zero: ".zero", plural.One: ".one", plural.Two: ".two", plural.Few: ".few", plural.Many: ".many"}

// period is "2 years and 6 months".
func (f *frame) period(p ir.Period) string {
	var parts []string
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Years, "years"}, {p.Months, "months"}, {p.Weeks, "weeks"}, {p.Days, "days"}} {
		if part.n == 0 {
			continue
		}
		form := pluralForms[plural.Cardinal.MatchPlural(f.tag, part.n, 0, 0, 0, 0)]
		if _, ok := f.texts[part.unit+form]; !ok {
			form = ".other"
		}
		parts = append(parts, f.say(part.unit+form, "n", strconv.Itoa(part.n)))
	}
	return f.list(parts)
}
