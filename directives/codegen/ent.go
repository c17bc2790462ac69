package codegen

import (
	"embed"
	"fmt"
	"path/filepath"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

//go:embed template/*.tmpl
var templates embed.FS

// generateEnt runs Ent over ent/schema in the working directory and returns its graph, from which migrations are planned.
func generateEnt() (*gen.Graph, error) {
	registry, err := gen.NewTemplate("cloakroom").ParseFS(templates, "template/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse Ent templates: %w", err)
	}
	storage, err := gen.NewStorage("sql")
	if err != nil {
		return nil, err
	}
	target, err := filepath.Abs("ent")
	if err != nil {
		return nil, err
	}
	cfg := &gen.Config{
		Header:    Header,
		Storage:   storage,
		Target:    target,
		Package:   modulePath + "/ent",
		Templates: []*gen.Template{gen.MustParse(registry, nil)},
		Features:  []gen.Feature{gen.FeaturePrivacy},
	}
	graph, err := entc.LoadGraph("./"+entSchemaDir, cfg)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", entSchemaDir, err)
	}
	if err := graph.Gen(); err != nil {
		return nil, fmt.Errorf("generate Ent: %w", err)
	}
	return graph, nil
}
