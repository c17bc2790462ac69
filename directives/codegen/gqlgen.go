package codegen

import (
	"fmt"
	"go/types"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/99designs/gqlgen/plugin"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// generateExecutor runs gqlgen in the working directory and returns the resolvers it needs.
func generateExecutor(s *ir.Schema) (*executor, error) {
	cfg, err := config.LoadConfig("gqlgen.yml")
	if err != nil {
		return nil, fmt.Errorf("gqlgen.yml: %w", err)
	}
	x := &executor{schema: s}
	// gqlgen logs every field it would want a resolver for; those are the ones the plugin takes away.
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	only := func(_ *config.Config, plugins *[]plugin.Plugin) { *plugins = []plugin.Plugin{x} }
	if err := api.Generate(cfg, only); err != nil {
		return nil, fmt.Errorf("gqlgen: %w", err)
	}
	return x, renameConfig(cfg.Exec.Filename)
}

// renameConfig frees the name Config for the package's own: the executor's becomes ExecConfig.
func renameConfig(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(data)
	for old, renamed := range map[string]string{
		"func NewExecutableSchema(cfg Config)": "func NewExecutableSchema(cfg ExecConfig)",
		"type Config = graphql.Config[":        "// ExecConfig joins the executor and its resolvers.\ntype ExecConfig = graphql.Config[",
	} {
		if strings.Count(text, old) != 1 {
			return fmt.Errorf("%s: gqlgen writes its Config in another form than %q", path, old)
		}
		text = strings.Replace(text, old, renamed, 1)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// executor is the gqlgen plugin.
//
// gqlgen parses, validates and drives an operation up to the root field. Below it the read path's encoder has written the
// object already, so the field-by-field code gqlgen makes for object types would never run: it is left out.
type executor struct {
	schema *ir.Schema
	roots  []rootField
}

// rootField is a field of Query, Mutation or Subscription a method must answer.
type rootField struct {
	root   string // Query, Mutation, Subscription
	name   string // as in the SDL
	method string
	args   []string // Go types
	result string   // Go type
	list   bool
	iface  bool
	elem   string // the model's name, of generated fields
	custom bool   // declared by the user, answered by hand
}

// Name implements plugin.Plugin.
func (*executor) Name() string { return "cloakroom" }

// MutateConfig binds the API's types.
func (x *executor) MutateConfig(cfg *config.Config) error {
	for _, name := range objectNames(x.schema) {
		bind(cfg, name, modelPackage+"."+name)
	}
	for _, name := range abstractNames(x.schema) {
		bind(cfg, name, modelPackage+"."+name)
	}
	for _, def := range cfg.Schema.Types {
		if def.BuiltIn || strings.HasPrefix(def.Name, "__") {
			continue
		}
		switch def.Kind {
		case ast.Enum:
			// Decisions about values are generic; the validator has already refused what is not one.
			bind(cfg, def.Name, "github.com/99designs/gqlgen/graphql.String")
		case ast.InputObject:
			bind(cfg, def.Name, "github.com/99designs/gqlgen/graphql.Map")
		case ast.Scalar:
			if !cfg.Models.UserDefined(def.Name) {
				bind(cfg, def.Name, "github.com/99designs/gqlgen/graphql.Any")
			}
		}
	}
	return nil
}

func bind(cfg *config.Config, name, model string) {
	cfg.Models[name] = config.TypeMapEntry{Model: config.StringList{model}}
}

// GenerateCode notes the root fields and removes the code that would never run. gqlgen calls it between building its data
// and rendering it.
func (x *executor) GenerateCode(data *codegen.Data) error {
	x.roots = x.collectRoots(data)
	data.Objects = slices.DeleteFunc(data.Objects, func(o *codegen.Object) bool {
		return !o.Root && !strings.HasPrefix(o.Name, "__")
	})
	data.Inputs = nil
	data.Interfaces = map[string]*codegen.Interface{}
	x.opaque(data)
	return nil
}

// opaque makes every reference to an object, interface or union end at the marshaler, and drops references nobody makes
// any more.
func (x *executor) opaque(data *codegen.Data) {
	opaque := map[string]bool{}
	for _, name := range append(objectNames(x.schema), abstractNames(x.schema)...) {
		opaque[name] = true
	}
	end := func(ref *config.TypeReference) {
		if !opaque[ref.Definition.Name] {
			return
		}
		// A copy: the schema itself keeps its fields.
		def := *ref.Definition
		def.Fields = nil
		ref.Definition = &def
		ref.IsMarshaler, ref.IsContext = true, true
	}
	used := map[string]bool{}
	use := func(ref *config.TypeReference) {
		for ; ref != nil; ref = ref.Elem() {
			used[ref.UniquenessKey()] = true
		}
	}
	for _, o := range data.Objects {
		for _, f := range o.Fields {
			end(f.TypeReference)
			use(f.TypeReference)
			for _, a := range f.Args {
				use(a.TypeReference)
			}
		}
	}
	for _, d := range data.AllDirectives {
		for _, a := range d.Args {
			use(a.TypeReference)
		}
	}
	for key, ref := range data.ReferencedTypes {
		if !used[ref.UniquenessKey()] {
			delete(data.ReferencedTypes, key)
			continue
		}
		end(ref)
	}
}

func (x *executor) collectRoots(data *codegen.Data) []rootField {
	var roots []rootField
	for _, o := range []*codegen.Object{data.QueryRoot, data.MutationRoot, data.SubscriptionRoot} {
		if o == nil {
			continue
		}
		custom := x.customFields(o.Name)
		for _, f := range o.Fields {
			if f.IsReserved() {
				continue
			}
			r := rootField{
				root: o.Name, name: f.Name, method: f.GoFieldName, custom: custom[f.Name],
				result: goType(f.TypeReference.GO), elem: f.TypeReference.Definition.Name,
				list:  f.TypeReference.IsSlice(),
				iface: f.TypeReference.Definition.IsAbstractType(),
			}
			for _, a := range f.Args {
				r.args = append(r.args, goType(a.TypeReference.GO))
			}
			roots = append(roots, r)
		}
	}
	return roots
}

func (x *executor) customFields(root string) map[string]bool {
	var ops []*ir.Operation
	switch root {
	case "Query":
		ops = x.schema.Queries
	case "Mutation":
		ops = x.schema.Mutations
	}
	out := map[string]bool{}
	for _, op := range ops {
		out[op.Name] = true
	}
	return out
}

// goType renders a type as package graph would write it.
func goType(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}
