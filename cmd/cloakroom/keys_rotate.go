package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newKeysRotate() *cobra.Command {
	var index bool
	c := keysCommand(&cobra.Command{
		Use:   "rotate",
		Short: "make a new version of the key-encryption key",
		Long: `Make a new version of the key-encryption key. Keys of people that are made from now on are wrapped with it; ` + "`keys rewrap`" + `
wraps the others, and ` + "`keys destroy --version`" + ` ends the old version. A root key in a file gets a new key as well; a key
service rotates by its own means. Servers go on meanwhile.

--index makes a new key for blind indexes too, first of all: every row with a sealed field that can be looked up is indexed
anew, and the older index keys are destroyed. It begins with 15 seconds in which servers learn of the new key. It may be
stopped at any point; run it again to go on.`,
		Example: `  cloakroom keys rotate
  cloakroom keys rotate --index`,
	}, func(c *cobra.Command, asJSON bool) error { return keysRotate(c, index, asJSON) })
	c.Flags().BoolVar(&index, "index", false, "make a new key for blind indexes too, and index every row anew")
	return c
}

// rotated says what rotate did.
type rotated struct {
	Version int64  `json:"version"`           // of the key-encryption key
	Indexed *int64 `json:"indexed,omitempty"` // rows indexed anew
}

func keysRotate(c *cobra.Command, index, asJSON bool) (err error) {
	h, err := lookIntoHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	var r rotated
	var lines []string
	if index { // first: it is what may be stopped, and running it again must not make version after version
		show, finish := progress(c.ErrOrStderr(), "indexing anew")
		done, err := h.Keyring.Reindex(c.Context(), show)
		finish()
		if err != nil {
			return orStopped(c.Context(), err)
		}
		r.Indexed = &done
		lines = append(lines, count(done, "row is", "rows are")+" indexed with a new key, and the older index keys are destroyed")
	}
	if r.Version, err = h.Keyring.Rotate(c.Context()); err != nil {
		return orStopped(c.Context(), err)
	}
	s, err := h.KeysStatus(c.Context())
	if err != nil {
		return err
	}
	lines = append(lines, fmt.Sprintf("version %d of the key-encryption key is made; keys of people are wrapped with it from now on", r.Version))
	if err := sayOr(c, asJSON, r, lines...); err != nil {
		return err
	}
	if strings.HasPrefix(s.Root, "file:") {
		hint(c, "the root key's file has a new key: back it up, apart from everything else (%s)", s.Root)
	}
	hint(c, "next: `cloakroom keys rewrap` wraps the other keys with it")
	return nil
}
