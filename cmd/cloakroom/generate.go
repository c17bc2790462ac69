package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/codegen"
	"github.com/cloakroom-crm/cloakroom/directives/compiler"
)

func newGenerate() *cobra.Command {
	var o codegen.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "generate",
		Short: "bring generated code up to date",
		Long: `Bring everything that derives from graph/schema up to date: Ent models, migrations, the API's schema, the executor.
Then build again: a binary serves only the schema its code was generated from.

When the module does not build, go run ./directives/codegen/cmd/generate does the same.`,
		Example: `  cloakroom generate && make build
  cloakroom generate --check`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return generate(c, o, asJSON) },
	}
	c.Flags().BoolVar(&o.Check, "check", false, "change nothing; exit code 1 if anything is out of date")
	c.Flags().BoolVar(&o.AllowDrop, "allow-drop", false, "let migrations delete tables and columns that are no longer in the schema")
	c.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	c.Flags().StringVar(&o.Root, "root", "", "the module's root directory (default: the nearest one from here upwards)")
	_ = c.MarkFlagDirname("root")
	return c
}

// generated is what generate did, for scripts.
type generated struct {
	Entities   int             `json:"entities"`
	Migrations []migration     `json:"migrations"`
	Missing    []string        `json:"missing"` // methods that root fields of the schema still need
	Stale      []string        `json:"stale"`   // files that --check found out of date
	Findings   json.RawMessage `json:"findings"`
}

type migration struct {
	Database string   `json:"database"`
	File     string   `json:"file,omitempty"` // empty: nothing changed
	Notices  []string `json:"notices"`
}

func generate(c *cobra.Command, o codegen.Options, asJSON bool) error {
	if o.Root == "" {
		root, err := moduleRoot()
		if err != nil {
			return err
		}
		o.Root = root
	}
	o.Out = c.ErrOrStderr()
	did, err := codegen.Generate(c.Context(), o)
	var broken *codegen.DiagnosticsError
	var stale *codegen.StaleError
	switch {
	case errors.As(err, &broken):
		if asJSON {
			err = printGenerated(c, did, broken.Diagnostics)
		} else {
			err = compiler.Write(c.ErrOrStderr(), "text", broken.Diagnostics, nil, colour(c.ErrOrStderr()))
		}
		return cmp.Or(err, errFindings)
	case errors.As(err, &stale):
		if asJSON {
			return cmp.Or(printGenerated(c, did, nil), errFindings)
		}
		_, _ = fmt.Fprintln(c.ErrOrStderr(), stale)
		return errFindings
	case err == nil && asJSON:
		return printGenerated(c, did, nil)
	}
	return err
}

func printGenerated(c *cobra.Command, did codegen.Result, found compiler.Diagnostics) error {
	var findings bytes.Buffer
	if err := compiler.Write(&findings, "json", found, nil, false); err != nil {
		return err
	}
	out := generated{Entities: did.Entities, Migrations: []migration{}, Missing: append([]string{}, did.Missing...),
		Stale: append([]string{}, did.Stale...), Findings: findings.Bytes()}
	for _, m := range did.Migrations {
		out.Migrations = append(out.Migrations, migration{m.Dialect, m.File, append([]string{}, m.Notices...)})
	}
	return printJSON(c.OutOrStdout(), out)
}
