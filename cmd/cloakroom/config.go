package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server"
)

func newConfig() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "config",
		Short: "say what is set, and what can be",
		Long: `Say what is set, by whom, and what can be. Settings come from flags, from the environment (--limits.body is
CLOAKROOM_LIMITS_BODY), from the YAML file that --config names, and from defaults, in this order. docs/operating.md tells of each.`,
		Example: `  cloakroom config print --config /etc/cloakroom.yaml
  cloakroom config schema > cloakroom.schema.json`,
	})
	c.AddCommand(newConfigPrint(), newConfigSchema())
	return c
}

func newConfigPrint() *cobra.Command {
	var asJSON, redact bool
	c := &cobra.Command{
		Use:   "print",
		Short: "print every setting, and where its value comes from",
		Long: `Print every setting with its value and where that comes from. Secrets are never printed. It takes the flags of serve, so
` + "`config print`" + ` in place of ` + "`serve`" + ` says what a server would run with. What is wrong is told after the table; exit code 2 then.`,
		Example: `  cloakroom config print
  cloakroom config print --json | jq '.settings[] | select(.from != "default")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !redact {
				return errors.New("--redact: secrets are not printed: look for them where FROM says that they are set")
			}
			g, wrong := server.Gather(c.Flags(), os.Environ())
			if asJSON {
				return errors.Join(printJSON(c.OutOrStdout(), map[string]any{"settings": g.Values()}), wrong)
			}
			rows := [][]string{{"SETTING", "VALUE", "FROM"}}
			for _, v := range g.Values() {
				value := v.Value
				switch {
				case value == "" && v.Effective != "":
					value = "(" + v.Effective + ")"
				case v.Effective != "":
					value += " (" + v.Effective + ")"
				case value == "":
					value = "-"
				}
				rows = append(rows, []string{v.Name, value, v.From})
			}
			return errors.Join(printTable(c.OutOrStdout(), rows), wrong)
		},
	}
	server.Flags(c.Flags())
	completeSettings(c)
	c.Flags().BoolVar(&redact, "redact", true, "withhold secrets; there is no other way")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the configuration file",
		Long: `Print the JSON Schema (draft 2020-12) of the file that --config names. Editors that know it complete and check the file: in
VS Code, the first line "# yaml-language-server: $schema=cloakroom.schema.json" is enough.`,
		Example: `  cloakroom config schema > cloakroom.schema.json`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return printJSON(c.OutOrStdout(), server.Schema()) },
	}
}

// completeSettings completes the values of all settings.
func completeSettings(c *cobra.Command) {
	completePlaces(c)
	for _, s := range []string{"migrate", "identity", "documents", "graphiql", "log", "log-level"} {
		complete(c, s, oneOf(server.Choices(s)...))
	}
}
