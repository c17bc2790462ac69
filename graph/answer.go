package graph

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// respond is the one way in: whatever the door, POST, GET, a subscription's event or a call in process, an operation meets the
// same bounds, in this order: what is cheap to know (may this be said at all, how long is it, how large), then whether the
// sender has so much left, then what costs (validation), then who asks and why. Work ends with ctx, which is done as soon as
// the sender has left.
func (g *Gateway) respond(ctx context.Context, r *request) *graphql.Response {
	if g.keys.Held() != nil {
		return refused(read.CodeUnavailable, "erasures are being carried out again on restored data: try again later")
	}
	o, refusal := g.admit(ctx, r)
	r.operation = o
	if refusal != nil {
		if tooOften := g.spend(ctx, nil, nil, 1); tooOften != nil { // to refuse was work, too
			return tooOften
		}
		return refusal
	}
	if tooOften := g.spend(ctx, o.doc, o.op, o.points+o.toValidate); tooOften != nil {
		return tooOften
	}
	leave, refusal := g.enter(ctx, o.points)
	if refusal != nil {
		return refusal
	}
	defer leave()
	if !o.valid {
		if errs := validator.ValidateWithRules(g.api, o.doc, g.rules); len(errs) > 0 {
			return g.invalid(o.op, errs)
		}
		g.keep(ctx, r, o.doc)
	}
	if !o.named {
		return invalidOperation("operationName must name one of the document's operations, and may be left out only where there is one")
	}
	resp := g.execute(ctx, r, o.doc, o.op)
	if g.mode == DocumentsOpen && r.overHTTP && len(resp.Data) > 0 {
		if resp.Extensions == nil {
			resp.Extensions = map[string]any{}
		}
		resp.Extensions[costExtension] = o.points
	}
	return resp
}

// operation is what is known of a request before it is validated.
type operation struct {
	doc    *ast.QueryDocument
	op     *ast.OperationDefinition
	valid  bool // it was validated before
	named  bool // the document has the operation that the request names
	points int64
	// toValidate are the points of a document that was not seen before: its selections are compared with each other.
	toValidate int64
}

// admit finds out, in time linear in the request, what is asked and whether so much may be.
func (g *Gateway) admit(ctx context.Context, r *request) (o operation, refusal *graphql.Response) {
	if refusal := g.settle(ctx, r); refusal != nil {
		return o, refusal
	}
	if o.doc, o.valid, refusal = g.parse(ctx, r); refusal != nil {
		return o, refusal
	}
	if o.op = o.doc.Operations.ForName(r.operationName); o.op != nil {
		o.named = true
	} else {
		o.op = o.doc.Operations[0] // whether the document is valid is told first
	}
	if refusal := g.byURL(r, o.op); refusal != nil {
		return o, refusal
	}
	s, circle := g.measure(o.doc, o.op, r.variables)
	if circle != nil {
		return o, invalidOperation(wrong["NoFragmentCycles"], gqlerror.Location{Line: circle.Line, Column: circle.Column})
	}
	if looks(o.op.SelectionSet, o.doc, map[string]bool{}) > maxLooks {
		return o, tooMuch("an operation may ask for __schema and __type %d times", maxLooks)
	}
	o.points = s.points()
	if !o.valid {
		o.toValidate = product(s.fields, s.fields) / 10_000
	}
	return o, g.limits.over(s)
}

// costExtension tells developers what they pay. In production it would only help to find the dearest question.
const costExtension = "cost"

// parse reads the text, or finds it read before; valid says that it was found valid, too.
func (g *Gateway) parse(ctx context.Context, r *request) (doc *ast.QueryDocument, valid bool, refusal *graphql.Response) {
	if len(r.query) > g.limits.Text {
		return nil, false, g.limits.tooLarge()
	}
	if doc, ok := g.cache(r).Get(ctx, r.query); ok {
		return doc, true, nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: r.query}, g.limits.Tokens)
	switch {
	case err != nil:
		errcode.Set(err, errcode.ParseFailed)
		return nil, false, g.invalid(nil, gqlerror.List{gqlerror.WrapIfUnwrapped(err)})
	case len(doc.Operations) == 0:
		return nil, false, invalidOperation("the document has no operation")
	}
	return doc, false, nil
}

func (g *Gateway) cache(r *request) graphql.Cache[*ast.QueryDocument] {
	if r.registered {
		return g.trusted
	}
	return g.parsed
}

// keep remembers a document, unless somebody's values stand in it.
func (g *Gateway) keep(ctx context.Context, r *request, doc *ast.QueryDocument) {
	if g.reads.Keepable(doc) {
		g.cache(r).Add(ctx, r.query, doc)
	}
}

// execute runs a valid operation within its bounds.
func (g *Gateway) execute(ctx context.Context, r *request, doc *ast.QueryDocument, op *ast.OperationDefinition) *graphql.Response {
	ctx = graphql.StartOperationTrace(context.WithValue(ctx, requestKey{}, r))
	r.doc = doc
	ctx, err := attempt(ctx, r, op)
	if err != nil {
		return refused(read.CodeBadInput, err.Error())
	}
	now := g.now()
	oc, errs := g.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: r.query, OperationName: r.operationName, Variables: r.variables,
		Extensions: r.extensions, ReadTime: graphql.TraceTiming{Start: now, End: now}})
	if len(errs) > 0 {
		return g.invalid(op, errs)
	}
	responses, ctx := g.exec.DispatchOperation(ctx, oc)
	resp := responses(ctx)
	if resp == nil && read.OccasionFrom(ctx) != nil && ctx.Err() == nil {
		return &graphql.Response{} // there was nothing to tell
	}
	if resp == nil { // the context ended before the answer was begun
		return late()
	}
	// Root fields run side by side. Which failed first would tell how long each took.
	slices.SortStableFunc(resp.Errors, func(a, b *gqlerror.Error) int {
		return cmp.Or(strings.Compare(a.Path.String(), b.Path.String()), strings.Compare(a.Message, b.Message))
	})
	return resp
}

func late() *graphql.Response { return refused(read.CodeUnavailable, "the operation ran out of time") }

func invalidOperation(text string, at ...gqlerror.Location) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{{Message: text, Locations: at, Extensions: map[string]any{"code": errcode.ValidationFailed}}}}
}

type requestKey struct{}

// asked is the request under way.
func asked(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// handed gives the executor the document that answer has parsed, measured and validated.
type handed struct{}

// Get returns the document of the request under way.
func (handed) Get(ctx context.Context, _ string) (*ast.QueryDocument, bool) {
	r := asked(ctx)
	if r == nil || r.doc == nil {
		return nil, false
	}
	return r.doc, true
}

// Add keeps nothing: answer does.
func (handed) Add(context.Context, string, *ast.QueryDocument) {}

// validationRules are those of the specification, without suggestions: whoever asks for a field that nearly is one learns
// nothing about those they may not know.
func validationRules() *rules.Rules {
	r := rules.NewDefaultRules()
	r.RemoveRule(rules.FieldsOnCorrectTypeRule.Name)
	r.AddRule(rules.FieldsOnCorrectTypeRuleWithoutSuggestions.Name, rules.FieldsOnCorrectTypeRuleWithoutSuggestions.RuleFunc)
	r.RemoveRule(rules.ScalarLeafsRule.Name)
	r.AddRule(rules.ScalarLeafsRuleWithoutSuggestions.Name, rules.ScalarLeafsRuleWithoutSuggestions.RuleFunc)
	return r
}

// maxLooks bounds how often an operation asks about the schema: each answer is as large as the schema.
const maxLooks = 2

// looks counts the root fields that ask about the schema. A fragment that stands twice is merged, and counts once.
func looks(set ast.SelectionSet, doc *ast.QueryDocument, visited map[string]bool) int {
	n := 0
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if s.Name == "__schema" || s.Name == "__type" {
				n++
			}
		case *ast.InlineFragment:
			n += looks(s.SelectionSet, doc, visited)
		case *ast.FragmentSpread:
			if f := doc.Fragments.ForName(s.Name); f != nil && !visited[s.Name] {
				visited[s.Name] = true
				n += looks(f.SelectionSet, doc, visited)
			}
		}
	}
	return n
}

// byURL refuses what a URL may not ask. Whoever follows a link of another site sends it, so it must change nothing; and it
// stays in histories and in the logs of every proxy, so outside of development it carries no texts: those may be
// somebody's name or address.
func (g *Gateway) byURL(r *request, op *ast.OperationDefinition) *graphql.Response {
	if !r.byGET {
		return nil
	}
	if op.Operation != ast.Query {
		r.needsPOST = true
		return refused(read.CodeBadInput, "only queries are sent by GET: send this by POST")
	}
	for _, v := range op.VariableDefinitions {
		if _, given := r.variables[v.Variable]; !given || g.mode == DocumentsOpen {
			continue
		}
		name := v.Type.Name()
		if t := g.api.Types[name]; name != "ID" && name != "Int" && name != "Float" && name != "Boolean" && (t == nil || t.Kind != ast.Enum) {
			r.needsPOST = true
			return refused(read.CodeBadInput, "by GET variables are identifiers, numbers, Boolean or of an enum: URLs are kept where no personal data belongs; send this by POST")
		}
	}
	return nil
}
