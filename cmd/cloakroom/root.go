package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cloakroom",
		Short: "a GraphQL gateway for customer data, with privacy by design",
		Long: `Cloakroom serves customer data through GraphQL. One annotated schema says what every field is, why it is
processed and who may see it; storage, API, masking, consent checks and retention derive from it.`,
		Example: `  cloakroom serve --demo
  cloakroom query --as SALES_REP --attr region=EMEA --purpose SALES '{ contacts(first: 3) { nodes { fullName email } } }'
  cloakroom lint && cloakroom generate
  cloakroom explain Contact.email`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(
		newServe(),
		newDoctor(),
		newConfig(),
		newMigrate(),
		newHealth(),
		newQuery(),
		newImport(),
		newConsent(),
		newKeys(),
		newDocuments(),
		newSessions(),
		newDev(),
		newLint(),
		newExplain(),
		newGenerate(),
		newReport(),
		newVocabulary(),
		newVersion(),
	)
	return root
}

// group is a command that only holds others. Without a word it prints its help; a word it does not know is an error.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}
