package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newKeysRotate() *cobra.Command {
	var index, signing bool
	c := keysCommand(&cobra.Command{
		Use:   "rotate",
		Short: "make a new version of the key-encryption key",
		Long: `Make a new version of the key-encryption key. Keys of people that are made from now on are wrapped with it; ` + "`keys rewrap`" + `
wraps the others, and ` + "`keys destroy --version`" + ` ends the old version. A root key in a file gets a new key as well; a key
service rotates by its own means. Servers go on meanwhile.

--index makes a new key for blind indexes too, first of all: every row with a sealed field that can be looked up is indexed
anew, and the older index keys are destroyed. It begins with 15 seconds in which servers learn of the new key. It may be
stopped at any point; run it again to go on.

--signing makes a new key for receipts of consent too. Servers sign with it within 15 seconds. The secret half of the one before is
destroyed; its public half stays published, so that receipts it signed still verify.`,
		Example: `  cloakroom keys rotate
  cloakroom keys rotate --index
  cloakroom keys rotate --signing`,
	}, func(c *cobra.Command, asJSON bool) error { return keysRotate(c, index, signing, asJSON) })
	c.Flags().BoolVar(&index, "index", false, "make a new key for blind indexes too, and index every row anew")
	c.Flags().BoolVar(&signing, "signing", false, "make a new key for receipts of consent too")
	return c
}

// rotated says what rotate did.
type rotated struct {
	Version int64  `json:"version"`           // of the key-encryption key
	Indexed *int64 `json:"indexed,omitempty"` // rows indexed anew
	Signing string `json:"signing,omitempty"` // id of the key that signs receipts from now on
}

func keysRotate(c *cobra.Command, index, signing, asJSON bool) (err error) {
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
	if signing { // last: it is wrapped with the new version
		if r.Signing, err = h.RotateReceiptKey(c.Context()); err != nil {
			return orStopped(c.Context(), err)
		}
		lines = append(lines, "receipts of consent are signed with the key "+r.Signing+" from now on; the one before stays published")
	}
	if err := sayOr(c, asJSON, r, lines...); err != nil {
		return err
	}
	if strings.HasPrefix(s.Root, "file:") {
		hint(c, "the root key's file has a new key: back it up, apart from everything else (%s)", s.Root)
	}
	hint(c, "next: `cloakroom keys rewrap` wraps the other keys with it")
	return nil
}
