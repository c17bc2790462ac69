package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newKeysReplay() *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "replay",
		Short: "carry out erasures again on restored data",
		Long: `Compare data and keys with the erasure ledger, and carry out again what a restored backup brought back. Every command
that shows data, and the server before it answers, does the same; this one says what it found. Run it after a restore.`,
		Example: `  cloakroom keys replay
  cloakroom keys replay --json`,
	}, keysReplay)
}

func keysReplay(c *cobra.Command, asJSON bool) (err error) {
	h, err := holdHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	show, finish := progress(c.ErrOrStderr(), "comparing erasures")
	r, err := h.Keyring.Replay(c.Context(), show)
	finish()
	if err != nil {
		return orStopped(c.Context(), err)
	}
	lines := []string{count(r.Erasures, "erasure", "erasures") + " in the ledger"}
	if r.Again > 0 {
		lines = append(lines, count(r.Again, "was", "were")+" carried out again: keys or records had come back")
	} else {
		lines = append(lines, "nothing had come back")
	}
	if r.Learned > 0 {
		lines = append(lines, count(r.Learned, "was", "were")+" in the keys database only, and is in the ledger now")
	}
	return sayOr(c, asJSON, r, lines...)
}
