package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/codegen"
	"github.com/cloakroom-crm/cloakroom/directives/compiler"
)

func newGenerate() *cobra.Command {
	var o codegen.Options
	c := &cobra.Command{
		Use:   "generate",
		Short: "bring generated code up to date",
		Long: `Bring everything that derives from graph/schema up to date: Ent models, migrations, the API's schema, the executor.
Then build again: a binary serves only the schema its code was generated from.

When the module does not build, go run ./directives/codegen/cmd/generate does the same.`,
		Example: `  cloakroom generate && make build
  cloakroom generate --check`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return generate(c, o) },
	}
	c.Flags().BoolVar(&o.Check, "check", false, "change nothing; exit code 1 if anything is out of date")
	c.Flags().BoolVar(&o.AllowDrop, "allow-drop", false, "let migrations delete tables and columns that are no longer in the schema")
	c.Flags().StringVar(&o.Root, "root", "", "the module's root directory (default: the nearest one from here upwards)")
	return c
}

func generate(c *cobra.Command, o codegen.Options) error {
	if o.Root == "" {
		root, err := moduleRoot()
		if err != nil {
			return err
		}
		o.Root = root
	}
	o.Out = c.ErrOrStderr()
	_, err := codegen.Generate(c.Context(), o)
	var broken *codegen.DiagnosticsError
	var stale *codegen.StaleError
	switch {
	case errors.As(err, &broken):
		if err := compiler.Write(c.ErrOrStderr(), "text", broken.Diagnostics, nil, colour(c.ErrOrStderr())); err != nil {
			return err
		}
		return errFindings
	case errors.As(err, &stale):
		_, _ = fmt.Fprintln(c.ErrOrStderr(), stale)
		return errFindings
	}
	return err
}
