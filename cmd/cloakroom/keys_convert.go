package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

func newKeysConvert() *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "convert",
		Short: "move values of fields that changed between PLAIN and SEALED",
		Long: `Move the values of fields to where the schema now says they are stored: seal what was PLAIN, open what was SEALED. Each
value is read again and compared before the old one goes. Servers go on meanwhile, and read both. It may be stopped at any
point; run it again to go on. Exit code 1 means that some values do not open: they stay where they are.`,
		Example: `  cloakroom keys status
  cloakroom keys convert`,
	}, keysConvert)
}

func keysConvert(c *cobra.Command, asJSON bool) (err error) {
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	before, err := h.KeysStatus(c.Context())
	if err != nil {
		return err
	}
	show, finish := progress(c.ErrOrStderr(), "moving values")
	r, err := h.Keyring.Convert(c.Context(), show)
	finish()
	if err != nil {
		return orStopped(c.Context(), err)
	}
	lines := []string{count(r.Values, "value", "values") + " moved"}
	switch {
	case len(before.Moving) == 0:
		lines = []string{"nothing to move: every value is stored as the schema says"}
	default:
		if r.Gone > 0 {
			lines = append(lines, count(r.Gone, "value was", "values were")+" of people whose keys are destroyed, and cleared")
		}
		if r.Rejected > 0 {
			lines = append(lines, count(r.Rejected, "value does", "values do")+" not open, and stayed: see the security events in the log")
		}
	}
	if err := sayOr(c, asJSON, r, lines...); err != nil {
		return err
	}
	if sealing := h.Sealing(before); r.Values+r.Gone > 0 && len(sealing) > 0 {
		if h.Postgres() {
			hint(c, "PostgreSQL keeps the old versions of rows, in plain, until you run VACUUM FULL %s; its log (WAL) and backups keep them until these are gone", strings.Join(sealing, ", "))
		} else {
			hint(c, "backups from before hold these values in plain, until the backups are gone")
		}
	}
	if r.Rejected > 0 {
		return errFindings
	}
	return nil
}
