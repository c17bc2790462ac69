package graph

import (
	"encoding/json"
	"math"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// size is how large an operation is, with each fragment counted wherever it is spread.
type size struct {
	depth, aliases, directives, fields int64
	values                             int64 // that the answer may have, and work that is worth as much
	perRow                             int64 // those that come again for each row of the page around
}

// points is what the operation costs: a hundred values are a point. A page of 25 records with eight fields is three points,
// one record one, a search or an aggregate about twenty.
func (s size) points() int64 { return 1 + s.values/100 }

// much is more than any bound, and small enough that a sum of two, or its product with a page, is a number still.
const much = math.MaxInt64 >> 16

func sum(a, b int64) int64 { return min(a+b, much) }
func product(a, b int64) int64 { // neither is below zero
	if a != 0 && b > much/a {
		return much
	}
	return a * b
}

func (s *size) add(o size) {
	s.depth = max(s.depth, o.depth)
	s.aliases, s.directives, s.fields = sum(s.aliases, o.aliases), sum(s.directives, o.directives), sum(s.fields, o.fields)
	s.values, s.perRow = sum(s.values, o.values), sum(s.perRow, o.perRow)
}

// Pages as package read has them, and what is worth as much as so many values.
const (
	page       = 25
	largest    = 1000
	aStatement = 50
	aCount     = 200
	aWrite     = 1000
	anOverview = 2000 // a search, an aggregate
	theSchema  = 5000
	aWord      = 2 // of the schema: these are read one by one
)

// kind is what a field means for the size of the answer.
type kind uint8

const (
	plain   kind = iota
	paged        // a connection: first or last say how many rows
	rows         // nodes and edges: what is below comes again for each row
	byIDs        // one object for each of ids
	grouped      // one object for each group
	schemas      // __schema and __type
	listed       // a list of the schema's: as many objects as such a list has
)

// price is what a field adds.
type price struct {
	kind  kind
	once  int64
	typ   string // of what is selected below
	times int64  // objects of what is listed
}

// prices are those of every field, by type. They come from the API's schema and the compiled one, so that a document can be
// measured before it is validated.
type prices map[string]map[string]price

func pricesOf(s *ast.Schema, compiled *ir.Schema) prices {
	aggregates := map[string]bool{}
	for _, t := range compiled.Entities() {
		aggregates[api.AggregateField(t)] = true
	}
	out, lists := prices{}, listsOf(s)
	for _, t := range s.Types {
		if t.Kind != ast.Object && t.Kind != ast.Interface {
			continue
		}
		fields := make(map[string]price, len(t.Fields))
		for _, f := range t.Fields {
			p := price{once: 1, typ: f.Type.Name()}
			isRoot := t == s.Query || t == s.Mutation || t == s.Subscription
			switch {
			case f.Name == "__schema" || f.Name == "__type":
				p.kind, p.once = schemas, theSchema
			case t.BuiltIn:
				if n := lists[t.Name+"."+f.Name]; n > 0 {
					p.kind, p.times = listed, n
				}
			case t == s.Query && aggregates[f.Name]:
				p.kind, p.once = grouped, anOverview
			case f.Arguments.ForName("first") != nil:
				p.kind = paged
				if f.Arguments.ForName("last") == nil { // a search
					p.once = anOverview
				}
			case t == s.Query && f.Arguments.ForName("ids") != nil:
				p.kind = byIDs
			case (f.Name == "nodes" || f.Name == "edges") && f.Type.Elem != nil && s.Types[t.Name].Fields.ForName("pageInfo") != nil:
				p.kind = rows
			case f.Name == "totalCount":
				p.once = aCount
			}
			switch {
			case t == s.Mutation:
				p.once = aWrite
			case isRoot && p.kind != schemas:
				p.once += aStatement
			}
			fields[f.Name] = p
		}
		out[t.Name] = fields
	}
	return out
}

// listsOf is how many objects a list of the schema's has, rounded up: all types, and of each as much as types have on average.
// Then a question about all types costs what its answer has, and one that asks about types within types costs that much more.
func listsOf(s *ast.Schema) map[string]int64 {
	var fields, args, inputs, values, interfaces, possible, ofDirectives int
	for _, t := range s.Types {
		interfaces, values = interfaces+len(t.Interfaces), values+len(t.EnumValues)
		possible += len(s.GetPossibleTypes(t))
		if t.Kind == ast.InputObject {
			inputs += len(t.Fields)
			continue
		}
		fields += len(t.Fields)
		for _, f := range t.Fields {
			args += len(f.Arguments)
		}
	}
	for _, d := range s.Directives {
		ofDirectives += len(d.Arguments)
	}
	mean := func(of, among int) int64 { return int64(of/max(among, 1)) + 1 }
	types := len(s.Types)
	return map[string]int64{
		"__Schema.types": int64(types), "__Schema.directives": int64(len(s.Directives)), "__Directive.args": mean(ofDirectives, len(s.Directives)),
		"__Type.fields": mean(fields, types), "__Type.inputFields": mean(inputs, types), "__Type.enumValues": mean(values, types),
		"__Type.interfaces": mean(interfaces, types), "__Type.possibleTypes": mean(possible, types), "__Field.args": mean(args, fields),
	}
}

// measuring is one pass over an operation. It is linear in the document: a fragment is measured once, however often it is
// spread, and what fragments contain each other is refused at the first step in the circle.
type measuring struct {
	prices    prices
	doc       *ast.QueryDocument
	op        *ast.OperationDefinition
	variables map[string]any
	most      Limits
	known     map[string]size // fragments
	open      map[string]bool // fragments under way
	depth     int
	circle    *ast.Position // where a fragment comes to contain itself
}

// measure tells the size of an operation with the values of its variables, before or after validation. What it does not
// know counts as little: validation refuses it.
func (g *Gateway) measure(doc *ast.QueryDocument, op *ast.OperationDefinition, variables map[string]any) (s size, circle *ast.Position) {
	m := measuring{prices: g.prices, doc: doc, op: op, variables: variables, most: g.limits}
	s = m.selections(op.SelectionSet, g.rootOf(op))
	s.directives = sum(s.directives, int64(len(op.Directives)))
	for _, v := range op.VariableDefinitions {
		s.directives = sum(s.directives, int64(len(v.Directives)))
	}
	// Whatever else the document holds is validated with the operation, though it is not executed.
	beside := func(o size) {
		o.values, o.perRow = 0, 0
		s.add(o)
	}
	for _, f := range doc.Fragments {
		if doc.Fragments.ForName(f.Name) != f { // a second one of that name
			beside(m.selections(f.SelectionSet, f.TypeCondition))
		} else if _, spread := m.known[f.Name]; !spread {
			beside(m.fragment(f.Name, f.Position))
		}
	}
	for _, other := range doc.Operations {
		if other != op {
			beside(m.selections(other.SelectionSet, g.rootOf(other)))
		}
	}
	return s, m.circle
}

// rootOf is the type whose fields an operation selects.
func (g *Gateway) rootOf(op *ast.OperationDefinition) string {
	var t *ast.Definition
	switch op.Operation {
	case ast.Query:
		t = g.api.Query
	case ast.Mutation:
		t = g.api.Mutation
	case ast.Subscription:
		t = g.api.Subscription
	}
	if t == nil {
		return ""
	}
	return t.Name
}

func (m *measuring) selections(set ast.SelectionSet, typ string) (s size) {
	if len(set) == 0 {
		return s
	}
	if m.depth++; m.depth > m.most.Depth+1 { // nothing below needs to be known any more
		m.depth--
		return size{depth: much}
	}
	fields := m.prices[typ]
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			s.add(m.field(sel, fields[sel.Name]))
		case *ast.InlineFragment:
			on := typ
			if sel.TypeCondition != "" {
				on = sel.TypeCondition
			}
			below := m.selections(sel.SelectionSet, on)
			below.directives = sum(below.directives, int64(len(sel.Directives)))
			s.add(below)
		case *ast.FragmentSpread:
			below := m.fragment(sel.Name, sel.Position)
			below.directives = sum(below.directives, int64(len(sel.Directives)))
			s.add(below)
		}
	}
	m.depth--
	s.depth++
	return s
}

func (m *measuring) field(f *ast.Field, p price) size {
	s := m.selections(f.SelectionSet, p.typ)
	s.fields++
	s.directives = sum(s.directives, int64(len(f.Directives)))
	if f.Alias != f.Name {
		s.aliases++
	}
	switch p.kind {
	case paged:
		s.values, s.perRow = sum(s.values, product(m.rows(f), s.perRow)), 0
	case rows:
		s.values, s.perRow = 0, sum(s.values, 1)
	case byIDs:
		s.values = product(m.ids(f), s.values)
	case grouped:
		s.values = product(page, s.values)
	case listed:
		s.values = product(p.times, s.values)
	case schemas:
		s.values = product(aWord, s.values)
	}
	s.values = sum(s.values, max(p.once, 1))
	return s
}

func (m *measuring) fragment(name string, at *ast.Position) size {
	if s, ok := m.known[name]; ok {
		return s
	}
	if m.open[name] {
		m.circle = at
		return size{}
	}
	f := m.doc.Fragments.ForName(name)
	if f == nil {
		return size{}
	}
	if m.known == nil {
		m.known, m.open = map[string]size{}, map[string]bool{}
	}
	m.open[name] = true
	depth := m.depth
	m.depth = 0 // its own depth does not depend on where it is spread first
	s := m.selections(f.SelectionSet, f.TypeCondition)
	m.depth = depth
	delete(m.open, name)
	if s.depth > 0 {
		s.depth-- // its braces are those of where it is spread
	}
	s.directives = sum(s.directives, int64(len(f.Directives)))
	m.known[name] = s
	return s
}

// rows is how many rows a page may have.
func (m *measuring) rows(f *ast.Field) int64 {
	n := int64(page)
	for _, a := range f.Arguments {
		if a.Name != "first" && a.Name != "last" {
			continue
		}
		if given, ok := m.number(a.Value); ok {
			n = min(max(given, 0), largest) // more is refused where the page is read
		}
	}
	return n
}

// number is an integer in the document, or the value of a variable.
func (m *measuring) number(v *ast.Value) (int64, bool) {
	if v == nil {
		return 0, false
	}
	if v.Kind == ast.IntValue {
		n, err := json.Number(v.Raw).Int64()
		return n, err == nil
	}
	if v.Kind != ast.Variable {
		return 0, false
	}
	given, ok := m.variables[v.Raw]
	if !ok {
		if d := m.op.VariableDefinitions.ForName(v.Raw); d != nil && d.DefaultValue != nil && d.DefaultValue.Kind == ast.IntValue {
			return m.number(d.DefaultValue)
		}
		return 0, false
	}
	switch n := given.(type) {
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return int64(min(max(n, -1), largest+1)), true
	}
	return 0, false
}

// ids is how many objects are asked for by their ids.
func (m *measuring) ids(f *ast.Field) int64 {
	a := f.Arguments.ForName("ids")
	if a == nil || a.Value == nil {
		return 1
	}
	n, v := 1, a.Value
	if v.Kind == ast.Variable {
		given, ok := m.variables[v.Raw]
		switch list := given.(type) {
		case []any:
			n = len(list)
		case []string:
			n = len(list)
		}
		if d := m.op.VariableDefinitions.ForName(v.Raw); !ok && d != nil && d.DefaultValue != nil {
			v = d.DefaultValue
		}
	}
	if v.Kind == ast.ListValue {
		n = len(v.Children)
	}
	return int64(min(n, largest))
}
