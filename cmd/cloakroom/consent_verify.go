package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server/house"
)

func newConsentVerify() *cobra.Command {
	var asJSON, repair bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "compare what reads decide by with the consent ledger",
		Long: `Compare what reads decide by with the consent ledger: recompute where every person stands from the ledger's lines, and report
each row that says something else, now or about when a consent runs out. The ledger is looked through as well: a line that is
missing, a notice that is not what its hash says. Records are named by their ids; no value of them is shown.

--repair then makes the rows say what the ledger proves. What is wrong with the ledger itself cannot be repaired: restore it
from a backup, or record what people said anew.

Exit code 1 means that there are differences, or that some are left.`,
		Example: `  cloakroom consent verify
  cloakroom consent verify --json | jq '.differences[] | .what'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return verifyConsents(c, asJSON, repair) },
	}
	placeFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&repair, "repair", false, "make the rows say what the ledger proves")
	return c
}

// verified is what consent verify says.
type verified struct {
	Rows        int64              `json:"rows"`
	Lines       int64              `json:"lines"`
	Differences []house.Difference `json:"differences"`
	More        int64              `json:"more,omitempty"` // that are not listed
	Repaired    int                `json:"repaired,omitempty"`
}

// maxListed bounds the report: where everything differs, the thousandth row says nothing new.
const maxListed = 1000

func verifyConsents(c *cobra.Command, asJSON, repair bool) (err error) {
	open := lookIntoHouse
	if repair {
		open = openHouse
	}
	h, err := open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	v := verified{Differences: []house.Difference{}}
	var people []uuid.UUID
	show, finish := progress(c.ErrOrStderr(), "comparing consents")
	checked, err := h.VerifyConsents(c.Context(), func(d house.Difference) {
		if d.Row != nil && !slices.Contains(people[max(len(people)-1, 0):], d.Subject) {
			people = append(people, d.Subject)
		}
		if len(v.Differences) == maxListed {
			v.More++
			return
		}
		v.Differences = append(v.Differences, d)
	}, func(c house.Checked) {
		if show != nil {
			show(c.Rows+c.Lines, c.Total)
		}
	})
	finish()
	if err != nil {
		return orStopped(c.Context(), err)
	}
	v.Rows, v.Lines = checked.Rows, checked.Lines
	if repair {
		for _, subject := range people {
			if err := h.RestoreConsents(c.Context(), subject); err != nil {
				return orStopped(c.Context(), err)
			}
			v.Repaired++
		}
	}
	if err := v.print(c, asJSON); err != nil {
		return err
	}
	beyond := slices.ContainsFunc(v.Differences, func(d house.Difference) bool { return d.Row == nil })
	if checked.Differences > 0 && (!repair || beyond) {
		return errFindings
	}
	return nil
}

func (v verified) print(c *cobra.Command, asJSON bool) error {
	if asJSON {
		return printJSON(c.OutOrStdout(), v)
	}
	out := c.OutOrStdout()
	for _, d := range v.Differences {
		where := "ledger"
		if d.Row != nil {
			where = d.Type + " " + d.Row.String()
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", where, d.What); err != nil {
			return err
		}
	}
	say := fmt.Sprintf("%s compared with %s of the ledger: ", count(v.Rows, "row", "rows"), count(v.Lines, "line", "lines"))
	switch n := int64(len(v.Differences)) + v.More; {
	case n == 0:
		say += "no difference"
	case v.Repaired > 0:
		say += count(n, "difference", "differences") + "; the rows of " + count(int64(v.Repaired), "person", "people") + " say what the ledger says now"
	default:
		say += count(n, "difference", "differences")
		hint(c, "next: `cloakroom consent verify --repair` makes the rows say what the ledger proves")
	}
	_, err := fmt.Fprintln(out, say)
	return err
}
