package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

// Completion of values, for the scripts that `cloakroom completion` prints. A schema that cannot be read completes nothing:
// the command itself will say why.

// complete offers values for a flag. It panics where the flag was not declared, which is the first thing a test runs into.
func complete(c *cobra.Command, flag string, values cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, matching(values)); err != nil {
		panic(err)
	}
}

// matching leaves out what does not begin with what was typed.
func matching(values cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, so string) ([]cobra.Completion, cobra.ShellCompDirective) {
		out, how := values(c, args, so)
		return slices.DeleteFunc(slices.Clone(out), func(v cobra.Completion) bool { return !strings.HasPrefix(v, so) }), how
	}
}

// oneOf offers fixed values.
func oneOf(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

func offer(values []cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	return values, cobra.ShellCompDirectiveNoFileComp
}

// described is a value with the first sentence of its description, which most shells show beside it.
func described(name, description string) cobra.Completion {
	first, _, _ := strings.Cut(oneLine(description), ". ")
	return cobra.CompletionWithDesc(name, strings.TrimSuffix(first, "."))
}

// placeFlags declares the flags that say where the data is.
func placeFlags(c *cobra.Command) {
	server.PlaceFlags(c.Flags())
	completePlaces(c)
}

func completePlaces(c *cobra.Command) {
	_ = c.MarkFlagDirname("data")
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	complete(c, "database", oneOf("sqlite:", "postgres://"))
	complete(c, "keys.dsn", oneOf("sqlite:", "postgres://"))
	complete(c, "keys.root", oneOf("file:", "hcvault://", "aws-kms://"))
	complete(c, "keys.ledger", oneOf("sqlite:", "postgres://"))
}

// schemaOf is the schema of a command: the one its --schema flag names, or the one the data directory has.
func schemaOf(c *cobra.Command) (*ir.Schema, bool) {
	if f := c.Flags().Lookup("schema"); f != nil {
		s, err := compiled(f.Value.String())
		return s, err == nil
	}
	s, err := house.Schema()
	return s, err == nil
}

func completeRoles(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if s, ok := schemaOf(c); ok {
		for _, r := range s.Roles {
			out = append(out, described(r.Name, r.Desc))
		}
	}
	return offer(out)
}

// completePurposes offers those the role works for, if the flag of that name says which role it is.
func completePurposes(role string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s, ok := schemaOf(c)
		if !ok {
			return offer(nil)
		}
		var out []cobra.Completion
		var as *ir.Role
		if f := c.Flags().Lookup(role); f != nil {
			as = s.Role(f.Value.String())
		}
		for _, p := range s.Purposes {
			if as == nil || as.Purposes().Has(p) {
				out = append(out, described(p.Name, p.Desc))
			}
		}
		return offer(out)
	}
}

// completeRecords offers what can be imported, then files.
func completeRecords(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var out []cobra.Completion
	if s, err := house.Schema(); err == nil {
		for _, t := range s.Entities() {
			out = append(out, described(t.Plural, t.Desc))
		}
	}
	return offer(out)
}

// completePresets offers those for the records to import.
func completePresets(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s, err := house.Schema()
	if err != nil {
		return offer(nil)
	}
	var out []cobra.Completion
	var names []string
	for _, p := range importer.Presets(s) {
		if len(args) > 0 && p.Plan.OfferedAs().Plural != args[0] || slices.Contains(names, p.Name) {
			continue
		}
		names = append(names, p.Name)
		out = append(out, described(p.Name, p.Title))
	}
	return offer(out)
}

// completeCoordinates offers types, and after the dot their fields.
func completeCoordinates(c *cobra.Command, args []string, so string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s, ok := schemaOf(c)
	if !ok || len(args) > 0 {
		return offer(nil)
	}
	var out []cobra.Completion
	name, _, dotted := strings.Cut(so, ".")
	if t := s.Type(name); t != nil {
		for _, f := range t.Fields {
			out = append(out, described(f.Coordinate(), f.Desc))
		}
	}
	if dotted {
		return offer(out)
	}
	for _, t := range s.Entities() {
		out = append(out, described(t.Name, t.Desc))
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace // a dot may follow
}

func completeRules(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	out := []cobra.Completion{cobra.CompletionWithDesc("all", "list the rules")}
	for _, r := range compiler.Rules() {
		out = append(out, cobra.CompletionWithDesc(r.ID, r.Title))
	}
	return offer(out)
}
