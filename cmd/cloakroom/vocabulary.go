package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives"
)

func newVocabulary() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "vocabulary",
		Short: "print the directives a schema is annotated with, for editors",
		Long: `Print the SDL of every directive, with a description on each argument. The compiler knows it by itself; editors complete
and check a schema with a copy of it. --write writes the copy and says how to tell the editor.`,
		Example: `  cloakroom vocabulary | less
  cloakroom vocabulary --write .graphql/cloakroom.graphqls`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				_, err := fmt.Fprint(c.OutOrStdout(), directives.Vocabulary)
				return err
			}
			if err := os.WriteFile(file, []byte(directives.Vocabulary), 0o644); err != nil { //nolint:gosec // public text
				return fmt.Errorf("write vocabulary: %w", err)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), editorHint, file)
			return err
		},
	}
	c.Flags().StringVar(&file, "write", "", "write it to this file, outside "+schemaDir)
	return c
}

// editorHint is a GraphQL Config file (the-guild.dev/graphql/config), which the language servers read.
const editorHint = `# graphql.config.yml, beside go.mod: makes editors complete and check the schema
schema:
  - %s
  - ` + schemaDir + `/*.graphqls
`
