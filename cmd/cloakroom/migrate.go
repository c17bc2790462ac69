package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server/house"
)

type migrateFlags struct {
	check, plan, json bool
	lose              []string
}

func newMigrate() *cobra.Command {
	var f migrateFlags
	c := &cobra.Command{
		Use:   "migrate",
		Short: "bring the database to this program's version",
		Long: `Bring the databases of data, keys and erasures to this program's version, and make them where there are none. serve does the
same at its start, unless migrate=check says that it should only look.

A migration that would delete stored values, or change them for good, is refused until somebody says that it is meant, and
why: --lose "TABLE.COLUMN because REASON", once for each. So is a schema that takes what people said for something they were not
asked: --check and --plan say which purpose it is, and what to do. Exit code 1 of --check means that there is something to do.`,
		Example: `  cloakroom migrate --plan
  cloakroom migrate --check
  cloakroom migrate --lose "contacts.fax because nobody is sent a fax any more"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return migrate(c, f) },
	}
	placeFlags(c)
	c.Flags().BoolVar(&f.check, "check", false, "change nothing; exit code 1 if there is something to do")
	c.Flags().BoolVar(&f.plan, "plan", false, "change nothing; say what there is to do, and what would be lost")
	c.Flags().StringArrayVar(&f.lose, "lose", nil, `a loss that is meant, as "TABLE.COLUMN because REASON"`)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	c.MarkFlagsMutuallyExclusive("check", "plan")
	complete(c, "lose", cobra.NoFileCompletions)
	return c
}

func migrate(c *cobra.Command, f migrateFlags) error {
	lose, err := meant(f.lose)
	if err != nil {
		return err
	}
	o, err := houseOptions(c)
	if err != nil {
		return err
	}
	pending, err := house.Pending(c.Context(), o)
	if err != nil {
		return err
	}
	var lines []string
	for _, p := range pending {
		verb := "applied "
		if f.check || f.plan {
			verb = "pending "
		}
		lines = append(lines, verb+p.File)
		for _, l := range p.Losses {
			lines = append(lines, fmt.Sprintf("  %s %s, which %s", l.How, l.Name(), count(l.Rows, "row has", "rows have")))
		}
	}
	refused, err := house.Refused(c.Context(), o)
	if err != nil {
		return err
	}
	for _, r := range refused {
		lines = append(lines, "refused "+r.Error())
	}
	if len(pending)+len(refused) == 0 {
		lines = append(lines, "up to date")
	}
	if !f.check && !f.plan {
		o.Check, o.Hold, o.Lose = false, true, lose
		h, err := house.Open(c.Context(), o)
		if err != nil {
			return err
		}
		if err := h.Close(); err != nil {
			return err
		}
	}
	if err := sayOr(c, f.json, map[string]any{"migrations": pending, "refused": refused, "applied": !f.check && !f.plan}, lines...); err != nil {
		return err
	}
	if f.check && len(pending)+len(refused) > 0 {
		return errFindings
	}
	return nil
}

var errNoBecause = errors.New(`--lose: want "TABLE.COLUMN because REASON": whoever finds the data gone will ask`)

// meant reads what may be lost. The reasons are for the shell's history and the record of the change: they are asked for so that
// there is one.
func meant(lose []string) (names []string, err error) {
	for _, l := range lose {
		name, reason, ok := strings.Cut(l, " because ")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.TrimSpace(strings.Trim(reason, ".… ")) == "" {
			return nil, errNoBecause
		}
		if err := house.CheckReason(reason); err != nil {
			return nil, fmt.Errorf("--lose: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}
