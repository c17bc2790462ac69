package graph

import (
	"regexp"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxErrors is how many errors of one document are told. A document can have as many as the square of its size.
const maxErrors = 20

// wrong says what each validation rule found. Its own message quotes values and names of the sender, and suggests others.
var wrong = map[string]string{
	"FieldsOnCorrectType":                   "the selection asks for a field that the type does not have",
	"FieldsOnCorrectTypeWithoutSuggestions": "the selection asks for a field that the type does not have",
	"FragmentsOnCompositeTypes":             "a fragment is on a type that has no fields",
	"KnownArgumentNames":                    "there is an argument that the field or directive does not have",
	"KnownDirectives":                       "there is no such directive, or not in this place",
	"KnownFragmentNames":                    "there is no such fragment",
	"KnownRootType":                         "the schema has no operations of this kind",
	"KnownTypeNames":                        "there is no such type",
	"LoneAnonymousOperation":                "an operation without a name must be the only one",
	"MaxIntrospectionDepth":                 "the question about the schema is nested too deeply",
	"NoFragmentCycles":                      "a fragment contains itself",
	"NoUndefinedVariables":                  "a variable is not declared",
	"NoUnusedFragments":                     "a fragment is not used",
	"NoUnusedVariables":                     "a variable is not used",
	"OverlappingFieldsCanBeMerged":          "one name in the answer stands for two different things: give one of them an alias",
	"PossibleFragmentSpreads":               "a fragment is on a type that cannot occur here",
	"ProvidedRequiredArguments":             "a required argument is missing",
	"ScalarLeafs":                           "an object needs a selection of its fields, and a plain value has none",
	"ScalarLeafsWithoutSuggestions":         "an object needs a selection of its fields, and a plain value has none",
	"SingleFieldSubscriptions":              "a subscription selects exactly one field",
	"UniqueArgumentNames":                   "an argument is given twice",
	"UniqueDirectivesPerLocation":           "a directive is given twice in one place",
	"UniqueFragmentNames":                   "two fragments have the same name",
	"UniqueInputFieldNames":                 "an input field is given twice",
	"UniqueOperationNames":                  "two operations have the same name",
	"UniqueVariableNames":                   "two variables have the same name",
	"ValuesOfCorrectType":                   "a value does not fit its place",
	"VariablesAreInputTypes":                "a variable is declared with a type that is no input",
	"VariablesInAllowedPosition":            "a variable's type does not fit where it is used",
}

// invalid tells the errors of a document in our own words. They keep code and place; of what the parser and the rules wrote,
// only the names that the schema has too are passed on. All else is the sender's: values are often somebody's data, and
// errors end up in logs.
func (g *Gateway) invalid(op *ast.OperationDefinition, errs gqlerror.List) *graphql.Response {
	out := make(gqlerror.List, 0, min(len(errs), maxErrors))
	for _, e := range errs[:min(len(errs), maxErrors)] {
		code := errcode.ValidationFailed
		if e.Extensions["code"] == errcode.ParseFailed {
			code = errcode.ParseFailed
		}
		told := &gqlerror.Error{Locations: e.Locations, Extensions: map[string]any{"code": code}}
		switch {
		case code == errcode.ParseFailed && strings.HasPrefix(e.Message, "exceeded token limit"):
			told = g.limits.tooLarge().Errors[0]
		case code == errcode.ParseFailed:
			told.Message = "this is not a GraphQL document"
		case len(e.Path) > 1 && e.Path[0] == ast.PathName("variable"):
			told.Message = g.named("the value of a variable does not fit its type", e)
			told.Locations = declared(op, e.Path[1])
		default:
			told.Message = g.named(wrong[e.Rule], e)
		}
		out = append(out, told)
	}
	return &graphql.Response{Errors: out}
}

// declared is where the operation declares the variable of that name.
func declared(op *ast.OperationDefinition, name ast.PathElement) []gqlerror.Location {
	if op == nil {
		return nil
	}
	for _, v := range op.VariableDefinitions {
		if name == ast.PathName(v.Variable) && v.Position != nil {
			return []gqlerror.Location{{Line: v.Position.Line, Column: v.Position.Column}}
		}
	}
	return nil
}

var (
	quotes  = regexp.MustCompile(`"([^"]*)"`)
	builtin = regexp.MustCompile(`^(Int|Float|String|Boolean|ID) cannot represent`)
	wanted  = regexp.MustCompile(`^(?:cannot use \w+ as|must be an?|.* is not a valid) (\w+)`) // of a variable, and not quoted
)

// named adds to a text the names that an error mentions and the schema has.
func (g *Gateway) named(text string, e *gqlerror.Error) string {
	if text == "" {
		text = "the document does not fit the schema"
	}
	message, _, _ := strings.Cut(e.Message, "Did you mean")
	var names []string
	add := func(name string) {
		known := name != ""
		for _, part := range strings.Split(strings.Trim(name, "[]!@"), ".") {
			known = known && g.words[part]
		}
		if known && len(names) < 6 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if m := builtin.FindStringSubmatch(message); m != nil {
		add(m[1])
	}
	for _, m := range quotes.FindAllStringSubmatch(message, -1) {
		add(m[1])
	}
	for i, step := range e.Path {
		if name, ok := step.(ast.PathName); ok && i > 1 { // the first two are "variable" and the name it was given
			add(string(name))
		}
	}
	if m := wanted.FindStringSubmatch(message); m != nil && e.Rule == "" {
		add(m[1])
	}
	if names == nil {
		return text
	}
	return text + ": " + strings.Join(names, ", ")
}

// vocabulary is every name that a schema has.
func vocabulary(s *ast.Schema) map[string]bool {
	words := map[string]bool{}
	arguments := func(list ast.ArgumentDefinitionList) {
		for _, a := range list {
			words[a.Name] = true
		}
	}
	for _, t := range s.Types {
		words[t.Name] = true
		for _, f := range t.Fields {
			words[f.Name] = true
			arguments(f.Arguments)
		}
		for _, v := range t.EnumValues {
			words[v.Name] = true
		}
	}
	for _, d := range s.Directives {
		words[d.Name] = true
		arguments(d.Arguments)
	}
	return words
}
