package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
)

type importFlags struct {
	mapFile, preset, rejects, encoding, delimiter string
	dryRun, json                                  bool
}

func newImport() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import RECORDS FILE",
		Short: "bring a CSV file in",
		Long: `Import a CSV file. RECORDS is what its rows are, as the API names them: contacts, accounts, deals. What the columns mean
stands in a map (--map, see docs/import.md) or in one of the maps that come along (--preset).

A row is imported whole or rejected whole; rejected rows go to the rejects file with the reason, and to be corrected and
imported again. Importing a file twice changes nothing the second time. Exit code 1 means that no row was good.`,
		Example: `  cloakroom import contacts customers.csv --preset customers
  cloakroom import contacts northwind_customers.csv --preset northwind --dry-run
  cloakroom import deals pipeline.csv --preset crm --rejects bad-deals.csv
  cloakroom import tickets tickets.csv --map tickets.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want RECORDS and FILE, for example: %s contacts customers.csv --preset customers", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return importFile(c, f, args[0], args[1]) },
	}
	server.PlaceFlags(c.Flags())
	c.Flags().StringVar(&f.mapFile, "map", "", "YAML file that says what the columns mean")
	c.Flags().StringVar(&f.preset, "preset", "", "a map that comes along: customers, northwind or crm")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "write nothing; say what would happen")
	c.Flags().StringVar(&f.rejects, "rejects", "", "where rejected rows go (default: FILE.rejects.csv)")
	c.Flags().StringVar(&f.encoding, "encoding", importer.Auto, "auto, utf-8 or latin1")
	c.Flags().StringVar(&f.delimiter, "delimiter", "auto", "auto, tab, or one character")
	c.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	c.MarkFlagsMutuallyExclusive("map", "preset")
	c.MarkFlagsOneRequired("map", "preset")
	return c
}

func importFile(c *cobra.Command, f importFlags, records, path string) (err error) {
	schema, err := house.Schema()
	if err != nil {
		return err
	}
	t, err := recordsOf(schema, records)
	if err != nil {
		return err
	}
	plan, err := f.plan(schema, t)
	if err != nil {
		return err
	}
	src, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	h, err := openHouse(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()

	if f.rejects == "" {
		f.rejects = path + ".rejects.csv"
	}
	show, finish := progress(c.ErrOrStderr(), "importing "+t.Plural)
	o := importer.Options{Store: h.Gateway.Bulk(), DryRun: f.dryRun, Encoding: f.encoding, Delimiter: f.delimiter,
		Rejects: importer.RejectsFile(f.rejects), Progress: show}
	report, err := importer.Run(c.Context(), plan, src, o)
	finish()
	if err != nil && report.Accepted == 0 {
		return fmt.Errorf("import %s: %w", path, err)
	}
	return errors.Join(f.show(c, report), err)
}

func (f importFlags) show(c *cobra.Command, r *importer.Report) error {
	if f.json {
		if err := printJSON(c.OutOrStdout(), r); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(c.OutOrStdout(), r); err != nil {
		return err
	}
	if r.Rejected > 0 {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "rejected rows and reasons: %s (readable by you only; it repeats the rows)\n", f.rejects)
	}
	if r.Rejected > 0 && r.Accepted == 0 {
		return errFindings
	}
	return nil
}

// recordsOf finds the type whose records are called that in the API.
func recordsOf(s *ir.Schema, plural string) (*ir.Type, error) {
	var have []string
	for _, t := range s.Entities() {
		if t.Plural == plural {
			return t, nil
		}
		have = append(have, t.Plural)
	}
	slices.Sort(have)
	return nil, fmt.Errorf("the schema has no %q; it has %s", plural, strings.Join(have, ", "))
}

func (f importFlags) plan(s *ir.Schema, t *ir.Type) (*importer.Plan, error) {
	if f.preset != "" {
		return importer.FindPreset(s, f.preset, t)
	}
	text, err := os.ReadFile(f.mapFile)
	if err != nil {
		return nil, fmt.Errorf("read the map: %w", err)
	}
	m, err := importer.ParseMap(f.mapFile, text)
	if err != nil {
		return nil, err
	}
	plan, err := importer.Compile(s, m)
	if err != nil {
		return nil, err
	}
	if made := plan.OfferedAs(); made != t {
		return nil, fmt.Errorf("%s is a map for %s, not for %s", f.mapFile, made.Plural, t.Plural)
	}
	return plan, nil
}
