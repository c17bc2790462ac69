// Command generate writes the Ent client and the two gqlgen executors of bench/bare. go generate runs it there.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

const module = "github.com/cloakroom-crm/cloakroom/bench/bare"

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate() error {
	// LIMIT per parent needs a statement of one's own: Ent's Modify.
	c := &gen.Config{Target: "ent", Package: module + "/ent", Features: []gen.Feature{gen.FeatureModifier}}
	if err := entc.Generate("./ent/schema", c); err != nil {
		return fmt.Errorf("ent: %w", err)
	}
	log.SetOutput(io.Discard) // gqlgen logs each field for which it wants a resolver
	for _, path := range []string{"plain/gqlgen.yml", "directed/gqlgen.yml"} {
		cfg, err := config.LoadConfig(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := api.Generate(cfg); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
