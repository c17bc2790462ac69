package codegen

import (
	"context"
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlasschema "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/cloakroom-crm/cloakroom/directives/search"
)

// migrateDir holds one directory of versioned migrations per dialect.
const migrateDir = "ent/migrate"

// stateFile is the schema after the last migration. A diff against it needs no database server. Atlas' HCL keeps it
// readable in review.
const stateFile = "schema.hcl"

// dbSchema is the schema name states are recorded under; migrations name none, they apply to the connection's own.
const dbSchema = "public"

// Migration is what one run of Migrate did for one dialect.
type Migration struct {
	Dialect string
	// File is the new migration, relative to the root, or empty if the schema did not change.
	File string
	// Notices say what a person should look at: data left in place, columns that existing rows have no value for.
	Notices []string
}

// Tables is what the migrations shall create, and which of it is evidence.
type Tables struct {
	All        []*schema.Table
	AppendOnly []string // names of tables closed to UPDATE and DELETE
	Search     []search.Index
}

// Migrate brings ent/migrate up to date with the tables: for each dialect at most one new numbered file that holds the
// difference to the last one, in goose's format, with atlas.sum over all of them so that an edited or lost file shows.
//
// Tables and columns that are gone from the schema stay in the database unless allowDrop is set, with a notice: to forget
// data is a decision, and one that cannot be taken back.
func Migrate(ctx context.Context, root string, tables Tables, allowDrop bool) ([]Migration, error) {
	var done []Migration
	for _, d := range dialects {
		m, err := d.migrate(ctx, root, tables, allowDrop)
		if err != nil {
			return nil, fmt.Errorf("migrations for %s: %w", d.name, err)
		}
		done = append(done, m)
	}
	return done, nil
}

// dialectTools is what differs between the databases.
type dialectTools struct {
	name     string
	differ   atlasschema.Differ
	planner  atlas.PlanApplier
	marshal  schemahcl.Marshaler
	eval     schemahcl.Evaluator
	version  string // what Ent's probe of the server is answered
	triggers func(table string) []string
}

var dialects = []dialectTools{
	{dialect.SQLite, sqlite.DefaultDiff, sqlite.DefaultPlan, sqlite.MarshalHCL, sqlite.EvalHCL, "1", sqliteTriggers},
	{dialect.Postgres, postgres.DefaultDiff, postgres.DefaultPlan, postgres.MarshalHCL, postgres.EvalHCL, "150000", postgresTriggers},
}

// dirName is the dialect's directory: Ent says sqlite3.
func (d dialectTools) dirName() string { return strings.TrimSuffix(d.name, "3") }

func (d dialectTools) migrate(ctx context.Context, root string, tables Tables, allowDrop bool) (Migration, error) {
	out := Migration{Dialect: d.dirName()}
	path := filepath.Join(root, migrateDir, d.dirName())
	if err := os.MkdirAll(path, 0o755); err != nil {
		return out, err
	}
	dir, err := atlas.NewLocalDir(path)
	if err != nil {
		return out, err
	}
	if err := atlas.Validate(dir); err != nil && !errors.Is(err, atlas.ErrChecksumNotFound) {
		return out, fmt.Errorf("%s was changed after it was generated; restore it from version control: %w", path, err)
	}
	current, err := d.readState(filepath.Join(path, stateFile))
	if err != nil {
		return out, err
	}
	desired, err := d.desired(ctx, tables.All)
	if err != nil {
		return out, err
	}
	if !allowDrop {
		out.Notices = keepDropped(current, desired)
	}
	plan, notices, err := d.plan(ctx, current, desired)
	if err != nil {
		return out, err
	}
	out.Notices = append(out.Notices, notices...)
	have, err := readSearch(filepath.Join(path, searchFile))
	if err != nil {
		return out, err
	}
	want := searchState{alphabet: d.alphabetOf(), indexes: tables.Search}
	changed := statements(plan)
	stmts := d.reindex(have, want, changed)
	if len(stmts) == 0 {
		return out, nil
	}
	if len(changed) == 0 {
		plan.Name = "search"
	}
	for _, t := range tables.AppendOnly {
		if slices.ContainsFunc(stmts, func(s string) bool { return creates(s, t) }) {
			stmts = append(stmts, d.triggers(t)...)
		}
	}
	state, err := d.marshal.MarshalSpec(desired)
	if err != nil {
		return out, fmt.Errorf("record schema: %w", err)
	}
	name, err := nextName(dir, plan)
	if err != nil {
		return out, err
	}
	if err := dir.WriteFile(name, gooseFile(stmts)); err != nil {
		return out, err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return out, err
	}
	if err := atlas.WriteSumFile(dir, sum); err != nil {
		return out, err
	}
	out.File = filepath.ToSlash(filepath.Join(migrateDir, d.dirName(), name))
	if err := os.WriteFile(filepath.Join(path, searchFile), want.text(), 0o644); err != nil {
		return out, err
	}
	return out, os.WriteFile(filepath.Join(path, stateFile), state, 0o644)
}

// readState reads the recorded schema; before the first migration it is empty.
func (d dialectTools) readState(path string) (*atlasschema.Schema, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return atlasschema.New(dbSchema), nil
	}
	if err != nil {
		return nil, err
	}
	return d.parse(data)
}

func (d dialectTools) parse(state []byte) (*atlasschema.Schema, error) {
	p := hclparse.NewParser()
	if _, diags := p.ParseHCL(state, stateFile); diags.HasErrors() {
		return nil, fmt.Errorf("read %s: %w", stateFile, diags)
	}
	var realm atlasschema.Realm
	if err := d.eval.Eval(p, &realm, nil); err != nil {
		return nil, fmt.Errorf("read %s: %w", stateFile, err)
	}
	if len(realm.Schemas) != 1 {
		return nil, fmt.Errorf("read %s: want one schema, it has %d", stateFile, len(realm.Schemas))
	}
	return realm.Schemas[0], nil
}

// desired is the schema Ent wants, taken through the recorded form and back: both sides of a diff then speak the same
// dialect of Atlas, and nothing differs by spelling alone.
func (d dialectTools) desired(ctx context.Context, tables []*schema.Table) (*atlasschema.Schema, error) {
	shortenSymbols(tables)
	a, err := schema.NewMigrate(offline{d})
	if err != nil {
		return nil, err
	}
	realm, err := a.StateReader(tables...).ReadState(ctx)
	if err != nil {
		return nil, err
	}
	want := realm.Schemas[0]
	want.Name = dbSchema
	want.Realm = nil
	state, err := d.marshal.MarshalSpec(want)
	if err != nil {
		return nil, err
	}
	return d.parse(state)
}

// maxSymbol is PostgreSQL's limit on identifiers in bytes; beyond it names are cut silently and may collide.
const maxSymbol = 63

func shortenSymbols(tables []*schema.Table) {
	short := func(s string) string {
		if len(s) <= maxSymbol {
			return s
		}
		sum := sha256.Sum256([]byte(s))
		return s[:maxSymbol-9] + "_" + hex.EncodeToString(sum[:4])
	}
	for _, t := range tables {
		for _, fk := range t.ForeignKeys {
			fk.Symbol = short(fk.Symbol)
		}
		for _, i := range t.Indexes {
			i.Name = short(i.Name)
		}
	}
}

// keepDropped adds to desired what only current has, and says so. What stays must not get in the way of new rows, so kept
// columns become nullable, and constraints between kept tables are theirs to keep.
func keepDropped(current, desired *atlasschema.Schema) []string {
	var notices []string
	for _, t := range current.Tables {
		want, ok := desired.Table(t.Name)
		if !ok {
			keepTable(t, desired)
			notices = append(notices, fmt.Sprintf(
				"table %s is no longer in the schema. Its rows stay, and no rule governs them any more; --allow-drop deletes them", t.Name))
			continue
		}
		for _, c := range t.Columns {
			if _, ok := want.Column(c.Name); ok {
				continue
			}
			kept := *c
			typ := *c.Type
			typ.Null = true
			kept.Type, kept.Indexes, kept.ForeignKeys, kept.Default = &typ, nil, nil, nil
			want.AddColumns(&kept)
			notices = append(notices, fmt.Sprintf(
				"column %s.%s is no longer in the schema. Its values stay, and no rule governs them any more; --allow-drop deletes them", t.Name, c.Name))
		}
	}
	return notices
}

// keepTable copies a table without its foreign keys: they must not stop deletions in tables that are in use.
func keepTable(t *atlasschema.Table, into *atlasschema.Schema) {
	kept := *t
	kept.ForeignKeys = nil
	kept.Schema = into
	for _, c := range kept.Columns {
		c.ForeignKeys = nil
	}
	into.AddTables(&kept)
}

// plan turns the difference into statements.
func (d dialectTools) plan(ctx context.Context, current, desired *atlasschema.Schema) (*atlas.Plan, []string, error) {
	before := columnNullability(current)
	changes, err := d.differ.SchemaDiff(current, desired)
	if err != nil {
		return nil, nil, err
	}
	var notices []string
	for _, c := range changes {
		m, ok := c.(*atlasschema.ModifyTable)
		if !ok {
			continue
		}
		notices = append(notices, risks(m, before)...)
	}
	plan, err := d.planner.PlanChanges(ctx, "changes", changes, func(o *atlas.PlanOptions) {
		o.Indent = "  "
		o.SchemaQualifier = new(string)
	})
	if err != nil {
		return nil, nil, err
	}
	plan.Name = migrationName(current, changes)
	return plan, notices, nil
}

func columnNullability(s *atlasschema.Schema) map[string]bool {
	null := map[string]bool{}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			null[t.Name+"."+c.Name] = c.Type.Null
		}
	}
	return null
}

// wayOut is the first step out of a migration that will fail.
const wayOut = "If there may be such rows, take the migration back with `cloakroom generate --undo`"

// risks are the changes that rows already stored may not survive.
func risks(m *atlasschema.ModifyTable, before map[string]bool) []string {
	var notices []string
	for _, c := range m.Changes {
		switch c := c.(type) {
		case *atlasschema.AddColumn:
			if !c.C.Type.Null && c.C.Default == nil {
				notices = append(notices, fmt.Sprintf(
					"column %s.%s is required and new: the migration fails where the table has rows. %s, give the field @default or make it nullable, and generate again", m.T.Name, c.C.Name, wayOut))
			}
		case *atlasschema.ModifyColumn:
			if c.Change.Is(atlasschema.ChangeType) {
				notices = append(notices, fmt.Sprintf("column %s.%s changes its type: see that stored values fit", m.T.Name, c.To.Name))
			}
			if before[m.T.Name+"."+c.From.Name] && !c.To.Type.Null {
				notices = append(notices, fmt.Sprintf("column %s.%s becomes required: the migration fails where it is null. %s, make the field nullable again, and generate again", m.T.Name, c.To.Name, wayOut))
			}
		}
	}
	return notices
}

// statements drops the PRAGMAs: they do nothing inside a transaction, and the store migrates with foreign keys off.
func statements(p *atlas.Plan) []string {
	var out []string
	for _, c := range p.Changes {
		if !strings.HasPrefix(c.Cmd, "PRAGMA ") {
			out = append(out, c.Cmd+";")
		}
	}
	return out
}

// creates reports whether a statement makes the table, also by renaming a rebuilt copy to it.
func creates(stmt, table string) bool {
	q := "[`\"]" + regexp.QuoteMeta(table) + "[`\"]"
	return regexp.MustCompile("^CREATE TABLE " + q + " |RENAME TO " + q + ";$").MatchString(stmt)
}

// gooseFile renders a migration. There is no way down: undoing one would delete what was stored since.
func gooseFile(stmts []string) []byte {
	var b strings.Builder
	b.WriteString("-- Generated by cloakroom generate from the schema. Never edit an applied migration: atlas.sum would not match.\n")
	b.WriteString("-- +goose Up\n")
	for _, s := range stmts {
		b.WriteString("-- +goose StatementBegin\n" + s + "\n-- +goose StatementEnd\n")
	}
	return []byte(b.String())
}

// nextName numbers migrations in sequence: names are the same on every machine.
func nextName(dir *atlas.LocalDir, p *atlas.Plan) (string, error) {
	files, err := dir.Files()
	if err != nil {
		return "", err
	}
	last := 0
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(f.Name(), "%05d_", &n); err != nil {
			return "", fmt.Errorf("%s: the name of a migration begins with its number", f.Name())
		}
		last = max(last, n)
	}
	return fmt.Sprintf("%05d_%s.sql", last+1, p.Name), nil
}

// migrationName says what a migration is about if it is about one thing.
func migrationName(current *atlasschema.Schema, changes []atlasschema.Change) string {
	if len(current.Tables) == 0 {
		return "initial"
	}
	if len(changes) == 1 {
		switch c := changes[0].(type) {
		case *atlasschema.AddTable:
			return "add_" + c.T.Name
		case *atlasschema.DropTable:
			return "drop_" + c.T.Name
		case *atlasschema.ModifyTable:
			return "change_" + c.T.Name
		}
	}
	return "changes"
}

func sqliteTriggers(table string) []string {
	var out []string
	for _, event := range []string{"UPDATE", "DELETE"} {
		name := table + "_no_" + strings.ToLower(event)
		out = append(out,
			fmt.Sprintf("DROP TRIGGER IF EXISTS `%s`;", name),
			fmt.Sprintf("CREATE TRIGGER `%s` BEFORE %s ON `%s` BEGIN SELECT RAISE(ABORT, '%s is append-only'); END;", name, event, table, table))
	}
	return out
}

func postgresTriggers(table string) []string {
	fn := table + "_append_only"
	return []string{
		fmt.Sprintf("CREATE OR REPLACE FUNCTION %q() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION '%s is append-only'; END $$;", fn, table),
		fmt.Sprintf("DROP TRIGGER IF EXISTS %q ON %q;", fn, table),
		fmt.Sprintf("CREATE TRIGGER %q BEFORE UPDATE OR DELETE OR TRUNCATE ON %q FOR EACH STATEMENT EXECUTE FUNCTION %q();", fn, table, fn),
	}
}

// offline stands in for a database: Ent asks only which one it is.
type offline struct{ d dialectTools }

func (o offline) Dialect() string                              { return o.d.name }
func (o offline) Close() error                                 { return nil }
func (o offline) Tx(context.Context) (dialect.Tx, error)       { return nil, errOffline }
func (o offline) Exec(context.Context, string, any, any) error { return errOffline }
func (o offline) Query(_ context.Context, _ string, _, v any) error {
	rows, ok := v.(*entsql.Rows)
	if !ok {
		return errOffline
	}
	rows.ColumnScanner = &oneValue{value: o.d.version}
	return nil
}

var errOffline = errors.New("no database takes part in generation")

// oneValue is a result of one row with one column.
type oneValue struct {
	value string
	read  bool
}

func (r *oneValue) Close() error               { return nil }
func (r *oneValue) Err() error                 { return nil }
func (r *oneValue) NextResultSet() bool        { return false }
func (r *oneValue) Columns() ([]string, error) { return []string{"value"}, nil }
func (r *oneValue) ColumnTypes() ([]*stdsql.ColumnType, error) {
	return nil, nil
}
func (r *oneValue) Next() bool {
	next := !r.read
	r.read = true
	return next
}
func (r *oneValue) Scan(dest ...any) error {
	switch p := dest[0].(type) {
	case *string:
		*p = r.value
	case *bool:
		*p = r.value == "1"
	case *int64:
		*p = 1
	default:
		return fmt.Errorf("scan %T: %w", p, errOffline)
	}
	return nil
}
