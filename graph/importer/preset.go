package importer

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// Preset is a map that comes with Cloakroom. Several presets share a name when they are parts of one data set: which is
// meant follows from the type (`import deals FILE --preset crm`).
type Preset struct {
	Name  string
	Title string
	Plan  *Plan
}

// Presets returns the presets that fit the schema, by name and then type. One that names what the schema lacks is not
// among them.
func Presets(s *ir.Schema) []Preset {
	var out []Preset
	for _, m := range presetMaps() {
		if plan, err := Compile(s, m); err == nil {
			out = append(out, Preset{Name: m.Name, Title: m.Title, Plan: plan})
		}
	}
	return out
}

// FindPreset returns the preset of that name that imports rows as t. The error says which there are, or why the schema
// does not fit.
func FindPreset(s *ir.Schema, name string, t *ir.Type) (*Plan, error) {
	for _, m := range presetMaps() {
		offered := m.Offer
		if offered == "" {
			offered = m.Entity
		}
		if m.Name == name && offered == t.Name {
			plan, err := Compile(s, m)
			if err != nil {
				return nil, fmt.Errorf("the preset does not fit this schema:\n%w", err)
			}
			return plan, nil
		}
	}
	var have []string
	for _, p := range Presets(s) {
		if p.Plan.OfferedAs() == t {
			have = append(have, p.Name)
		}
	}
	if have == nil {
		return nil, fmt.Errorf("there is no preset for %s: write a map", t.Plural)
	}
	return nil, fmt.Errorf("there is no preset %q for %s; there is %s", name, t.Plural, strings.Join(have, ", "))
}

// presetMaps reads the embedded files, sorted. A file is called `name.yaml` or `name-part.yaml`.
func presetMaps() []*Map {
	files, err := fs.Glob(presetFiles, "presets/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(files)
	var out []*Map
	for _, file := range files {
		name, _, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".yaml"), "-")
		text, err := presetFiles.ReadFile(file)
		if err != nil {
			panic(err) // it was listed
		}
		m, err := ParseMap(name, text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file, err)) // a test reads them all
		}
		out = append(out, m)
	}
	return out
}
