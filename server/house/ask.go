package house

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Question is an operation with its reason.
type Question struct {
	policy.Withheld

	Query     string
	Variables map[string]any
	Purpose   string // for operations that do not say it themselves with @for
}

// ErrTwoPurposes says that an operation names another purpose than its sender.
var ErrTwoPurposes = errors.New("the operation says @for another purpose: leave one of the two out")

// Ask answers a question of the viewer in process, by the same gateway that answers over HTTP. Errors have their place in the
// question as it was asked.
func (h *House) Ask(ctx context.Context, viewer policy.Principal, q Question) (*graphql.Response, error) {
	query, added, err := h.withPurpose(q.Query, q.Purpose)
	if err != nil {
		return nil, err
	}
	resp := h.Gateway.Do(policy.WithPrincipal(ctx, viewer), query, q.Variables)
	for i, e := range resp.Errors {
		moved := *e
		moved.Locations = nil
		for _, l := range e.Locations {
			moved.Locations = append(moved.Locations, added.original(l))
		}
		resp.Errors[i] = &moved
	}
	return resp, nil
}

var graphqlName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

// withPurpose adds @for to the operations that lack it, and changes nothing else. What does not parse is returned as it is:
// the gateway will say what is wrong with it.
func (h *House) withPurpose(query, purpose string) (string, insertions, error) {
	switch {
	case purpose == "":
		return query, nil, nil
	case !graphqlName.MatchString(purpose):
		return "", nil, fmt.Errorf("a purpose is a value of the schema's Purpose enum, for example SALES")
	case h.Schema.Purpose(purpose) == nil:
		var have []string
		for _, p := range h.Schema.Purposes {
			have = append(have, p.Name)
		}
		return "", nil, fmt.Errorf("the schema has no purpose %s; it has %s", purpose, strings.Join(have, ", "))
	}
	src := &ast.Source{Input: query}
	doc, err := parser.ParseQuery(src)
	if err != nil {
		return query, nil, nil //nolint:nilerr // see above
	}
	lacking := map[int]bool{} // operations by where they begin, in code points
	for _, op := range doc.Operations {
		switch d := op.Directives.ForName("for"); {
		case d == nil:
			lacking[op.Position.Start] = true
		case d.Arguments.ForName("purpose") == nil || d.Arguments.ForName("purpose").Value.Raw != purpose:
			return "", nil, fmt.Errorf("%w (--purpose %s)", ErrTwoPurposes, purpose)
		}
	}
	added := places(src, lacking, "@for(purpose: "+purpose+") ")
	return added.into(query), added, nil
}

// insertion is text put into a question.
type insertion struct {
	at, line, column int // at counts code points, as the lexer does
	text             string
}

// insertions are in the order of the text.
type insertions []insertion

// places finds where a directive of the operations goes: before the brace that opens their selection. An operation that
// begins with the brace has to say first that it is a query.
func places(src *ast.Source, operations map[int]bool, directive string) insertions {
	var out insertions
	inside, depth := false, 0
	for l := lexer.New(src); ; {
		t, err := l.ReadToken()
		if err != nil || t.Kind == lexer.EOF {
			return out // it was parsed before, so there is no error
		}
		text := directive
		if operations[t.Pos.Start] {
			inside, depth = true, 0
			if t.Kind == lexer.BraceL {
				text = "query " + directive
			}
		}
		switch {
		case !inside:
		case t.Kind == lexer.ParenL: // braces of values are all in here
			depth++
		case t.Kind == lexer.ParenR:
			depth--
		case t.Kind == lexer.BraceL && depth == 0:
			inside = false
			out = append(out, insertion{t.Pos.Start, t.Pos.Line, t.Pos.Column, text})
		}
	}
}

func (in insertions) into(query string) string {
	var b strings.Builder
	runes, done := []rune(query), 0
	for _, i := range in {
		b.WriteString(string(runes[done:i.at]) + i.text)
		done = i.at
	}
	b.WriteString(string(runes[done:]))
	return b.String()
}

// original is the place in the question before anything was put in.
func (in insertions) original(l gqlerror.Location) gqlerror.Location {
	for _, i := range in {
		if i.line != l.Line || l.Column < i.column {
			continue
		}
		l.Column = max(i.column, l.Column-len(i.text))
	}
	return l
}
