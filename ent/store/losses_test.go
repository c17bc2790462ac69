package store

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"entgo.io/ent/dialect"
)

// versioned are migrations as the generator writes them; the second one stands for a new version of the schema.
func versioned(s *Store, second ...string) fstest.MapFS {
	begin := []string{`CREATE TABLE "people" ("id" integer NOT NULL, "name" text NULL, "fax" text NULL, "score" real NULL, PRIMARY KEY ("id"))`, `CREATE TABLE "notes" ("id" integer NOT NULL, PRIMARY KEY ("id"))`}
	if s.Dialect == dialect.SQLite {
		begin = append(begin, "CREATE VIRTUAL TABLE `notes_search` USING fts5(w)", "CREATE TABLE `notes_search_rows` (`id` integer)", "INSERT INTO notes_search_rows VALUES (1)")
	}
	return fstest.MapFS{"00001_initial.sql": {Data: goosed(begin)}, "00002_changes.sql": {Data: goosed(second)}}
}

func goosed(statements []string) []byte {
	var b strings.Builder
	b.WriteString("-- Generated.\n-- +goose Up\n")
	for _, s := range statements {
		b.WriteString("-- +goose StatementBegin\n" + s + ";\n-- +goose StatementEnd\n")
	}
	return []byte(b.String())
}

func TestMigrationsThatLoseDataAreRefused(t *testing.T) {
	for name, url := range databases() {
		t.Run(name, func(t *testing.T) {
			for what, c := range map[string]struct {
				sqlite, postgres []string
				lost             []string // with their rows
			}{
				"adding": {[]string{"ALTER TABLE `people` ADD COLUMN `mail` text NULL"}, []string{`ALTER TABLE "people" ADD COLUMN "mail" text NULL`}, nil},
				"a column": {[]string{"CREATE TABLE `new_people` (\n  `id` integer NOT NULL,\n  `name` text NULL,\n  `score` real NULL,\n  PRIMARY KEY (`id`)\n)",
					"INSERT INTO `new_people` (`id`, `name`, `score`) SELECT `id`, `name`, `score` FROM `people`", "DROP TABLE `people`", "ALTER TABLE `new_people` RENAME TO `people`"},
					[]string{`ALTER TABLE "people" ALTER COLUMN "name" TYPE text, DROP COLUMN "fax"`}, []string{"people.fax 1"}},
				"a column nobody has":  {[]string{"ALTER TABLE `people` DROP COLUMN `name`"}, []string{`ALTER TABLE "people" DROP COLUMN "name"`}, nil},
				"a table":              {[]string{"DROP TABLE `people`"}, []string{`DROP TABLE "people"`}, []string{"people 2"}},
				"a table without rows": {[]string{"DROP TABLE `notes`"}, []string{`DROP TABLE "notes"`}, nil},
				"rows":                 {[]string{"DELETE FROM people WHERE id = 1"}, []string{`TRUNCATE people`}, []string{"people 2"}},
				"a type": {[]string{"CREATE TABLE `new_people` (\n  `id` integer NOT NULL,\n  `name` text NULL,\n  `fax` text NULL,\n  `score` integer NULL,\n  PRIMARY KEY (`id`)\n)",
					"INSERT INTO `new_people` (`id`, `name`, `fax`, `score`) SELECT `id`, `name`, `fax`, `score` FROM `people`", "DROP TABLE `people`", "ALTER TABLE `new_people` RENAME TO `people`"},
					[]string{`ALTER TABLE "people" ALTER COLUMN "score" TYPE bigint`}, []string{"people.score 1"}},
				"an index of words": {[]string{"DROP TABLE IF EXISTS `notes_search`", "DROP TABLE IF EXISTS `notes_search_rows`"}, []string{`DROP INDEX IF EXISTS "notes_search"`}, nil},
			} {
				t.Run(what, func(t *testing.T) {
					ctx := context.Background()
					s := open(t, url(t))
					statements := c.sqlite
					if s.Dialect == dialect.Postgres {
						statements = c.postgres
					}
					files := versioned(s, statements...)
					first := fstest.MapFS{"00001_initial.sql": files["00001_initial.sql"]}
					if err := s.MigrateFrom(ctx, first, "versions"); err != nil {
						t.Fatal(err)
					}
					if _, err := s.DB.ExecContext(ctx, `INSERT INTO people (id, fax, score) VALUES (1, '1', NULL), (2, NULL, 1.5)`); err != nil {
						t.Fatal(err)
					}
					pending, err := s.PendingFrom(ctx, files, "versions")
					if err != nil || len(pending) != 1 {
						t.Fatal(pending, err)
					}
					var lost, names []string
					for _, l := range pending[0].Losses {
						lost = append(lost, l.Name()+" "+string(rune('0'+l.Rows)))
						names = append(names, l.Name())
					}
					if !reflect.DeepEqual(lost, c.lost) {
						t.Fatalf("lost: %v, want %v", lost, c.lost)
					}
					err = s.MigrateFrom(ctx, files, "versions", "notes.x", "people.other")
					var refused *LossError
					if errors.As(err, &refused) != (c.lost != nil) {
						t.Fatal(err)
					}
					if c.lost == nil {
						return
					}
					if !strings.Contains(err.Error(), "--lose \""+names[0]+" because …\"") {
						t.Error("no remedy:", err)
					}
					var rows int
					if err := s.DB.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&rows); err != nil || rows != 2 {
						t.Errorf("%d rows are left: %v", rows, err)
					}
					if err := s.MigrateFrom(ctx, files, "versions", names...); err != nil {
						t.Error("it was meant, and refused:", err)
					}
				})
			}
		})
	}
}
