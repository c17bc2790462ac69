package ir

import (
	"fmt"
	"slices"
)

// Pos is a place in a source file. Line and Col count from 1; the zero Pos is "nowhere".
type Pos struct {
	File string
	Line int
	Col  int
}

// String renders file:line:col, the form editors and terminals make clickable.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Source is one SDL file.
type Source struct {
	Name string
	Text string
}

// Schema is a compiled schema.
type Schema struct {
	// Hash identifies the sources: SHA-256 over names and texts, hex. Generated code carries it, so that a binary never
	// serves a schema its code was not generated from.
	Hash       string
	Sources    []Source
	Purposes   []*Purpose
	Roles      []*Role
	Types      []*Type // entities first, then plain object types, each in source order
	Interfaces []*Interface
	Unions     []*Union
	Enums      []*Enum  // the user's own enums, Purpose and Role included
	Inputs     []*Input // the user's own input types, for hand-written resolvers
	Scalars    []string // the user's own scalars beyond the vocabulary's
	Queries    []*Operation
	Mutations  []*Operation

	Language     string      // BCP 47, of the schema's own words
	Controller   *Controller // nil: the schema does not say
	Translations []*Translation

	// StepUps are the different ones that @access asks for. Sessions that meet the same of them share plans.
	StepUps []StepUp

	types    map[string]*Type
	purposes map[string]*Purpose
	roles    map[string]*Role
	enums    map[string]*Enum
	said     map[[2]string]string // by language and what is said
}

// Index builds the look-up tables. The compiler calls it once, last.
func (s *Schema) Index() {
	s.StepUps = nil
	s.types = make(map[string]*Type, len(s.Types))
	for _, t := range s.Types {
		s.types[t.Name] = t
		t.fields = make(map[string]*Field, len(t.Fields))
		s.stepUps(t.Access)
		for _, f := range t.Fields {
			t.fields[f.Name] = f
			s.stepUps(f.Access)
		}
	}
	s.purposes = make(map[string]*Purpose, len(s.Purposes))
	for i, p := range s.Purposes {
		p.Index = i
		s.purposes[p.Name] = p
	}
	s.roles = make(map[string]*Role, len(s.Roles))
	for i, r := range s.Roles {
		r.Index = i
		s.roles[r.Name] = r
	}
	s.enums = make(map[string]*Enum, len(s.Enums))
	for _, e := range s.Enums {
		s.enums[e.Name] = e
	}
	s.said = make(map[[2]string]string, len(s.Translations))
	for _, t := range s.Translations {
		s.said[[2]string{t.Language, t.Of}] = t.As
	}
}

func (s *Schema) stepUps(rules []*Access) {
	for _, a := range rules {
		if !a.StepUp.IsZero() && !slices.Contains(s.StepUps, a.StepUp) {
			s.StepUps = append(s.StepUps, a.StepUp)
		}
	}
}

// Type returns the type of that name, or nil.
func (s *Schema) Type(name string) *Type { return s.types[name] }

// Purpose returns the purpose of that name, or nil.
func (s *Schema) Purpose(name string) *Purpose { return s.purposes[name] }

// Role returns the role of that name, or nil.
func (s *Schema) Role(name string) *Role { return s.roles[name] }

// Enum returns the user's enum of that name, or nil.
func (s *Schema) Enum(name string) *Enum { return s.enums[name] }

// Entities returns the stored types in source order.
func (s *Schema) Entities() []*Type {
	var out []*Type
	for _, t := range s.Types {
		if t.Entity {
			out = append(out, t)
		}
	}
	return out
}

// Operation is a root field the schema developer declared with `extend type Query` or `Mutation` (or `type Query`); a
// hand-written resolver answers it. Signature is its SDL after the name: arguments, type.
type Operation struct {
	Name string
	SDL  string // the whole field definition as SDL, description included
	Type TypeRef
	Args []*Argument
	Pos  Pos
}

// Argument is an argument of an Operation.
type Argument struct {
	Name string
	Type TypeRef
	Pos  Pos
}

// Enum is an enum of the user's schema.
type Enum struct {
	Name   string
	Desc   string
	Values []EnumValue
	Pos    Pos
}

// EnumValue is one value of an Enum.
type EnumValue struct {
	Name string
	Desc string
	// Channel says how people are contacted by it, nil where nobody is.
	Channel *Channel
	// Deprecated is `@deprecated` with its reason as SDL, or empty.
	Deprecated string
	Pos        Pos
}

// Channel is a way to contact people.
type Channel struct {
	For *Purpose
	By  string // the field of theirs that is needed to reach them; empty: none
}

// Address is the field by which people of t are reached through the channel, for its purpose; nil where the channel needs none.
// Not ok: they cannot be.
func (c *Channel) Address(t *Type) (f *Field, ok bool) {
	if !t.Purposes.Empty() && !t.Purposes.Has(c.For) {
		return nil, false
	}
	if c.By == "" {
		return nil, true
	}
	for _, f := range t.Fields {
		if f.Name == c.By && f.Kind == Column && (f.Purposes.Empty() || f.Purposes.Has(c.For)) {
			return f, true
		}
	}
	return nil, false
}

// Has reports whether name is a value of the enum.
func (e *Enum) Has(name string) bool {
	for _, v := range e.Values {
		if v.Name == name {
			return true
		}
	}
	return false
}

// Interface is an interface of the user's schema.
type Interface struct {
	Name   string
	Desc   string
	SDL    string // the whole definition as SDL without the vocabulary's directives
	Fields []string
	Pos    Pos
}

// Union is a union of the user's schema.
type Union struct {
	Name    string
	Desc    string
	Members []string
	Pos     Pos
}

// Input is an input type of the user's schema.
type Input struct {
	Name string
	SDL  string // the whole definition as SDL
	Pos  Pos
}
