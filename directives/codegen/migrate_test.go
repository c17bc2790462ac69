package codegen

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"

	"github.com/cloakroom-crm/cloakroom/directives/search"
)

// people is a schema before anything happens to it.
func people() Tables {
	id := func() *schema.Column { return &schema.Column{Name: "id", Type: field.TypeUUID} }
	team := schema.NewTable("teams").AddPrimary(id()).AddColumn(&schema.Column{Name: "name", Type: field.TypeString})
	key := &schema.Column{Name: "team_id", Type: field.TypeUUID, Nullable: true}
	person := schema.NewTable("people").AddPrimary(id()).
		AddColumn(&schema.Column{Name: "name", Type: field.TypeString}).
		AddColumn(&schema.Column{Name: "nick", Type: field.TypeString}).
		AddColumn(key).
		AddForeignKey(&schema.ForeignKey{Symbol: "people_teams_team", Columns: []*schema.Column{key}, RefTable: team,
			RefColumns: team.PrimaryKey, OnDelete: schema.Cascade})
	person.AddIndex("person_team_id", false, []string{"team_id"})
	ledger := schema.NewTable("ledger").AddPrimary(id()).AddColumn(&schema.Column{Name: "what", Type: field.TypeString})
	return Tables{All: []*schema.Table{team, person, ledger}, AppendOnly: []string{"ledger"}}
}

func table(ts Tables, name string) *schema.Table {
	i := slices.IndexFunc(ts.All, func(t *schema.Table) bool { return t.Name == name })
	return ts.All[i]
}

func without(ts Tables, name, column string) Tables {
	t := table(ts, name)
	t.Columns = slices.DeleteFunc(t.Columns, func(c *schema.Column) bool { return c.Name == column })
	return ts
}

// migrateIn runs Migrate and returns the new file of each dialect, "" for none.
func migrateIn(t *testing.T, root string, ts Tables, allowDrop bool) map[string]Migration {
	t.Helper()
	done, err := Migrate(context.Background(), root, ts, allowDrop)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Migration{}
	for _, m := range done {
		out[m.Dialect] = m
	}
	return out
}

func content(t *testing.T, root, file string) string {
	t.Helper()
	if file == "" {
		t.Fatal("no migration was written")
	}
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// created numbers throw-away databases.
var created atomic.Int64

// databases are the ones migrations are applied to: SQLite always, PostgreSQL where a server is at hand.
func databases(t *testing.T) map[string]*sql.DB {
	t.Helper()
	open := func(driver, dsn string) *sql.DB {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	out := map[string]*sql.DB{"sqlite": open("sqlite", "file:"+filepath.Join(t.TempDir(), "t.db"))}
	server := os.Getenv("CLOAKROOM_TEST_POSTGRES")
	if server == "" {
		t.Log("CLOAKROOM_TEST_POSTGRES is not set: SQLite only")
		return out
	}
	name := fmt.Sprintf("migrate_%d_%d", os.Getpid(), created.Add(1))
	admin := open("pgx", server)
	if _, err := admin.Exec(`CREATE DATABASE "` + name + `"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(`DROP DATABASE "` + name + `" WITH (FORCE)`) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	out["postgres"] = open("pgx", u.String())
	return out
}

// up applies what is pending in root.
func up(t *testing.T, root, name string, db *sql.DB) {
	t.Helper()
	d := goose.DialectSQLite3
	if name == "postgres" {
		d = goose.DialectPostgres
	}
	p, err := goose.NewProvider(d, db, os.DirFS(filepath.Join(root, migrateDir, name)), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(context.Background()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func run(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

const anID = "'01890a5d-ac96-774b-bcce-b302099a8057'"

func TestFirstMigrationThenNothing(t *testing.T) {
	root := t.TempDir()
	first := migrateIn(t, root, people(), false)
	for d, m := range first {
		if want := "ent/migrate/" + d + "/00001_initial.sql"; m.File != want {
			t.Errorf("%s: wrote %q, want %q", d, m.File, want)
		}
	}
	for d, m := range migrateIn(t, root, people(), false) {
		if m.File != "" || len(m.Notices) > 0 {
			t.Errorf("%s: the schema did not change, yet %+v", d, m)
		}
	}
	for name, db := range databases(t) {
		up(t, root, name, db)
		run(t, db, "INSERT INTO teams (id, name) VALUES ("+anID+", 'a')")
	}
}

func TestNewColumnIsAllThatChanges(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	dbs := databases(t)
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, "INSERT INTO people (id, name, nick) VALUES ("+anID+", 'Ada', 'a')")
	}
	changed := people()
	table(changed, "people").AddColumn(&schema.Column{Name: "city", Type: field.TypeString, Nullable: true})
	for d, m := range migrateIn(t, root, changed, false) {
		if want := "ent/migrate/" + d + "/00002_change_people.sql"; m.File != want {
			t.Fatalf("%s: wrote %q, want %q", d, m.File, want)
		}
		text := content(t, root, m.File)
		if strings.Count(text, "StatementBegin") != 1 || !strings.Contains(text, "ADD COLUMN") || !strings.Contains(text, "city") {
			t.Errorf("%s: want one ADD COLUMN:\n%s", d, text)
		}
	}
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, "UPDATE people SET city = 'London' WHERE name = 'Ada'")
	}
}

// A required column has no value for rows that exist. The migration must say so beforehand, and still work where there are
// none.
func TestRequiredColumn(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	dbs := databases(t)
	for name, db := range dbs {
		up(t, root, name, db)
	}
	changed := people()
	table(changed, "people").AddColumn(&schema.Column{Name: "city", Type: field.TypeString})
	for d, m := range migrateIn(t, root, changed, false) {
		if len(m.Notices) != 1 || !strings.Contains(m.Notices[0], "people.city is required and new") {
			t.Errorf("%s: notices %q", d, m.Notices)
		}
	}
	for name, db := range dbs {
		up(t, root, name, db)
		if _, err := db.Exec("INSERT INTO people (id, name, nick) VALUES (" + anID + ", 'Ada', 'a')"); err == nil {
			t.Errorf("%s: a person without the required city was stored", name)
		}
	}
}

func TestRemovedColumnStaysUntilToldOtherwise(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	dbs := databases(t)
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, "INSERT INTO people (id, name, nick) VALUES ("+anID+", 'Ada', 'countess')")
	}
	for d, m := range migrateIn(t, root, without(people(), "people", "nick"), false) {
		if len(m.Notices) != 1 || !strings.Contains(m.Notices[0], "people.nick is no longer in the schema") {
			t.Errorf("%s: notices %q", d, m.Notices)
		}
	}
	for name, db := range dbs {
		up(t, root, name, db)
		var nick string
		if err := db.QueryRow("SELECT nick FROM people").Scan(&nick); err != nil || nick != "countess" {
			t.Errorf("%s: nick is %q (%v), it should have been kept", name, nick, err)
		}
		run(t, db, "INSERT INTO people (id, name) VALUES ('01890a5d-ac96-774b-bcce-b302099a8058', 'Bob')")
	}
	// The reminder repeats, the migration does not.
	for d, m := range migrateIn(t, root, without(people(), "people", "nick"), false) {
		if m.File != "" || len(m.Notices) != 1 {
			t.Errorf("%s: %+v", d, m)
		}
	}
	migrateIn(t, root, without(people(), "people", "nick"), true)
	for name, db := range dbs {
		up(t, root, name, db)
		if _, err := db.Exec("SELECT nick FROM people"); err == nil {
			t.Errorf("%s: nick is still there after --allow-drop", name)
		}
		var n int
		if err := db.QueryRow("SELECT count(*) FROM people").Scan(&n); err != nil || n != 2 {
			t.Errorf("%s: %d people left (%v), want 2", name, n, err)
		}
	}
}

// One directory of migrations, two domains one after the other.
func TestSchemaOfAnotherField(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	room := schema.NewTable("rooms").AddPrimary(&schema.Column{Name: "id", Type: field.TypeUUID}).
		AddColumn(&schema.Column{Name: "floor", Type: field.TypeInt64, Default: 0})
	clinic := Tables{All: []*schema.Table{room, table(people(), "ledger")}, AppendOnly: []string{"ledger"}}
	for d, m := range migrateIn(t, root, clinic, false) {
		if len(m.Notices) != 2 {
			t.Errorf("%s: want a notice for teams and one for people, got %q", d, m.Notices)
		}
	}
	for name, db := range databases(t) {
		up(t, root, name, db)
		run(t, db, "INSERT INTO rooms (id) VALUES ("+anID+")")
	}
	migrateIn(t, root, clinic, true)
	for name, db := range databases(t) {
		up(t, root, name, db)
		if _, err := db.Exec("SELECT id FROM people"); err == nil {
			t.Errorf("%s: people is still there after --allow-drop", name)
		}
	}
}

func TestLedgerIsAppendOnlyInTheDatabase(t *testing.T) {
	root := t.TempDir()
	migrateIn(t, root, people(), false)
	// A change that makes SQLite rebuild the table, which drops its triggers.
	changed := people()
	table(changed, "ledger").Columns[1].Nullable = true
	if text := content(t, root, migrateIn(t, root, changed, false)["sqlite"].File); !strings.Contains(text, "RENAME TO") {
		t.Fatalf("the table was not rebuilt, so this shows nothing:\n%s", text)
	}
	for name, db := range databases(t) {
		up(t, root, name, db)
		run(t, db, "INSERT INTO ledger (id, what) VALUES ("+anID+", 'yes')")
		for _, q := range []string{"UPDATE ledger SET what = 'no'", "DELETE FROM ledger"} {
			if _, err := db.Exec(q); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %s: %v, want a refusal", name, q, err)
			}
		}
	}
}

// words are the ids of the people found by a word.
func words(t *testing.T, name string, db *sql.DB, word string) string {
	t.Helper()
	query := "SELECT r.id FROM people_search JOIN people_search_rows AS r ON r.doc = people_search.rowid WHERE people_search MATCH '" + word + "' ORDER BY r.id"
	if name == "postgres" {
		where := fmt.Sprintf("%s(name) @@ '%s'", search.Function, word)
		if strings.Contains(indexes(t, db), "nick") {
			where += fmt.Sprintf(" OR %s(nick) @@ '%s'", search.Function, word)
		}
		query = "SELECT id FROM people WHERE " + where + " ORDER BY id"
	}
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		found = append(found, id[len(id)-1:])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

// indexes are the definitions of PostgreSQL's search indexes.
func indexes(t *testing.T, db *sql.DB) string {
	t.Helper()
	var out string
	if err := db.QueryRow("SELECT coalesce(string_agg(indexdef, ' '), '') FROM pg_indexes WHERE indexname LIKE '%search%'").Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What may be searched changes with the schema. Rows that were there are indexed by the migration, and an index stays in
// step with its table through whatever a migration does to it.
func TestSearchIndexesMigrate(t *testing.T) {
	root := t.TempDir()
	dbs := databases(t)
	person := func(n int, name, nick string) string {
		return fmt.Sprintf("INSERT INTO people (id, name, nick) VALUES ('01890a5d-ac96-774b-bcce-b3020000000%d', '%s', '%s')", n, name, nick)
	}
	migrateIn(t, root, people(), false)
	for name, db := range dbs {
		up(t, root, name, db)
		run(t, db, person(1, "Ada", "countess"))
	}
	searchable := func(ts Tables, columns ...string) Tables {
		if columns != nil {
			ts.Search = []search.Index{{Table: "people", Columns: columns}}
		}
		return ts
	}
	rebuilt := people() // SQLite makes the table anew for this
	table(rebuilt, "people").Columns[1].Nullable = true
	withCity := func() Tables {
		ts := people()
		table(ts, "people").Columns[1].Nullable = true
		table(ts, "people").AddColumn(&schema.Column{Name: "city", Type: field.TypeString, Nullable: true})
		return ts
	}
	for i, step := range []struct {
		what      string
		tables    Tables
		allowDrop bool
		file      string
		has       []string // of these words somebody is found
		hasNot    []string
	}{
		{"a field becomes searchable", searchable(people(), "name"), false, "00002_search", []string{"ada"}, []string{"countess"}},
		{"nothing changes", searchable(people(), "name"), false, "", []string{"ada"}, []string{"countess"}},
		{"another one does", searchable(people(), "name", "nick"), false, "00003_search", []string{"ada", "countess"}, nil},
		{"the table is made anew", searchable(rebuilt, "name", "nick"), false, "00004_change_people", []string{"ada", "countess"}, nil},
		{"a column comes", searchable(withCity(), "name", "nick"), false, "00005_change_people", []string{"ada", "countess"}, nil},
		{"a searchable column is no longer in the schema", searchable(without(withCity(), "people", "nick"), "name"), false, "00006_change_people", []string{"ada"}, []string{"countess"}},
		{"and goes", searchable(without(withCity(), "people", "nick"), "name"), true, "00007_change_people", []string{"ada"}, []string{"countess"}},
	} {
		for d, m := range migrateIn(t, root, step.tables, step.allowDrop) {
			if want := "ent/migrate/" + d + "/" + step.file + ".sql"; step.file != "" && m.File != want || step.file == "" && m.File != "" {
				t.Errorf("%s: %s: wrote %q, want %q", step.what, d, m.File, step.file)
			}
		}
		for name, db := range dbs {
			up(t, root, name, db)
			if name == "postgres" && i > 0 && !strings.Contains(indexes(t, db), "gin") {
				t.Errorf("%s: %s: there is no index: %s", step.what, name, indexes(t, db))
			}
			for _, w := range step.has {
				if got := words(t, name, db, w); got != "1" {
					t.Errorf("%s: %s: %s finds %q, want 1", step.what, name, w, got)
				}
			}
			for _, w := range step.hasNot {
				if got := words(t, name, db, w); got != "" {
					t.Errorf("%s: %s: %s finds %q", step.what, name, w, got)
				}
			}
			// Later rows are indexed too, and leave nothing behind.
			run(t, db, "INSERT INTO people (id, name"+nick(step.tables)+") VALUES ('01890a5d-ac96-774b-bcce-b30200000002', 'Late'"+strings.Repeat(", 'n'", strings.Count(nick(step.tables), "nick"))+")")
			if got := words(t, name, db, "late"); got != "2" {
				t.Errorf("%s: %s: a new row is not found: %q", step.what, name, got)
			}
			run(t, db, "UPDATE people SET name = 'Later' WHERE name = 'Late'")
			run(t, db, "DELETE FROM people WHERE name = 'Later'")
			if got := words(t, name, db, "late") + words(t, name, db, "later"); got != "" {
				t.Errorf("%s: %s: a row that is gone is found: %q", step.what, name, got)
			}
		}
	}
	// The type goes, its rows stay, and nobody searches them.
	gone := people()
	gone.All = slices.DeleteFunc(gone.All, func(t *schema.Table) bool { return t.Name == "people" })
	migrateIn(t, root, gone, false)
	for name, db := range dbs {
		up(t, root, name, db)
		if name == "sqlite" {
			if _, err := db.Exec("SELECT * FROM people_search"); err == nil {
				t.Error("sqlite: the words of a type that is gone are still there")
			}
		} else if got := indexes(t, db); got != "" {
			t.Error(got)
		}
	}
}

// nick is the column's part of an INSERT while there is such a column.
func nick(ts Tables) string {
	if slices.ContainsFunc(table(ts, "people").Columns, func(c *schema.Column) bool { return c.Name == "nick" }) {
		return ", nick"
	}
	return ""
}

// Another alphabet, as a new version of SQLite may have one, makes every index anew.
func TestNewAlphabetMakesIndexesAnew(t *testing.T) {
	root := t.TempDir()
	ts := func() Tables {
		ts := people()
		ts.Search = []search.Index{{Table: "people", Columns: []string{"name"}}}
		return ts
	}
	for d := range migrateIn(t, root, ts(), false) {
		path := filepath.Join(root, migrateDir, d, searchFile)
		text := content(t, root, filepath.Join(migrateDir, d, searchFile))
		if err := os.WriteFile(path, []byte(strings.Replace(text, "alphabet ", "alphabet x", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for d, m := range migrateIn(t, root, ts(), false) {
		text := content(t, root, m.File)
		if !strings.Contains(text, "DROP") || !strings.Contains(text, "CREATE") || d == "postgres" && !strings.Contains(text, "REPLACE FUNCTION") {
			t.Errorf("%s: %s", d, text)
		}
	}
	for name, db := range databases(t) {
		up(t, root, name, db)
		run(t, db, "INSERT INTO people (id, name, nick) VALUES ("+anID+", 'Ada', 'a')")
		if got := words(t, name, db, "ada"); got != "7" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestEditedHistoryIsRefused(t *testing.T) {
	root := t.TempDir()
	file := migrateIn(t, root, people(), false)["sqlite"].File
	text := content(t, root, file)
	if err := os.WriteFile(filepath.Join(root, file), []byte(strings.Replace(text, "name", "nome", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(context.Background(), root, people(), false); err == nil || !strings.Contains(err.Error(), "was changed after it was generated") {
		t.Errorf("an edited migration was accepted: %v", err)
	}
}

func TestLongSymbolsStayDistinct(t *testing.T) {
	long := strings.Repeat("x", 70)
	ts := people()
	table(ts, "people").AddIndex(long+"1", false, []string{"name"})
	table(ts, "people").AddIndex(long+"2", false, []string{"nick"})
	shortenSymbols(ts.All)
	names := map[string]bool{}
	for _, i := range table(ts, "people").Indexes {
		if len(i.Name) > maxSymbol {
			t.Errorf("%s is longer than PostgreSQL keeps", i.Name)
		}
		names[i.Name] = true
	}
	if len(names) != 3 {
		t.Errorf("%d names for 3 indexes", len(names))
	}
}
