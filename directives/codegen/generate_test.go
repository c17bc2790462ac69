package codegen

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shop is a schema of a domain that has nothing to do with the one in graph/schema.
const shop = `
enum Purpose {
  ORDERS @lawful(basis: CONTRACT, bit: 0, notice: "We send you what you ordered.")
}
enum Role {
  CLERK @clearance(categories: [IDENTITY], purposes: [ORDERS])
}
enum Size { SMALL LARGE }

type Buyer @entity @subject
  @purpose(only: [ORDERS])
  @retain(for: "P2Y", after: "seenAt", because: "Complaints may come up to two years later.")
  @access(roles: [CLERK])
{
  name: String! @pii(category: IDENTITY, mask: NAME)
  seenAt: DateTime @public(because: "starts the retention period")
  orders: [Purchase!]!
  friend: Buyer @public(because: "who told them of us")
}

type Purchase @entity
  @purpose(only: [ORDERS])
  @access(roles: [CLERK])
{
  size: Size! @default(value: "SMALL") @public(because: "says nothing about the buyer")
  buyer: Buyer! @owner
}

type Tally { size: Size! count: Int! }

extend type Query { tally(size: Size): [Tally!]! }
`

// workspace copies what the pipeline reads, without anything it generated before, and puts the SDL in place.
func workspace(t *testing.T, sdl map[string]string) string {
	t.Helper()
	root, repo := t.TempDir(), "../.."
	for _, in := range inputs {
		if err := copyTree(filepath.Join(repo, in), filepath.Join(root, in)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"ent", "graph"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			generated := bytes.HasPrefix(data, []byte("// Code generated")) || bytes.HasPrefix(data, []byte(graphqlHeader))
			migration := strings.HasPrefix(path, filepath.Join(root, migrateDir)) && filepath.Ext(path) != ".go"
			if generated || migration {
				return os.Remove(path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	replaceSchema(t, root, sdl)
	return root
}

func replaceSchema(t *testing.T, root string, sdl map[string]string) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(root, schemaDir, "*.graphqls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, schemaDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range sdl {
		if err := os.WriteFile(filepath.Join(root, schemaDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func clinic(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../compiler/testdata/clinic/*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatalf("no clinic: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(data)
	}
	return out
}

func builds(t *testing.T, root string, packages ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build"}, packages...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go build: %v\n%s", err, out)
	}
}

// One schema, then one of another field in its place: both generate and build, and nothing of the first is left but its
// migrations.
func TestGenerate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds generated code")
	}
	ctx := context.Background()
	root := workspace(t, map[string]string{"shop.graphqls": shop})
	var progress bytes.Buffer
	r, err := Generate(ctx, Options{Root: root, Out: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if r.Entities != 2 || len(r.Migrations) != 2 || r.Migrations[0].File == "" {
		t.Errorf("result %+v", r)
	}
	if len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "func (r *queryResolver) Tally(ctx context.Context, arg1 *string) ([]*model.Tally, error)") {
		t.Errorf("missing methods: %q", r.Missing)
	}
	if !strings.Contains(progress.String(), "Write their methods in package graph") {
		t.Errorf("nobody was told about the missing method:\n%s", &progress)
	}
	builds(t, root, "./ent/...", "./graph/model")

	if _, err := Generate(ctx, Options{Root: root, Check: true}); err != nil {
		t.Errorf("a check right after generating: %v", err)
	}
	touched := filepath.Join(root, "ent", "buyer.go")
	if err := os.WriteFile(touched, []byte("package ent\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stray := filepath.Join(root, entSchemaDir, "stray_gen.go")
	if err := os.WriteFile(stray, []byte(Header+"\n\npackage schema\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stale *StaleError
	if _, err := Generate(ctx, Options{Root: root, Check: true}); !errors.As(err, &stale) {
		t.Errorf("a check of edited files: %v, want a StaleError", err)
	} else if got := strings.Join(stale.Files, " "); got != "ent/buyer.go ent/schema/stray_gen.go (no longer generated)" {
		t.Errorf("stale: %s", got)
	}

	replaceSchema(t, root, clinic(t))
	r, err = Generate(ctx, Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Missing) != 0 {
		t.Errorf("missing methods: %q", r.Missing)
	}
	builds(t, root, "./ent/...", "./graph/model")
	for _, name := range []string{"Buyer", "Purchase", "Tally"} {
		for _, dir := range []string{"ent", "graph"} {
			for _, f := range mentions(t, filepath.Join(root, dir), name) {
				t.Errorf("%s is left in %s", name, f)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(root, "ent/migrate/sqlite/00002_changes.sql")); err != nil {
		t.Error(err)
	}
}

// mentions lists the files that contain the word or are named after it, migrations aside.
func mentions(t *testing.T, dir, word string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(d.Name()), strings.ToLower(word)) {
			out = append(out, path)
		}
		if d.IsDir() || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".graphqls" {
			return nil
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("type "+word+" ")) || bytes.Contains(data, []byte(`"`+word+`"`)) {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGenerateReportsEveryDiagnostic(t *testing.T) {
	root := t.TempDir()
	replaceSchema(t, root, map[string]string{"bad.graphqls": "type A @entity { b: Nope c: Never }\n"})
	_, err := Generate(context.Background(), Options{Root: root})
	var d *DiagnosticsError
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a DiagnosticsError", err)
	}
	for _, word := range []string{"Nope", "Never", "bad.graphqls:1:"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in:\n%v", word, err)
		}
	}
	if dir, err := os.ReadDir(root); err != nil || len(dir) != 1 {
		t.Errorf("a schema that does not compile left files: %v (%v)", dir, err)
	}
}
