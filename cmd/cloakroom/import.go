package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
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

FILE may be - for standard input. A row is imported whole or rejected whole; rejected rows go to the rejects file with the
reason, and to be corrected and imported again. The rejects file is FILE.rejects.csv, or FILE.rejects-2.csv and so on while
that is taken; of standard input and pipes rejected rows are only counted unless --rejects names a file. A dry run writes
nothing but a rejects file named with --rejects. Importing a file twice changes nothing the second time. Exit code 1 means
that no row was good.`,
		Example: `  cloakroom import contacts customers.csv --preset customers
  cloakroom import contacts northwind_customers.csv --preset northwind --dry-run
  cloakroom import deals pipeline.csv --preset crm --rejects bad-deals.csv
  zcat accounts.csv.gz | cloakroom import accounts - --preset crm --rejects bad-accounts.csv
  cloakroom import tickets tickets.csv --map tickets.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want RECORDS and FILE, for example: %s contacts customers.csv --preset customers", c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: matching(completeRecords),
		RunE:              func(c *cobra.Command, args []string) error { return importFile(c, f, args[0], args[1]) },
	}
	placeFlags(c)
	c.Flags().StringVar(&f.mapFile, "map", "", "YAML file that says what the columns mean")
	c.Flags().StringVar(&f.preset, "preset", "", "a map that comes along: customers, northwind or crm")
	_ = c.MarkFlagFilename("map", "yaml", "yml")
	complete(c, "preset", completePresets)
	f.common(c)
	c.MarkFlagsMutuallyExclusive("map", "preset")
	c.MarkFlagsOneRequired("map", "preset")
	return c
}

// common are the flags of every import.
func (f *importFlags) common(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "write nothing, except the file given with --rejects; say what would happen")
	c.Flags().StringVar(&f.rejects, "rejects", "", "where rejected rows go; "+noRejects+" only counts them (default: FILE.rejects.csv; in a dry run "+noRejects+")")
	c.Flags().StringVar(&f.encoding, "encoding", importer.Auto, "auto, utf-8 or latin1")
	c.Flags().StringVar(&f.delimiter, "delimiter", "auto", "auto, tab, or one character")
	c.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	complete(c, "encoding", oneOf(importer.Auto, importer.UTF8, importer.Latin1))
	complete(c, "delimiter", oneOf(importer.Auto, "tab", ",", ";", "|"))
}

func importFile(c *cobra.Command, f importFlags, records, path string) error {
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
	return f.bring(c, path, "importing "+t.Plural, "every record is new", func(h *house.House, src io.ReadSeeker, o importer.Options) (*importer.Report, error) {
		o.Store = h.Gateway.Bulk()
		return importer.Run(c.Context(), plan, src, o)
	})
}

// bring has run import a file, or standard input, and tells what came of it. What is shown while it goes on; empty says what a dry run
// has to mean where there is no database yet.
func (f importFlags) bring(c *cobra.Command, path, what, empty string, run func(*house.House, io.ReadSeeker, importer.Options) (*importer.Report, error)) (err error) {
	src, named, err := openInput(c.Context(), path, c.InOrStdin())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if !named {
		path = ""
	}
	rejects, err := f.rejectsFile(src, path)
	if err != nil {
		return err
	}
	h, isEmpty, err := f.open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()

	show, finish := progress(c.ErrOrStderr(), what)
	o := importer.Options{DryRun: f.dryRun, Encoding: f.encoding, Delimiter: f.delimiter, Progress: show}
	if rejects != nil {
		o.Rejects = rejects
	}
	report, err := run(h, src, o)
	finish()
	if err != nil && report.Accepted == 0 && report.Rejected == 0 {
		return fmt.Errorf("import %s: %w", cmp.Or(path, "standard input"), err)
	}
	if isEmpty {
		report.Notes = append(report.Notes, "there is no database yet: "+empty)
	}
	return f.tell(c, report, rejects, path, err)
}

// tell shows what came of an import that ended with err.
func (f importFlags) tell(c *cobra.Command, report *importer.Report, rejects *importer.RejectsFile, path string, err error) error {
	shown := imported{Report: report, input: path}
	if rejects != nil {
		shown.RejectsFile, shown.Older = rejects.Written(), rejects.Older()
	}
	if failed := f.show(c, shown); err == nil || !errors.Is(failed, errFindings) {
		err = errors.Join(failed, err)
	}
	return err
}

// open opens the data directory; in a dry run it changes nothing there, and empty says that there is nothing.
func (f importFlags) open(c *cobra.Command) (h *house.House, empty bool, err error) {
	if f.dryRun {
		return tryHouse(c)
	}
	h, err = openHouse(c)
	return h, false, err
}

// noRejects is the value of --rejects that only counts.
const noRejects = "none"

// rejectsFile settles where rejected rows go, before anything is imported; nil: they are only counted. Path is the input's,
// empty if it has none.
func (f importFlags) rejectsFile(src *os.File, path string) (*importer.RejectsFile, error) {
	switch {
	case f.rejects == noRejects, f.rejects == "" && (f.dryRun || path == ""):
		return nil, nil
	case f.rejects == "-":
		return nil, errors.New("--rejects: name a file: rejected rows are personal data, and standard output may go anywhere")
	case f.rejects == "":
		out, err := importer.RejectsBeside(path)
		if err != nil {
			return nil, fmt.Errorf("nothing was imported, because rejected rows would have no place to go: %w: name a file elsewhere with --rejects, or only count them with --rejects %s", err, noRejects)
		}
		return out, nil
	}
	input, err := src.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	out, err := importer.RejectsAt(f.rejects, input, path)
	if err != nil {
		return nil, fmt.Errorf("--rejects: %w: name another file; nothing was imported", err)
	}
	return out, nil
}

// imported is the report with the files it left behind.
type imported struct {
	*importer.Report
	RejectsFile string   `json:"rejectsFile,omitempty"`
	Older       []string `json:"olderRejects,omitempty"`
	input       string
}

func (f importFlags) show(c *cobra.Command, r imported) error {
	if f.json {
		if err := printJSON(c.OutOrStdout(), r); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(c.OutOrStdout(), r.Report); err != nil {
		return err
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...) }
	switch {
	case r.RejectsFile != "":
		say("rejected rows and reasons: %s (readable by you only; it repeats the rows)", r.RejectsFile)
	case r.Rejected > 0:
		say("rejected rows were only counted; --rejects FILE keeps them")
	}
	if len(r.Older) > 0 {
		say("kept from before, with personal data in it: %s; delete what you no longer need", strings.Join(r.Older, ", "))
	}
	if r.Rejected == 0 && !r.DryRun && !r.Stopped && r.input != "" && importer.IsRejects(r.input) {
		say("every row of %s is in: delete it, it holds personal data", r.input)
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
