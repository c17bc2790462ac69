package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

func newLint() *cobra.Command {
	var format, explain string
	var asJSON bool
	c := &cobra.Command{
		Use:   "lint [FILE|DIRECTORY]...",
		Short: "check a schema",
		Long: `Check a schema and report everything that is wrong with it, each with file, line, column, rule and remedy.

The files given are the whole schema. Without any it is graph/schema below the working directory, or where there is none
the schema cloakroom was built with. Exit code 1 means that there are findings.`,
		Example: `  cloakroom lint
  cloakroom lint --format sarif graph/schema > lint.sarif
  cloakroom lint --format github
  cloakroom lint --explain CLK012
  cloakroom lint --explain all`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				format = "json"
			}
			if explain != "" {
				return explainRule(c, explain, asJSON)
			}
			return lint(c, format, args)
		},
	}
	c.Flags().StringVar(&format, "format", "text", strings.Join(compiler.Formats, ", "))
	complete(c, "format", oneOf(compiler.Formats...))
	c.Flags().BoolVar(&asJSON, "json", false, "the same as --format json; with --explain, the rule as JSON")
	c.MarkFlagsMutuallyExclusive("format", "json")
	c.Flags().StringVar(&explain, "explain", "", "explain this `RULE`, or list them: all")
	complete(c, "explain", completeRules)
	return c
}

func lint(c *cobra.Command, format string, args []string) error {
	if !slices.Contains(compiler.Formats, format) {
		return fmt.Errorf("there is no format %q, use one of %s", format, strings.Join(compiler.Formats, ", "))
	}
	sources, err := loadSchema(args)
	if err != nil {
		return err
	}
	schema, found := compiler.Compile(sources)
	out := c.OutOrStdout()
	if err := compiler.Write(out, format, found, sources, colour(out)); err != nil {
		return err
	}
	if len(found) > 0 {
		if format == "text" {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "%d findings; cloakroom lint --explain %s tells more\n", len(found), found[0].Rule)
		}
		return errFindings
	}
	if format == "text" {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "no findings: %d files, %d records, %d roles, %d purposes\n",
			len(sources), len(schema.Entities()), len(schema.Roles), len(schema.Purposes))
		for _, m := range notice.Missing(schema) {
			_, _ = fmt.Fprintln(c.ErrOrStderr(), "missing in the privacy notice: "+m)
		}
	}
	return nil
}

// rule is a rule of the compiler, for scripts.
type rule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Why   string `json:"why"`
	Fix   string `json:"fix"`
	Bad   string `json:"bad,omitempty"`
	Good  string `json:"good,omitempty"`
}

func explainRule(c *cobra.Command, id string, asJSON bool) error {
	if asJSON {
		return explainJSON(c, id)
	}
	if id == "all" {
		rows := [][]string{{"RULE", "WHAT IS WRONG"}}
		for _, r := range compiler.Rules() {
			rows = append(rows, []string{r.ID, r.Title})
		}
		return printTable(c.OutOrStdout(), rows)
	}
	text, ok := compiler.Explain(id)
	if !ok {
		return noRule(id)
	}
	_, err := fmt.Fprint(c.OutOrStdout(), text)
	return err
}

func noRule(id string) error {
	return fmt.Errorf("there is no rule %q; cloakroom lint --explain all lists them", id)
}

func explainJSON(c *cobra.Command, id string) error {
	all := []rule{}
	for _, r := range compiler.Rules() {
		text, ok := compiler.Explain(id)
		if id == "all" || ok && strings.HasPrefix(text, r.ID+":") {
			all = append(all, rule(r))
		}
	}
	switch {
	case id == "all":
		return printJSON(c.OutOrStdout(), all)
	case len(all) == 0:
		return noRule(id)
	}
	return printJSON(c.OutOrStdout(), all[0])
}
