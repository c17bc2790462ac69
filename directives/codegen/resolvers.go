package codegen

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

const resolversPath = "graph/resolvers_gen.go"

// subscriptionRoot is the root whose fields answer with a channel.
const subscriptionRoot = "Subscription"

// resolvers writes the root methods. They are thin on purpose: what a field means is decided by the engines from the
// request itself, the same for every type.
func (x *executor) resolvers() (File, error) {
	w := newSource("graph")
	writeImports(w, []string{"context", modelPackage, readPackage})
	has := map[string]bool{}
	for _, r := range x.roots {
		has[r.root] = true
	}
	for _, root := range []string{"Query", "Mutation", subscriptionRoot} {
		if !has[root] {
			continue
		}
		typ := receiver(root)
		w.line("// %s answers the fields of %s.", root, root)
		w.line("func (r *Resolver) %s() %sResolver { return &%s{r} }", root, root, typ)
		w.line("")
		w.line("type %s struct{ *Resolver }", typ)
		w.line("")
	}
	for _, r := range x.roots {
		if r.custom {
			continue
		}
		w.line("func (r *%s) %s {", receiver(r.root), r.signature(false))
		engine := "r.Reads"
		if r.root == "Mutation" {
			engine = "r.Writes"
		}
		switch {
		case r.root == subscriptionRoot:
			w.line("return once[model.%s](r.Reads.ResolveChange(ctx))", r.elem)
		case r.list && !r.iface:
			w.line("return several[model.%s](%s.ResolveList(ctx))", r.elem, engine)
		case r.list:
			w.line("return many[model.%s](%s.ResolveList(ctx))", r.elem, engine)
		case r.iface:
			w.line("return abstract[model.%s](%s.Resolve(ctx))", r.elem, engine)
		default:
			w.line("return one[model.%s](%s.Resolve(ctx))", r.elem, engine)
		}
		w.line("}")
		w.line("")
	}
	w.line(`// one names an encoded object. A null object is a nil pointer, so that gqlgen applies the rules of null.
func one[T ~struct{ read.Object }](o read.Object, err error) (*T, error) {
	if err != nil || o.IsNull() {
		return nil, err
	}
	return &T{Object: o}, nil
}

// abstract names an encoded object whose type only its content tells.
func abstract[I any](o read.Object, err error) (I, error) {
	var none I
	if err != nil || o.IsNull() {
		return none, err
	}
	return any(&o).(I), nil
}

// several names a list of encoded objects, none of which is null.
func several[T ~struct{ read.Object }](os []read.Object, err error) ([]*T, error) {
	out := make([]*T, len(os))
	for i := range os {
		out[i] = &T{Object: os[i]}
	}
	return out, err
}

// many names a list of encoded objects of any type.
func many[I any](os []read.Object, err error) ([]I, error) {
	if err != nil {
		return nil, err
	}
	out := make([]I, len(os))
	for i := range os {
		if out[i], err = abstract[I](os[i], nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}`)
	if has[subscriptionRoot] {
		w.line(`
// once is a stream of one answer, or of none where there is nothing to tell: each event is an operation of its own.
func once[T ~struct{ read.Object }](o read.Object, err error) (<-chan *T, error) {
	t, err := one[T](o, err)
	if err != nil {
		return nil, err
	}
	c := make(chan *T, 1)
	if t != nil {
		c <- t
	}
	close(c)
	return c, nil
}`)
	}
	return w.file(resolversPath)
}

func receiver(root string) string { return strings.ToLower(root) + "Resolver" }

// signature renders the method, with names for its arguments where a person is to write its body.
func (r rootField) signature(named bool) string {
	args := []string{"ctx context.Context"}
	for i, a := range r.args {
		name := "_"
		if named {
			name = fmt.Sprintf("arg%d", i+1)
		}
		args = append(args, name+" "+a)
	}
	result := r.result
	if r.root == subscriptionRoot {
		result = "<-chan " + result
	}
	return fmt.Sprintf("%s(%s) (%s, error)", r.method, strings.Join(args, ", "), result)
}

// missing lists the methods for the user's own root fields that no file of package graph has yet.
func (x *executor) missing(root string) ([]string, error) {
	have, err := methodsIn(filepath.Join(root, "graph"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range x.roots {
		if r.custom && !have[receiver(r.root)+"."+r.method] {
			out = append(out, fmt.Sprintf("func (r *%s) %s", receiver(r.root), r.signature(true)))
		}
	}
	return out, nil
}

// methodsIn finds the methods declared in a package's files, as Type.Method.
func methodsIn(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the Go compiler says it better
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || len(fn.Recv.List) != 1 {
				continue
			}
			t := fn.Recv.List[0].Type
			if p, ok := t.(*ast.StarExpr); ok {
				t = p.X
			}
			if id, ok := t.(*ast.Ident); ok {
				have[id.Name+"."+fn.Name.Name] = true
			}
		}
	}
	return have, nil
}
