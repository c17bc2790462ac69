package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/ent"
)

// Set by the linker, see the Makefile.
var (
	version = "dev"
	commit  = "unknown"
)

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "print the version, and which schema it serves",
		Example: `  cloakroom version --json`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				return printJSON(c.OutOrStdout(), map[string]string{"version": version, "commit": commit, "go": runtime.Version(), "schema": ent.SchemaHash})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "cloakroom %s (commit %s, %s, schema %.12s)\n", version, commit, runtime.Version(), ent.SchemaHash)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
