package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// Checked is a document that may be trusted.
type Checked struct {
	Name    string // of its operations
	Purpose string // it works for
}

// Check finds everything that is wrong with a document that is to be trusted: it must be valid by the schema of the API,
// within the bounds, and work for one purpose that is declared and that some role has. The purpose may stand in the
// text, as @for, or be given. Unlike errors of the API these quote the text: whoever registers a document wrote it.
func (g *Gateway) Check(text, purpose string) (Checked, gqlerror.List) {
	fault := func(at *ast.Position, format string, args ...any) gqlerror.List {
		e := &gqlerror.Error{Message: fmt.Sprintf(format, args...)}
		if at != nil {
			e.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
		}
		return gqlerror.List{e}
	}
	if len(text) > g.limits.Text {
		return Checked{}, fault(nil, "the text is longer than %d bytes", g.limits.Text)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, g.limits.Tokens)
	if err != nil {
		return Checked{}, gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	if len(doc.Operations) == 0 {
		return Checked{}, fault(nil, "the document has no operation")
	}
	errs := validator.ValidateWithRules(g.api, doc, g.rules)
	c := Checked{Purpose: purpose}
	var names []string
	for _, op := range doc.Operations {
		names = append(names, op.Name)
		if s, circle := g.measure(doc, op, nil); circle == nil { // validation reports circles
			if refusal := g.limits.over(s); refusal != nil {
				errs = append(errs, fault(op.Position, "%s", refusal.Errors[0].Message)...)
			}
		}
		d := op.Directives.ForName("for")
		if d == nil {
			continue
		}
		switch a := d.Arguments.ForName("purpose"); {
		case a == nil: // validation reports it
		case a.Value.Kind != ast.EnumValue:
			errs = append(errs, fault(d.Position, "@for names the purpose itself in a trusted document: a variable would leave the choice to whoever sends it")...)
		case c.Purpose != "" && c.Purpose != a.Value.Raw:
			errs = append(errs, fault(d.Position, "the document is declared for %s, and @for says %s", c.Purpose, a.Value.Raw)...)
		default:
			c.Purpose = a.Value.Raw
		}
	}
	c.Name = strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", ")
	return c, append(errs, g.faultOfPurpose(c.Purpose)...)
}

func (g *Gateway) faultOfPurpose(name string) gqlerror.List {
	fault := func(format string, args ...any) gqlerror.List {
		return gqlerror.List{{Message: fmt.Sprintf(format, args...)}}
	}
	var names []string
	for _, p := range g.schema.Purposes {
		names = append(names, p.Name)
	}
	p := g.schema.Purpose(name)
	switch {
	case name == "":
		return fault("no purpose is declared: write @for(purpose: …) into the operation, purpose into the manifest, or say --purpose")
	case p == nil:
		return fault("%s is no purpose of the schema: want one of %s", name, strings.Join(names, ", "))
	}
	for _, r := range g.schema.Roles {
		if r.Purposes().Has(p) {
			return nil
		}
	}
	return fault("no role works for %s: nobody could send this document", name)
}
