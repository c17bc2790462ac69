package codegen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/entc/gen"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/search"
)

// schemaDir holds the files a schema developer edits.
const schemaDir = "graph/schema"

// Options of Generate.
type Options struct {
	Root      string    // the module's root directory
	Check     bool      // change nothing; fail with *StaleError if anything would change
	AllowDrop bool      // migrations may delete tables and columns that are no longer in the schema
	Out       io.Writer // progress, a line per stage; nil for none
}

// Result is what Generate did.
type Result struct {
	Entities   int
	Migrations []Migration
	// Missing are the methods the user's own root fields still need, as Go declarations without a body.
	Missing []string
	// Stale are the files a check found out of date, relative to the root.
	Stale []string
}

// working serializes Generate: Ent and gqlgen read the process's working directory.
var working sync.Mutex

// Generate brings everything derived from the schema up to date.
func Generate(ctx context.Context, o Options) (Result, error) {
	working.Lock()
	defer working.Unlock()
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return Result{}, err
	}
	o.Root = root
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Check {
		return check(ctx, o)
	}
	return generate(ctx, o)
}

func generate(ctx context.Context, o Options) (Result, error) {
	restore, err := enter(o.Root)
	if err != nil {
		return Result{}, err
	}
	defer restore()
	p := &pipeline{Options: o, ctx: ctx}
	for _, stage := range []struct {
		name string
		run  func() (string, error)
	}{
		{"compile the schema", p.compile},
		{"describe storage", p.storage},
		{"generate Ent", p.ent},
		{"plan migrations", p.migrations},
		{"describe the API", p.api},
		{"generate the executor", p.executor},
	} {
		if err := ctx.Err(); err != nil {
			return p.result, err
		}
		start := time.Now()
		note, err := stage.run()
		if err != nil {
			return p.result, err
		}
		fmt.Fprintf(o.Out, "%-22s %6.1fs  %s\n", stage.name, time.Since(start).Seconds(), note)
	}
	p.report()
	return p.result, nil
}

// enter changes the working directory.
func enter(dir string) (restore func(), err error) {
	before, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	return func() { _ = os.Chdir(before) }, nil
}

type pipeline struct {
	Options
	ctx    context.Context
	schema *ir.Schema
	graph  *gen.Graph
	result Result
}

func (p *pipeline) compile() (string, error) {
	s, err := compileSchema(schemaDir)
	if err != nil {
		return "", err
	}
	p.schema = s
	p.result.Entities = len(s.Entities())
	return fmt.Sprintf("%d entities", p.result.Entities), nil
}

func (p *pipeline) storage() (string, error) {
	files, err := EntSchemas(p.schema)
	if err != nil {
		return "", err
	}
	removed, err := removeStale(entSchemaDir, files)
	if err != nil {
		return "", err
	}
	note := fmt.Sprintf("%d files", len(files))
	if removed > 0 {
		note += fmt.Sprintf(", %d removed", removed)
	}
	return note, write(files)
}

func (p *pipeline) ent() (string, error) {
	graph, err := generateEnt()
	if err != nil {
		return "", err
	}
	p.graph = graph
	hash, err := schemaHash(p.schema)
	if err != nil {
		return "", err
	}
	return "", write([]File{hash})
}

func (p *pipeline) migrations() (string, error) {
	all, err := p.graph.Tables()
	if err != nil {
		return "", err
	}
	tables := Tables{All: all, Search: search.Indexes(p.schema)}
	for _, n := range p.graph.Nodes {
		if _, ok := n.Annotations[appendOnlyAnnotation]; ok {
			tables.AppendOnly = append(tables.AppendOnly, n.Table())
		}
	}
	p.result.Migrations, err = Migrate(p.ctx, ".", tables, p.AllowDrop)
	if err != nil {
		return "", err
	}
	var names []string
	for _, m := range p.result.Migrations {
		if m.File != "" {
			names = append(names, m.File)
		}
	}
	if len(names) == 0 {
		return "nothing changed", nil
	}
	return strings.Join(names, ", "), nil
}

// appendOnlyAnnotation is guard.AppendOnlyAnnotation, which this package does not import.
const appendOnlyAnnotation = "CloakroomAppendOnly"

func (p *pipeline) api() (string, error) {
	models, err := Models(p.schema)
	if err != nil {
		return "", err
	}
	return "", write([]File{API(p.schema), models})
}

func (p *pipeline) executor() (string, error) {
	x, err := generateExecutor(p.schema)
	if err != nil {
		return "", err
	}
	resolvers, err := x.resolvers()
	if err != nil {
		return "", err
	}
	if err := write([]File{resolvers}); err != nil {
		return "", err
	}
	p.result.Missing, err = x.missing(".")
	return fmt.Sprintf("%d root fields", len(x.roots)), err
}

// report prints what a person should look at.
func (p *pipeline) report() {
	var notices []string
	for _, m := range p.result.Migrations {
		for _, n := range m.Notices {
			if !slices.Contains(notices, n) {
				notices = append(notices, n)
			}
		}
	}
	for _, n := range notices {
		fmt.Fprintf(p.Out, "notice: %s\n", n)
	}
	if len(p.result.Missing) > 0 {
		fmt.Fprintf(p.Out, "\nThe schema declares root fields of its own. Write their methods in package graph, for example in graph/custom.go:\n\n")
		for _, m := range p.result.Missing {
			fmt.Fprintf(p.Out, "%s {\n\t…\n}\n\n", m)
		}
	}
}

// schemaHash carries the schema's identity into the binary.
func schemaHash(s *ir.Schema) (File, error) {
	w := newSource("ent")
	w.line("// SchemaHash identifies the schema this code was generated from. A binary that finds another one does not serve.")
	w.line("const SchemaHash = %q", s.Hash)
	return w.file("ent/schemahash_gen.go")
}

// write stores files under the working directory, and leaves alone what is the same already.
func write(files []File) error {
	for _, f := range files {
		path := filepath.FromSlash(f.Path)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, f.Data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeStale deletes generated files of dir that are not among files. Files without the generator's header are someone
// else's.
func removeStale(dir string, files []File) (removed int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		path := filepath.ToSlash(filepath.Join(dir, e.Name()))
		if e.IsDir() || slices.ContainsFunc(files, func(f File) bool { return f.Path == path }) {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return removed, err
		}
		if !bytes.HasPrefix(data, []byte(Header)) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
