package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newKeysStatus() *cobra.Command {
	return keysCommand(&cobra.Command{
		Use:   "status",
		Short: "say how the keys are",
		Long: `Say how the keys are: what the root key is and whether it opens what it wrapped, the versions of the key-encryption key
and how many keys of people each wraps, how many were destroyed, and which fields are on the way from PLAIN to SEALED or
back. It shows no secret, and changes nothing. Exit code 1 means that keys cannot be had.`,
		Example: `  cloakroom keys status
  cloakroom keys status --json | jq '.versions[] | {version, keys}'`,
	}, keysStatus)
}

func keysStatus(c *cobra.Command, asJSON bool) (err error) {
	h, err := holdHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	s, err := h.KeysStatus(c.Context())
	if err != nil {
		return err
	}
	failed := func() error {
		if s.Problem != "" {
			return errFindings
		}
		return nil
	}
	if asJSON {
		if err := printJSON(c.OutOrStdout(), s); err != nil {
			return err
		}
		return failed()
	}
	apart := "apart from the data"
	if !s.Apart {
		apart = "in the database of the data: a backup of the one is a backup of the other (--keys.dsn names another place)"
	}
	var indexes, moves []string
	for _, v := range s.Indexes {
		indexes = append(indexes, strconv.FormatInt(v, 10))
	}
	for _, m := range s.Moving {
		moves = append(moves, m.Field+" to "+m.To)
	}
	signing := "none: the first receipt of consent makes it"
	if n := len(s.Signing); n > 0 { // the newest is the last
		signing = fmt.Sprintf("version %d, made %s; %d retired", s.Signing[n-1].Version, s.Signing[n-1].Created.UTC().Format(time.DateOnly), n-1)
	}
	rows := [][]string{
		{"root key", s.Root},
		{"keys", count(s.Keys, "key, ", "keys, ") + apart},
		{"destroyed", fmt.Sprintf("%s; the ledger has %s", count(s.Destroyed, "key", "keys"), count(s.Erasures, "erasure", "erasures"))},
		{"index key", "version " + orNone(strings.Join(indexes, ", "))},
		{"signing key", signing},
		{"fields moving", orNone(strings.Join(moves, ", "))},
	}
	if len(moves) > 0 {
		hint(c, "next: `cloakroom keys convert` moves the values")
	}
	if s.Problem != "" {
		rows = append(rows, []string{"PROBLEM", s.Problem})
	}
	if err := printTable(c.OutOrStdout(), rows); err != nil {
		return err
	}
	rows = [][]string{{"\nVERSION", "KEYS", "MADE", "WRAPPED BY"}}
	for _, v := range s.Versions {
		rows = append(rows, []string{strconv.FormatInt(v.Version, 10), strconv.FormatInt(v.Keys, 10), v.Created.UTC().Format(time.DateOnly), v.Root})
	}
	if err := printTable(c.OutOrStdout(), rows); err != nil {
		return err
	}
	return failed()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
