package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/codegen"
	"github.com/cloakroom-crm/cloakroom/directives/compiler"
)

func newGenerate() *cobra.Command {
	var o codegen.Options
	var asJSON, undo bool
	c := &cobra.Command{
		Use:   "generate",
		Short: "bring generated code up to date",
		Long: `Bring everything that derives from graph/schema up to date: Ent models, migrations, the API's schema, the executor.
Then build again: a binary serves only the schema its code was generated from.

--undo takes back the migrations that are not committed yet, for when one turns out to be wrong before anybody has it: their
files go, and the generator remembers the schema of the last commit. Then mend the schema and generate again. A database that
one was applied to is refused afterwards; restore it, or delete it if it was for trying things out.

When the module does not build, go run ./directives/codegen/cmd/generate does the same.`,
		Example: `  cloakroom generate && make build
  cloakroom generate --check
  cloakroom generate --undo`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if undo {
				return undoMigrations(c, o.Root, asJSON)
			}
			return generate(c, o, asJSON)
		},
	}
	c.Flags().BoolVar(&o.Check, "check", false, "change nothing; exit code 1 if anything is out of date")
	c.Flags().BoolVar(&o.AllowDrop, "allow-drop", false, "let migrations delete tables and columns that are no longer in the schema")
	c.Flags().BoolVar(&undo, "undo", false, "take back the migrations that are not committed yet")
	c.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	c.MarkFlagsMutuallyExclusive("undo", "check")
	c.MarkFlagsMutuallyExclusive("undo", "allow-drop")
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

// undoMigrations takes back what generate wrote and nobody has committed.
func undoMigrations(c *cobra.Command, root string, asJSON bool) error {
	root, err := rootOr(root)
	if err != nil {
		return err
	}
	removed, err := codegen.Undo(c.Context(), root)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string][]string{"removed": removed})
	}
	_, err = fmt.Fprintf(c.ErrOrStderr(), "taken back:\n  %s\nMend the schema and run cloakroom generate again. A database they were applied to will be refused.\n",
		strings.Join(removed, "\n  "))
	return err
}

// rootOr is the directory given, or the module's root.
func rootOr(root string) (string, error) {
	if root != "" {
		return root, nil
	}
	return moduleRoot()
}

func generate(c *cobra.Command, o codegen.Options, asJSON bool) (err error) {
	if o.Root, err = rootOr(o.Root); err != nil {
		return err
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
