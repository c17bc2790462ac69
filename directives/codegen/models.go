package codegen

import (
	"slices"
	"sort"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/search"
)

const (
	modelDir     = "graph/model"
	modelPackage = modulePath + "/graph/model"
	readPackage  = modulePath + "/graph/read"
)

// objectNames are the API's object types except the roots, sorted.
func objectNames(s *ir.Schema) []string {
	names := []string{"PageInfo", "Me"}
	if s.Enum(purposeEnum) != nil {
		names = append(names, "ConsentState", "ConsentPayload", "ConsentChange", "ConsentEntry", "ConsentHistory", "NoticeText", "UnsubscribeLink", "RequestConsentPayload", "RestrictionState", "RestrictionPayload")
	}
	names = append(names, searchObjects(len(search.Types(s)))...)
	for _, t := range s.Types {
		names = append(names, t.Name)
		if t.Entity {
			names = append(names, api.Connection(t), api.Edge(t),
				api.CreatePayload(t), api.UpdatePayload(t), api.DeletePayload(t), api.Change(t), api.Aggregate(t))
			if slices.ContainsFunc(t.Fields, api.Groupable) {
				names = append(names, api.AggregateKey(t))
			}
			for _, fig := range api.Figures(t) {
				names = append(names, fig.Type)
			}
		}
	}
	sort.Strings(names)
	return names
}

// abstractNames are the API's interfaces and unions, sorted.
func abstractNames(s *ir.Schema) []string {
	names := []string{"Node"}
	for _, i := range s.Interfaces {
		names = append(names, i.Name)
	}
	for _, u := range s.Unions {
		names = append(names, u.Name)
	}
	if len(search.Types(s)) > 0 {
		names = append(names, "SearchResult")
	}
	sort.Strings(names)
	return names
}

// Models returns the Go types gqlgen binds the API's types to. Each is a read.Object under the type's own name: resolvers
// are told apart by the compiler, and none can return what the read path did not encode.
//
// gqlgen looks for the marshaler's methods among those a type declares itself, so each forwards them.
func Models(s *ir.Schema) (File, error) {
	w := newSource("model")
	writeImports(w, []string{"context", "io", readPackage})
	for _, name := range objectNames(s) {
		w.line("// %s is an encoded %s.", name, name)
		w.line("type %s struct{ read.Object }", name)
		w.line("")
		w.line("func (o %s) MarshalGQLContext(ctx context.Context, w io.Writer) error {", name)
		w.line("return o.Object.MarshalGQLContext(ctx, w)")
		w.line("}")
		w.line("")
		w.line("func (o *%s) UnmarshalGQLContext(ctx context.Context, v any) error {", name)
		w.line("return o.Object.UnmarshalGQLContext(ctx, v)")
		w.line("}")
		w.line("")
	}
	for _, name := range abstractNames(s) {
		w.line("// %s is an encoded object of any type that is a %s.", name, name)
		w.line("type %s interface {", name)
		w.line("MarshalGQLContext(ctx context.Context, w io.Writer) error")
		w.line("UnmarshalGQLContext(ctx context.Context, v any) error")
		w.line("IsNull() bool")
		w.line("}")
		w.line("")
	}
	return w.file(modelDir + "/model_gen.go")
}
