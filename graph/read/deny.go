package read

import (
	"context"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// step is one step into an answer: a response key as it is written, or without one a place in a list.
type step struct {
	key   string
	index int
}

func (s step) element() ast.PathElement {
	if s.key == "" {
		return ast.PathIndex(s.index)
	}
	return ast.PathName(s.key[1 : len(s.key)-2]) // between `"` and `":`
}

// deny keeps where a field is denied for the first time. There is one error for each field of the operation, however many rows
// it stands in, so that an answer grows with its rows as it would by nulls. Whether there is a value is not looked at: of a row
// without one the error says the same.
func (e *encoder) deny(it *item) {
	if _, ok := e.r.denied[it.note]; ok {
		return
	}
	path := make(ast.Path, 0, len(e.trail)+1)
	for _, s := range e.trail {
		path = append(path, s.element())
	}
	if e.r.denied == nil {
		e.r.denied = map[int]ast.Path{}
	}
	e.r.denied[it.note] = append(path, step{key: it.key}.element())
}

// refuse answers with the errors of what was denied below a place of the answer. While an event is looked at they wait: if it is not
// told, there was none.
func (r *run) refuse(below ast.Path) {
	for note := range r.plan.notes {
		at, ok := r.denied[note]
		if !ok {
			continue
		}
		why := r.plan.notes[note].cell.Without(policy.Deny)
		err := &Error{Code: CodeConsentRequired, Message: why.Text + " " + why.Remedy, Path: append(slices.Clone(below), at...)}
		if oc := OccasionFrom(r.ctx); oc != nil {
			oc.denied = append(oc.denied, err)
		} else {
			graphql.AddError(r.ctx, err)
		}
	}
}

// place is a field's place in the whole answer, given its path without places in lists: that of the field under way, or of one
// below it.
func place(ctx context.Context, path string) ast.Path {
	at := slices.Clone(graphql.GetPath(ctx))
	for _, name := range strings.Split(strings.TrimPrefix(path, pathOf(ctx)), ".") {
		if name != "" {
			at = append(at, ast.PathName(name))
		}
	}
	return at
}
