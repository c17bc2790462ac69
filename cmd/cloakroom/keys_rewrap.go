package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newKeysRewrap() *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "rewrap",
		Short: "wrap every key with the newest version of the key-encryption key",
		Long: `Wrap every key with the newest version of the key-encryption key, so that an older version can be destroyed. The data is
not touched: what is wrapped is the key of each person. Servers go on meanwhile. It may be stopped at any point; run it again
to go on.`,
		Example: `  cloakroom keys rotate
  cloakroom keys rewrap
  cloakroom keys destroy --version 1`,
	}, keysRewrap)
}

// rewrapped says what rewrap did.
type rewrapped struct {
	Keys    int64   `json:"keys"`    // wrapped now
	Version int64   `json:"version"` // with which
	Older   []int64 `json:"older"`   // versions that wrap nothing any more
}

func keysRewrap(c *cobra.Command, asJSON bool) (err error) {
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	show, finish := progress(c.ErrOrStderr(), "wrapping keys")
	done, err := h.Keyring.Rewrap(c.Context(), show)
	finish()
	if err != nil {
		return orStopped(c.Context(), err)
	}
	r := rewrapped{Keys: done}
	if r.Version, r.Older, err = h.OlderVersions(c.Context()); err != nil {
		return err
	}
	line := fmt.Sprintf("%s wrapped with version %d", count(done, "key is", "keys are"), r.Version)
	if done == 0 {
		line = fmt.Sprintf("every key is wrapped with version %d already", r.Version)
	}
	if err := sayOr(c, asJSON, r, line); err != nil {
		return err
	}
	if len(r.Older) == 0 {
		hint(c, "there is no older version; `cloakroom keys rotate` makes a new one")
	}
	for _, v := range r.Older {
		hint(c, "next: `cloakroom keys destroy --version %d`, once there is a new backup of the keys database, and of the root key if it is a file", v)
	}
	return nil
}
