package search

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
)

// odd are texts of which one might expect that databases disagree about them.
var odd = map[string]string{
	"":                             "",
	" \t\r\n -_.,;!?/()'\"":        "",
	"plain":                        "plain",
	"Two Words":                    "two words",
	"O'Neil O’Neil":                "o neil o neil",
	"anne-marie snake_case":        "anne marie snake case",
	"ada.lovelace+x@example.org":   "ada lovelace x example org",
	"12e4 1.000,50 3rd":            "12e4 1 000 50 3rd",
	"Straße STRASSE ẞ":             "straße strasse ß",
	"İstanbul IĞDIR ılık":          "istanbul igdir ılık",
	"Ångström e\u0301te\u0301 été": "angstrom ete ete",
	"a\u0323\u0302b ậb":            "ab ab",
	"\u0301 \u0301a":               "a",
	"ﬁnance Ǆ ǅ ǆ":                 "ﬁnance ǆ ǆ ǆ",
	"ΑΘΉΝΑ Σίσυφος":                "αθήνα σίσυφοσ",
	"Москва Й":                     "москва й",
	"हिन्दी বাংলা ไทย":              "हिन्दी বাংলা ไทย",
	"東京 カ\u3099 ガ 한국":               "東京 ガ ガ 한국",
	"שָׁלוֹם السَّلام":              "שָׁלוֹם السَّلام",
	"x😀y zero\u200bwidth a\u00adb":  "x y zero width a b",
	"nul\u0000nul":                  "nul nul",
	"\u00a0no\u00a0break\u3000wide": "no break wide",
	"½ ² ٣ Ⅷ":                       "½ ² ٣ ⅷ",
	"𝔘nicode 𐐀":                     "𝔘nicode 𐐨",
}

func TestWords(t *testing.T) {
	for text, want := range odd {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestPostgresAgrees asks PostgreSQL about the odd texts, about every character that changes, and about those at either
// side of every range, where a table goes wrong if it does.
func TestPostgresAgrees(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("pgx", postgres.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, PostgresFunction()); err != nil {
		t.Fatal(err)
	}
	texts := []string{strings.Repeat("long", 20) + " " + strings.Repeat("ö", MaxWord+1), strings.Repeat("a b ", MaxText/4) + "beyond"}
	for text := range odd {
		texts = append(texts, text)
	}
	// A character between others, at a word's beginning and at its end.
	var b strings.Builder
	for _, c := range letters + foldFrom + foldTo + dropped {
		for _, c := range []rune{c - 1, c, c + 1} {
			b.WriteString("q" + string(c) + "q" + string(c) + " ")
		}
		if b.Len() > 2000 {
			texts = append(texts, b.String())
			b.Reset()
		}
	}
	for c := rune(1); c < 0x2000; c++ {
		b.WriteString("q" + string(c) + "q" + string(c) + " ")
	}
	texts = append(texts, b.String())
	for _, text := range texts {
		stored := nfc(strings.ReplaceAll(text, "\x00", " ")) // which PostgreSQL does not store
		var raw string
		if err := db.QueryRowContext(ctx, "SELECT array_to_json(tsvector_to_array("+Function+"($1)))::text", stored).Scan(&raw); err != nil {
			t.Fatalf("%.40q: %v", text, err)
		}
		var got []string
		if err := json.Unmarshal([]byte(raw), &got); err != nil {
			t.Fatal(err)
		}
		if want := indexed(text); !slices.Equal(sorted(got), want) {
			t.Errorf("%.40q: PostgreSQL has %.200q, want %.200q", text, got, want)
		}
	}
}

// indexed are the words an index has of a text.
func indexed(text string) []string {
	runes := []rune(nfc(text))
	var out []string
	for _, w := range Words(string(runes[:min(len(runes), MaxText)])) {
		r := []rune(w)
		out = append(out, string(r[:min(len(r), MaxWord)]))
	}
	return sorted(out)
}

func sorted(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// TestSQLiteAgrees lets the triggers index the odd texts, and takes them out again.
func TestSQLiteAgrees(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "t.db")+"?_pragma=trusted_schema(0)&_pragma=secure_delete(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	run := func(q string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(ctx, q, args...); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	vocabulary := func() []string {
		rows, err := db.QueryContext(ctx, "SELECT coalesce(term, '') FROM v ORDER BY term")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var out []string
		for rows.Next() {
			var w string
			if err := rows.Scan(&w); err != nil {
				t.Fatal(err)
			}
			if w != "" { // of an accent alone
				out = append(out, w)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	run("CREATE TABLE x (id uuid NOT NULL PRIMARY KEY, rank text, other text)")
	run("INSERT INTO x VALUES ('before', 'there before', NULL)")
	for _, q := range (Index{Table: "x", Columns: []string{"rank"}}).SQLite() {
		run(q)
	}
	run("CREATE VIRTUAL TABLE v USING fts5vocab(x_search, 'row')")
	if got := strings.Join(vocabulary(), " "); got != "before there" {
		t.Errorf("rows that were there: %q", got)
	}
	run("DELETE FROM x")
	for text := range odd {
		text = strings.ReplaceAll(text, "\x00", " ")
		run("INSERT INTO x VALUES ('i', ?, 'other')", nfc(text))
		if got, want := vocabulary(), indexed(text); !slices.Equal(sorted(got), want) {
			t.Errorf("%q: SQLite has %q, want %q", text, got, want)
		}
		run("UPDATE x SET rank = 'Changed', id = 'j'")
		if got := vocabulary(); !slices.Equal(got, []string{"changed"}) {
			t.Errorf("%q: after a change there is %q", text, got)
		}
		run("DELETE FROM x")
		if got := vocabulary(); len(got) > 0 {
			t.Errorf("%q: of a row that is gone there is %q", text, got)
		}
		run("INSERT INTO x_search(x_search) VALUES ('integrity-check')")
	}
	var left int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM x_search_rows").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d rows left (%v)", left, err)
	}
}

// VACUUM gives rows of a table new numbers; what the index says of which row stays.
func TestSQLiteIndexSurvivesVacuum(t *testing.T) {
	db, _ := indexedFile(t)
	for i := range 20 {
		exec(t, db, "INSERT INTO x VALUES (?, ?)", string(rune('a'+i)), "word"+string(rune('a'+i)))
	}
	exec(t, db, "DELETE FROM x WHERE id < 'k'")
	exec(t, db, "VACUUM")
	exec(t, db, "UPDATE x SET name = 'changed' WHERE id = 'm'")
	for query, want := range map[string]string{"changed": "m", "wordm": "", "wordn": "n", "worda": ""} {
		var got string
		if err := db.QueryRow("SELECT coalesce(group_concat(r.id), '') FROM x_search JOIN x_search_rows AS r ON r.doc = x_search.rowid WHERE x_search MATCH ?", query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
}

// Rows that go with the row they belong to take their words along, and a change that is rolled back changes nothing.
func TestSQLiteIndexFollowsCascades(t *testing.T) {
	db, _ := indexedFile(t)
	db.SetMaxOpenConns(1)
	exec(t, db, "PRAGMA foreign_keys = 1")
	exec(t, db, "CREATE TABLE y (id uuid NOT NULL PRIMARY KEY, text text, x_id uuid REFERENCES x (id) ON DELETE CASCADE)")
	for _, q := range (Index{Table: "y", Columns: []string{"text"}}).SQLite() {
		exec(t, db, q)
	}
	exec(t, db, "CREATE VIRTUAL TABLE v USING fts5vocab(y_search, 'row')")
	exec(t, db, "INSERT INTO x VALUES ('a', 'parent'), ('b', 'other')")
	exec(t, db, "INSERT INTO y VALUES ('c', 'child', 'a'), ('d', 'stays', 'b')")
	exec(t, db, "SAVEPOINT s")
	exec(t, db, "DELETE FROM x WHERE id = 'b'")
	exec(t, db, "ROLLBACK TO s")
	exec(t, db, "DELETE FROM x WHERE id = 'a'")
	var left string
	if err := db.QueryRow("SELECT group_concat(term) FROM v").Scan(&left); err != nil || left != "stays" {
		t.Errorf("%q is left (%v), want only stays", left, err)
	}
}

// Whoever reads the file after a row was deleted must not find its words in the index (GDPR Art. 17).
func TestSQLiteForgetsWords(t *testing.T) {
	db, path := indexedFile(t)
	has := func(word string) bool {
		exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(data, []byte(word))
	}
	for i := range 500 {
		exec(t, db, "INSERT INTO x VALUES (?, ?)", "other"+strconv.Itoa(i), "common w"+strconv.Itoa(i))
	}
	exec(t, db, "INSERT INTO x VALUES ('i', 'Zyxwvut xylophonist')")
	if !has("xylophonist") || !has("zyxwvut") {
		t.Fatal("the words are not in the file, so this shows nothing")
	}
	exec(t, db, "UPDATE x SET name = 'xylophonist' WHERE id = 'i'")
	if has("yxwvut") || !has("ylophonist") {
		t.Error("a word that was changed is still in the file")
	}
	exec(t, db, "DELETE FROM x WHERE id = 'i'")
	if has("ylophonist") {
		t.Error("a word that was deleted is still in the file")
	}
}

// indexedFile is a database file with an indexed table x(id, name).
func indexedFile(t *testing.T) (*sql.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=secure_delete(1)&_pragma=trusted_schema(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	exec(t, db, "CREATE TABLE x (id uuid NOT NULL PRIMARY KEY, name text)")
	for _, q := range (Index{Table: "x", Columns: []string{"name"}}).SQLite() {
		exec(t, db, q)
	}
	return db, path
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// A text of a hundred thousand characters must not take long to index, whatever is in it.
func TestPostgresIsFastEnough(t *testing.T) {
	db, err := sql.Open("pgx", postgres.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(PostgresFunction()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"ASCII": strings.Repeat("some words ", 900), "German": strings.Repeat("über Größe und ", 700), "Chinese": strings.Repeat("東京都", 3000),
	} {
		var n int
		start := time.Now()
		for range 10 {
			if err := db.QueryRow("SELECT length("+Function+"($1))", text).Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(start) / 10
		t.Logf("%s: %d bytes, %v", name, len(text), took)
		if took > time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func nfc(text string) string { return norm.NFC.String(text) }
