package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/doctor"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "look at everything a server needs",
		Long: `Look at everything a server needs: settings, ports, databases and their versions, keys, the erasure ledger, Redis, Kratos,
clocks, the disk. For each it says how it is, and what to do where something is wrong. It takes the flags of serve, so
` + "`doctor`" + ` in place of ` + "`serve`" + ` says whether a server would start, and with what it would answer.

It changes nothing, beside a server that runs as well, and takes five seconds at most. Exit code 1 means that something is
wrong without which a server does not start or does not answer; a warning is 0.`,
		Example: `  cloakroom doctor --config /etc/cloakroom.yaml
  cloakroom doctor --json | jq '.checks[] | select(.state == "fail")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return examine(c, asJSON) },
	}
	server.Flags(c.Flags())
	completeSettings(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func examine(c *cobra.Command, asJSON bool) error {
	gathered, wrong := server.Gather(c.Flags(), os.Environ())
	found := doctor.Look(c.Context(), gathered, optionsOf(gathered.Config, nil), wrong)
	worst := doctor.Worst(found)
	var err error
	if asJSON {
		err = printJSON(c.OutOrStdout(), map[string]any{"state": worst, "checks": found})
	} else {
		err = printFindings(c.OutOrStdout(), found)
	}
	if err == nil && worst == doctor.Fail {
		return errFindings
	}
	return err
}

// colours of the states, on terminals.
var colours = map[doctor.State]string{doctor.OK: "32", doctor.Warn: "33", doctor.Fail: "31", doctor.Skip: "2"}

// printFindings writes a line for each finding, and one below it with the remedy.
func printFindings(w io.Writer, found []doctor.Finding) error {
	width, colourful := 0, colour(w)
	for _, f := range found {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	var b strings.Builder
	for _, f := range found {
		mark := fmt.Sprintf("%-4s", f.State)
		if colourful {
			mark = "\x1b[" + colours[f.State] + "m" + mark + "\x1b[0m"
		}
		fmt.Fprintf(&b, "%s  %-*s  %s\n", mark, width, f.Name, oneLine(f.Says))
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%*s  → %s\n", len("fail")+2+width, "", oneLine(f.Remedy))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
