package read

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Keepable reports whether a document may stay in memory beyond its request, and what was planned for it. One that holds values
// which storage would seal may not: texts of a mutation, of a search, and what a sealed field is compared with. In variables,
// where they belong, they are gone with the request.
func (e *Engine) Keepable(doc *ast.QueryDocument) bool {
	l := literals{e.sealedNames}
	for _, op := range doc.Operations {
		if defaults(op) || l.below(op.SelectionSet) || op.Operation != ast.Query && anyText(op.SelectionSet) {
			return false
		}
	}
	for _, f := range doc.Fragments {
		if l.below(f.SelectionSet) {
			return false
		}
	}
	return true
}

// sealedNames are the names of sealed fields, under which a filter holds their values.
func sealedNames(s *ir.Schema) map[string]bool {
	out := map[string]bool{}
	for _, t := range s.Entities() {
		for _, f := range t.Fields {
			if f.Sealed() {
				out[f.Name] = true
			}
		}
	}
	return out
}

type literals struct{ sealed map[string]bool }

// below looks for values of sealed fields in the arguments of a selection. What a spread names is looked at by itself.
func (l literals) below(set ast.SelectionSet) bool {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				if a.Name == "query" && textIn(a.Value) || l.in(a.Value) {
					return true
				}
			}
			if l.below(s.SelectionSet) {
				return true
			}
		case *ast.InlineFragment:
			if l.below(s.SelectionSet) {
				return true
			}
		}
	}
	return false
}

func (l literals) in(v *ast.Value) bool {
	if v == nil {
		return false
	}
	for _, c := range v.Children {
		if l.sealed[c.Name] && valueIn(c.Value) || l.in(c.Value) {
			return true
		}
	}
	return false
}

// valueIn reports whether anything but variables stands in a value.
func valueIn(v *ast.Value) bool {
	switch v.Kind {
	case ast.Variable, ast.NullValue, ast.BooleanValue:
		return false
	case ast.ListValue, ast.ObjectValue:
		for _, c := range v.Children {
			if valueIn(c.Value) {
				return true
			}
		}
		return false
	}
	return true
}

// anyText reports whether there is a text in the arguments of a mutation's root fields.
func anyText(set ast.SelectionSet) bool {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				if textIn(a.Value) {
					return true
				}
			}
		case *ast.InlineFragment:
			if anyText(s.SelectionSet) {
				return true
			}
		case *ast.FragmentSpread:
			return true // a mutation in a fragment is rare, and fragments can be deep
		}
	}
	return false
}

// defaults reports whether a variable has a text as its default.
func defaults(op *ast.OperationDefinition) bool {
	for _, v := range op.VariableDefinitions {
		if textIn(v.DefaultValue) {
			return true
		}
	}
	return false
}

func textIn(v *ast.Value) bool {
	if v == nil {
		return false
	}
	if v.Kind == ast.StringValue || v.Kind == ast.BlockValue {
		return true
	}
	for _, c := range v.Children {
		if textIn(c.Value) {
			return true
		}
	}
	return false
}
