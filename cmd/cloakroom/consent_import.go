package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

func newConsentImport() *cobra.Command {
	var f importFlags
	var by string
	var named, given map[string]string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "record what people decided before, elsewhere",
		Long: `Record what people decided before, elsewhere: a CSV file with a row for each decision, or - for standard input. The columns are

  person    the API's id of a record of theirs; with --by contacts.email, what they have there, and the column may be called email
  purpose   a purpose of the schema
  decision  GIVE, WITHDRAW, OBJECT or WITHDRAW_OBJECTION
  at        when, as 2024-05-25 or 2024-05-25T10:00:00Z
  method    how they said it, such as FORM or DOUBLE_OPT_IN; it becomes part of the evidence, because on record is an import
  evidence  what proves it: the number of a form or of a mail. Of GIVE it must be there
  notice    the hash of the text they were shown, where it was one of this schema's
  text      or the text itself, which is kept
  language  of the text, BCP 47
  expires   when the consent runs out

The first four must be there, in the file or as --set purpose=MARKETING for all rows. --column at="Opt-in date" says what the file
calls a column. Nothing that is on record already gives way: a decision from before the last one on record about its purpose is
rejected. So sort the file by date.

A row is recorded whole or rejected; rejected rows go to a file with the reason, as with cloakroom import. Importing a file twice
adds nothing, so an import that was interrupted is repeated. Exit code 1 means that no row was good.`,
		Example: `  cloakroom consent import consents.csv
  cloakroom consent import newsletter.csv --by contacts.email --set purpose=MARKETING --set decision=GIVE --column at="Opt-in date" --column evidence="Mail ID"
  cloakroom consent import objections.csv --by contacts.externalId --column person="Customer Id" --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			schema, err := house.Schema()
			if err != nil {
				return err
			}
			field, err := lookUpBy(schema, by)
			if err != nil {
				return fmt.Errorf("--by: %w", err)
			}
			return importConsents(c, f, importer.Consents{Schema: schema, By: field, Named: named, Given: given, Now: time.Now()}, args[0])
		},
	}
	placeFlags(c)
	c.Flags().StringVar(&by, "by", "", "find people by a field, such as contacts.email; empty: by the id of a record")
	c.Flags().StringToStringVar(&named, "column", nil, "what the file calls a column, as at=\"Opt-in date\"; may be given again")
	c.Flags().StringToStringVar(&given, "set", nil, "a value for all rows, as purpose=MARKETING; may be given again")
	f.common(c)
	return c
}

// lookUpBy is a field that people can be found by, as records.field.
func lookUpBy(s *ir.Schema, text string) (*ir.Field, error) {
	if text == "" {
		return nil, nil
	}
	records, name, dotted := strings.Cut(text, ".")
	if !dotted {
		return nil, errors.New("want RECORDS.FIELD, such as contacts.email")
	}
	t, err := recordsOf(s, records)
	if err != nil {
		return nil, err
	}
	f := t.Field(name)
	switch {
	case !t.Subject:
		return nil, fmt.Errorf("%s are no people", records)
	case f == nil || f.Kind != ir.Column:
		return nil, fmt.Errorf("%s has no stored field %q", t.Name, name)
	case f.Pii != nil && f.Pii.Find < ir.FindExact:
		return nil, fmt.Errorf("nobody is found by %s: its @pii has no find: EXACT", f.Coordinate())
	}
	return f, nil
}

func importConsents(c *cobra.Command, f importFlags, consents importer.Consents, path string) error {
	return f.bring(c, path, "recording consents", "nobody is in it", func(h *house.House, src io.ReadSeeker, o importer.Options) (*importer.Report, error) {
		return importer.RunConsents(c.Context(), consents, h.Gateway.Past(), src, o)
	})
}
