package read

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"sort"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// planKey identifies a compiled plan. The pointers are held by the key, so that the addresses cannot come to mean
// something else while the plan is cached.
type planKey struct {
	op        *ast.OperationDefinition
	field     *ast.Field
	typ       *ir.Type
	path      string // one field of a fragment stands in several places, each with a selection of its own
	role      *ir.Role
	purpose   *ir.Purpose
	subject   bool
	stepUp    ir.StepUp
	variables string
	epoch     uint64 // of the opener: where values are
}

// shapeKey identifies which variables shape an operation's plans.
type shapeKey struct {
	op *ast.OperationDefinition
}

// planned returns the cached plan or compiles it.
func (e *Engine) planned(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type, path string, compile func(*planner) error) (*plan, error) {
	key := planKey{op: op.Operation, field: f.Field, typ: t, path: path, role: s.Request.Role, purpose: s.Request.Purpose, subject: s.Request.Subject,
		stepUp: s.Request.StepUp, variables: e.shape(op), epoch: e.opener.Epoch()}
	if pl, ok := e.plans.Get(key); ok {
		return pl, nil
	}
	_, end := e.trace.Begin(ctx, Step{Kind: StepPlan, Type: t})
	p := &planner{e: e, op: op, req: s.Request, sql: e.sql(), plan: &plan{}, rows: 1}
	err := compile(p)
	if p.err != nil {
		err = p.err
	}
	end(err)
	if err != nil {
		return nil, err
	}
	p.plan.explainOnce()
	// What sealed fields are compared with is not kept in memory.
	if len(p.plan.equals) == 0 && e.Keepable(op.Doc) {
		e.plans.Add(key, p.plan)
	}
	return p.plan, nil
}

// shape tells apart the values of the variables that shape a plan: all but those that only ever stand for a root field's
// id, ids, after, before or query, which are parameters. It is a hash that nobody can test a guess against, because it is
// kept with the plan: what one field of an operation compares a sealed field with would stay in memory beside the others.
func (e *Engine) shape(op *graphql.OperationContext) string {
	if len(op.Variables) == 0 {
		return ""
	}
	names, ok := e.shapes.Get(shapeKey{op.Operation})
	if !ok {
		names = shaping(op.Operation, op.Doc)
		if e.Keepable(op.Doc) {
			e.shapes.Add(shapeKey{op.Operation}, names)
		}
	}
	values := make([]any, 0, 2*len(names))
	for _, n := range names {
		if v, given := op.Variables[n]; given {
			values = append(values, n, v)
		}
	}
	if len(values) == 0 {
		return ""
	}
	b, err := json.Marshal(values)
	if err != nil {
		return "?" // cannot be: variables came from JSON
	}
	mac := hmac.New(sha256.New, e.shapeKey[:])
	mac.Write(b)
	clear(b)
	return string(mac.Sum(nil))
}

func shaping(op *ast.OperationDefinition, doc *ast.QueryDocument) []string {
	used := map[string]bool{}
	w := shapeWalk{doc: doc, used: used, visited: map[string]bool{}}
	w.selections(op.SelectionSet, true)
	names := make([]string, 0, len(used))
	for n := range used {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

type shapeWalk struct {
	doc     *ast.QueryDocument
	used    map[string]bool
	visited map[string]bool
}

func (w *shapeWalk) selections(set ast.SelectionSet, isRoot bool) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				if isRoot && (a.Name == "id" || a.Name == "ids" || a.Name == "after" || a.Name == "before" || a.Name == "query") && a.Value.Kind == ast.Variable {
					continue
				}
				w.value(a.Value)
			}
			w.directives(s.Directives)
			w.selections(s.SelectionSet, false)
		case *ast.InlineFragment:
			w.directives(s.Directives)
			w.selections(s.SelectionSet, isRoot)
		case *ast.FragmentSpread:
			w.directives(s.Directives)
			key := s.Name
			if isRoot {
				key += "!"
			}
			if f := w.doc.Fragments.ForName(s.Name); f != nil && !w.visited[key] {
				w.visited[key] = true
				w.selections(f.SelectionSet, isRoot)
			}
		}
	}
}

func (w *shapeWalk) directives(ds ast.DirectiveList) {
	for _, d := range ds {
		for _, a := range d.Arguments {
			w.value(a.Value)
		}
	}
}

func (w *shapeWalk) value(v *ast.Value) {
	if v == nil {
		return
	}
	if v.Kind == ast.Variable {
		w.used[v.Raw] = true
	}
	for _, c := range v.Children {
		w.value(c.Value)
	}
}
