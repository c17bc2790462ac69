package graph_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// A resolver that returns a row as it came from the database must not compile: nobody decided about its cells.
func TestRawRowDoesNotCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("loads the package with its dependencies")
	}
	typ := compiled(t).Entities()[0].Name
	for name, c := range map[string]struct {
		body string
		want string
	}{
		"a decided object compiles": {`objects, err := r.Reads.Load(ctx, "TYPE", "id")
	if err != nil {
		return nil, err
	}
	return &model.TYPE{Object: objects[0]}, nil`, ""},
		"a raw row does not":          {`return row, nil`, "cannot use row"},
		"a converted row does not":    {`return (*model.TYPE)(row), nil`, "cannot convert row"},
		"a hand-made object does not": {`return &model.TYPE{Object: read.Object{json: []byte("{}")}}, nil`, "json"},
	} {
		t.Run(name, func(t *testing.T) {
			source := strings.ReplaceAll(`package graph

import (
	"context"

	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/model"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

var _ read.Object

func (r *queryResolver) handWritten(ctx context.Context, row *ent.TYPE) (*model.TYPE, error) {
	`+c.body+`
}
`, "TYPE", typ)
			path, err := filepath.Abs("hand_written.go")
			if err != nil {
				t.Fatal(err)
			}
			pkgs, err := packages.Load(&packages.Config{
				Mode:    packages.NeedName | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
				Overlay: map[string][]byte{path: []byte(source)},
			}, ".")
			if err != nil || len(pkgs) != 1 {
				t.Fatal(pkgs, err)
			}
			var errs []string
			for _, e := range pkgs[0].Errors {
				errs = append(errs, e.Msg)
			}
			got := strings.Join(errs, "\n")
			if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
				t.Errorf("compiler says %q, want %q", got, c.want)
			}
		})
	}
}
