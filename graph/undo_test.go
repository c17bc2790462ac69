package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/search"
)

// undoer takes back what was written to a SQLite database, whoever wrote it: triggers keep the statement that undoes each
// change (https://www.sqlite.org/undoredo.html).
type undoer struct{ w *world }

func newUndoer(t testing.TB, w *world) *undoer {
	t.Helper()
	u := &undoer{w}
	u.exec(t, `CREATE TABLE undo (n INTEGER PRIMARY KEY, sql TEXT NOT NULL)`)
	for _, table := range u.column(t, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'undo'`) {
		if strings.HasSuffix(table, search.RowsTable("")) {
			continue // follows its table, also back
		}
		// What is closed to deletions for good is open to this.
		for _, trigger := range u.column(t, fmt.Sprintf(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '%s' AND sql LIKE '%%RAISE%%'`, table)) {
			u.exec(t, fmt.Sprintf(`DROP TRIGGER "%s"`, trigger))
		}
		columns := u.column(t, fmt.Sprintf(`SELECT name FROM pragma_table_info('%s')`, table))
		var set, old []string
		for _, c := range columns {
			set = append(set, fmt.Sprintf(`"%s"='||quote(old."%s")||'`, c, c))
			old = append(old, fmt.Sprintf(`'||quote(old."%s")||'`, c))
		}
		on := func(what, sql string) {
			u.exec(t, fmt.Sprintf(`CREATE TRIGGER "undo_%s_%s" %s ON "%s" BEGIN INSERT INTO undo (sql) VALUES ('%s'); END`,
				table, strings.Fields(what)[1], what, table, sql))
		}
		on("AFTER INSERT", fmt.Sprintf(`DELETE FROM "%s" WHERE rowid='||new.rowid||'`, table))
		on("AFTER UPDATE", fmt.Sprintf(`UPDATE "%s" SET %s WHERE rowid='||old.rowid||'`, table, strings.Join(set, ",")))
		on("BEFORE DELETE", fmt.Sprintf(`INSERT INTO "%s" (rowid,"%s") VALUES ('||old.rowid||',%s)`, table, strings.Join(columns, `","`), strings.Join(old, ",")))
	}
	return u
}

func (u *undoer) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := u.w.store.DB.Exec(sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (u *undoer) column(t testing.TB, query string) []string {
	t.Helper()
	rows, err := u.w.store.DB.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// begin forgets what was written before.
func (u *undoer) begin(t testing.TB) { u.exec(t, `DELETE FROM undo`) }

// rollback takes back what was written since begin.
func (u *undoer) rollback(t testing.TB) {
	t.Helper()
	changes := u.column(t, `SELECT sql FROM undo ORDER BY n DESC`)
	if len(changes) == 0 {
		return
	}
	tx, err := u.w.store.DB.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range append([]string{`PRAGMA defer_foreign_keys = ON`}, changes...) {
		if _, err := tx.Exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
