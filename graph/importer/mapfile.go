package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Map says what the columns of a file mean: which record a row is, which records it brings along, and from which columns
// their fields come. docs/import.md describes the YAML form.
type Map struct {
	// Name is the file's name, for messages; of a preset its name.
	Name string `yaml:"-"`
	// Title is one line for a list of presets.
	Title string `yaml:"title"`
	// Offer is the type the file is imported "as" on the command line, where it is not Entity: a file of teams may have a
	// row per member.
	Offer string `yaml:"offer"`
	// Nulls are texts that mean "no value", besides the empty one.
	Nulls []string `yaml:"nulls"`
	// Phones is where the country of telephone numbers without a country code comes from.
	Phones *Phones `yaml:"phones"`
	// With are records a row brings along, written before it and in this order.
	With   []Record `yaml:"with"`
	Record `yaml:",inline"`
}

// Record says how one record is made from a row.
type Record struct {
	// Name is what a Source's Record refers to. The row's own record has none.
	Name   string `yaml:"name"`
	Entity string `yaml:"entity"`
	// Key is the unique field the record is recognised by. Where it has no value, the record is left out; a row whose own
	// record has none is rejected.
	Key string `yaml:"key"`
	// Existing is what happens to a record that is there already: "update" (the default) or "keep".
	Existing string `yaml:"existing"`
	// Fields are the sources of values by field name.
	Fields map[string]Source `yaml:"fields"`
}

// Phones is a constant country, or the column that holds it. In YAML a text is a constant.
type Phones struct {
	Country string `yaml:"country"`
	Column  string `yaml:"column"`
}

// Source is where a field's value comes from, and what is done to it on the way, in the order of the fields here. In YAML
// a plain text is a Column.
type Source struct {
	Column   string   `yaml:"column"`
	Columns  []string `yaml:"columns"` // several columns, those with a value joined
	Join     string   `yaml:"join"`    // between Columns; default: a space
	Value    *string  `yaml:"value"`   // a constant, instead of columns
	Record   string   `yaml:"record"`  // of an edge: the record of this row by that name
	Optional bool     `yaml:"optional"`

	Nulls     []string          `yaml:"nulls"`     // besides the map's
	Transform words             `yaml:"transform"` // see transforms
	Values    map[string]string `yaml:"values"`    // every other text is an error, unless Otherwise is set
	Otherwise *string           `yaml:"otherwise"`
	Default   *string           `yaml:"default"` // where there is no value
	Date      string            `yaml:"date"`    // the form of a date, "DD.MM.YYYY hh:mm:ss"
	Decimal   string            `yaml:"decimal"` // "," for 1.234,5
	Times     int64             `yaml:"times"`   // a number is multiplied, 1000000 for "in millions"
	Prefix    string            `yaml:"prefix"`  // keeps keys of different sources apart

	Find    string `yaml:"find"`    // of an edge: the unique field of the target that has this value
	Missing string `yaml:"missing"` // of Find: "reject" (the default) or "empty"
	Invalid string `yaml:"invalid"` // what happens to the row: "reject" (the default) or "empty", the field left out
	Once    bool   `yaml:"once"`    // only a new record gets it: an import repeated does not undo what happened since
	Expect  string `yaml:"expect"`  // "any": the check of content against headers leaves this field alone
}

// words is one or several words.
type words []string

// UnmarshalYAML reads a text or a list of texts.
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = words{n.Value}
		return nil
	}
	return n.Decode((*[]string)(w))
}

// UnmarshalYAML reads a text as the country, or a mapping.
func (p *Phones) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		p.Country = n.Value
		return nil
	}
	type plain Phones
	return strict(n, (*plain)(p), "country", "column")
}

var sourceKeys = []string{"column", "columns", "join", "value", "record", "optional", "nulls", "transform", "values", "otherwise",
	"default", "date", "decimal", "times", "prefix", "find", "missing", "invalid", "once", "expect"}

// UnmarshalYAML reads a text as the column, or a mapping.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		s.Column = n.Value
		return nil
	}
	type plain Source
	return strict(n, (*plain)(s), sourceKeys...)
}

// strict decodes a mapping and refuses keys it does not know: a decoder's KnownFields ends at a custom UnmarshalYAML.
func strict(n *yaml.Node, into any, keys ...string) error {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !slices.Contains(keys, k.Value) {
				return fmt.Errorf("line %d: there is no %q here; known are %s", k.Line, k.Value, strings.Join(keys, ", "))
			}
		}
	}
	return n.Decode(into)
}

// ParseMap reads a map's YAML. Keys it does not know are errors: a misspelt "invalid" must not pass in silence.
func ParseMap(name string, text []byte) (*Map, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	m := &Map{Name: name}
	if err := d.Decode(m); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: the map is empty", name)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.Decode(&Map{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: a map is one YAML document", name)
	}
	return m, nil
}
