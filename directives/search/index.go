package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Splitter is how FTS5 splits texts. Marks belong to words: without them the vowel signs of Indic scripts would end one.
const Splitter = "unicode61 remove_diacritics 2 categories 'L* N* M*'"

// Function is PostgreSQL's function from a text to its words.
const Function = "cloakroom_words"

// Index is what is indexed of a table.
type Index struct {
	Table   string
	Columns []string
}

// Indexes are the indexes a schema needs, in its order.
func Indexes(s *ir.Schema) []Index {
	var out []Index
	for _, t := range Types(s) {
		x := Index{Table: t.Table}
		for _, f := range Fields(t) {
			x.Columns = append(x.Columns, f.Column)
		}
		out = append(out, x)
	}
	return out
}

// Table is the FTS5 table with the words of a table, and the name of its index in PostgreSQL.
func Table(table string) string { return table + "_search" }

// RowsTable is SQLite's table of which row a document of the FTS5 table is. A row of a table with a UUID for a key has no
// number of its own that lasts: VACUUM gives out new ones.
func RowsTable(table string) string { return table + "_search_rows" }

// Column is a column's name in the FTS5 table, where `rank` and `rowid` mean something else.
func Column(column string) string { return "w_" + column }

// SQLite returns the statements that make an index, the triggers that keep it, and the words of the rows there are.
//
// The FTS5 table keeps no text, no positions (detail=column) and no lengths: nothing that a search does not
// need. So deleting takes the old values, which the triggers have; and with secure-delete a deleted word is gone from the
// file's pages at once and not at some later merge (GDPR Art. 17).
func (x Index) SQLite() []string {
	q := func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
	var columns, changed, watched []string
	texts := func(row string) string {
		var out []string
		for _, c := range x.Columns {
			out = append(out, fmt.Sprintf("substr(%s.%s, 1, %d)", row, q(c), MaxText))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range x.Columns {
		columns = append(columns, q(Column(c)))
		watched = append(watched, q(c))
		changed = append(changed, fmt.Sprintf("old.%s IS NOT new.%s", q(c), q(c)))
	}
	table, fts, rows, list := q(x.Table), q(Table(x.Table)), q(RowsTable(x.Table)), strings.Join(columns, ", ")
	trigger := func(event string) string { return q(Table(x.Table) + "_" + event) }
	doc := func(row string) string { return fmt.Sprintf("(SELECT `doc` FROM %s WHERE `id` = %s.`id`)", rows, row) }
	add := fmt.Sprintf("INSERT INTO %s (rowid, %s) VALUES (%s, %s);", fts, list, doc("new"), texts("new"))
	remove := fmt.Sprintf("INSERT INTO %s (%s, rowid, %s) VALUES ('delete', %s, %s);", fts, fts, list, doc("old"), texts("old"))
	return []string{
		fmt.Sprintf("CREATE TABLE %s (`doc` integer PRIMARY KEY, `id` uuid NOT NULL UNIQUE);", rows),
		fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, content='', detail=column, columnsize=0, tokenize=\"%s\");", fts, list, Splitter),
		fmt.Sprintf("INSERT INTO %s (%s, rank) VALUES ('secure-delete', 1);", fts, fts),
		fmt.Sprintf("INSERT INTO %s (`id`) SELECT `id` FROM %s ORDER BY `id`;", rows, table),
		fmt.Sprintf("INSERT INTO %s (rowid, %s) SELECT r.`doc`, %s FROM %s AS t JOIN %s AS r ON r.`id` = t.`id`;", fts, list, texts("t"), table, rows),
		fmt.Sprintf("CREATE TRIGGER %s AFTER INSERT ON %s BEGIN\n  INSERT INTO %s (`id`) VALUES (new.`id`);\n  %s\nEND;",
			trigger("insert"), table, rows, add),
		fmt.Sprintf("CREATE TRIGGER %s AFTER UPDATE OF `id`, %s ON %s WHEN old.`id` IS NOT new.`id` OR %s BEGIN\n  %s\n  UPDATE %s SET `id` = new.`id` WHERE `id` = old.`id`;\n  %s\nEND;",
			trigger("update"), strings.Join(watched, ", "), table, strings.Join(changed, " OR "), remove, rows, add),
		fmt.Sprintf("CREATE TRIGGER %s AFTER DELETE ON %s BEGIN\n  %s\n  DELETE FROM %s WHERE `id` = old.`id`;\nEND;",
			trigger("delete"), table, remove, rows),
	}
}

// DropSQLite returns the statements that remove an index, or what there is of it.
func (x Index) DropSQLite() []string {
	var out []string
	for _, event := range []string{"insert", "update", "delete"} {
		out = append(out, fmt.Sprintf("DROP TRIGGER IF EXISTS `%s_%s`;", Table(x.Table), event))
	}
	return append(out, fmt.Sprintf("DROP TABLE IF EXISTS `%s`;", Table(x.Table)), fmt.Sprintf("DROP TABLE IF EXISTS `%s`;", RowsTable(x.Table)))
}

// maxIndexColumns is PostgreSQL's limit on the columns of one index.
const maxIndexColumns = 32

// Postgres returns the statements that make an index. PostgreSQL keeps an index on an expression by itself, and fills it
// with the rows there are. It does not put new words on a list first (fastupdate), which every search would have to read
// through.
func (x Index) Postgres() []string {
	var out []string
	for i := 0; i*maxIndexColumns < len(x.Columns); i++ {
		var words []string
		for _, c := range x.Columns[i*maxIndexColumns : min((i+1)*maxIndexColumns, len(x.Columns))] {
			words = append(words, fmt.Sprintf("%s(%q)", Function, c))
		}
		out = append(out, fmt.Sprintf("CREATE INDEX %q ON %q USING gin (%s) WITH (fastupdate = off);", x.part(i), x.Table, strings.Join(words, ", ")))
	}
	return out
}

// DropPostgres returns the statements that remove an index, or what there is of it.
func (x Index) DropPostgres() []string {
	var out []string
	for i := 0; i*maxIndexColumns < len(x.Columns); i++ {
		out = append(out, fmt.Sprintf("DROP INDEX IF EXISTS %q;", x.part(i)))
	}
	return out
}

func (x Index) part(i int) string {
	if i == 0 {
		return Table(x.Table)
	}
	return fmt.Sprintf("%s_%d", Table(x.Table), i+1)
}

// PostgresFunction returns the statement that makes Function.
//
// PostgreSQL's own parser knows neither FTS5's alphabet nor any that is the same in every locale, so texts are split and
// folded by tables: nothing here depends on the database's locale or on the version of anything. Most texts are ASCII and
// need none of them, and most words in other scripts have nothing to fold. translate looks for each character in its list
// from the front, so the letters that words are mostly made of stand there.
//
// The cost is what it is beside an operator's. The planner expects far more rows of a beginning than there are, and would
// send for parallel workers, who take longer to come than the search does.
func PostgresFunction() string {
	const usual = "abcdefghijklmnopqrstuvwxyz0123456789"
	return fmt.Sprintf(`CREATE OR REPLACE FUNCTION %s(value text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL RESTRICTED COST 1000 AS $words$
BEGIN
  value := left(value, %d);
  IF octet_length(value) = char_length(value) THEN
    RETURN array_to_tsvector(ARRAY(
      SELECT DISTINCT left(word, %d)
      FROM regexp_split_to_table(lower(value COLLATE "C"), '[^a-z0-9]+') AS word
      WHERE word <> ''));
  END IF;
  RETURN array_to_tsvector(ARRAY(
    SELECT DISTINCT left(word, %d)
    FROM (
      SELECT CASE WHEN octet_length(part) = char_length(part) THEN lower(part COLLATE "C")
        WHEN part !~ '[%s]' THEN part
        ELSE translate(part,
          %s,
          %s) END AS word
      FROM (
        SELECT DISTINCT part FROM regexp_split_to_table(value COLLATE "C",
          '[^%s]+') AS part) AS parts
    ) AS folded
    WHERE word <> ''));
END
$words$;`, Function, MaxText, MaxWord, MaxWord, class(merged(foldFrom+dropped)), literal(usual+foldFrom+dropped), literal(usual+foldTo), class([]rune(letters)))
}

// merged turns characters into ranges: first and last of each.
func merged(text string) []rune {
	all := []rune(text)
	slices.Sort(all)
	var ranges []rune
	for _, r := range all {
		if n := len(ranges); n > 0 && ranges[n-1] == r-1 {
			ranges[n-1] = r
		} else {
			ranges = append(ranges, r, r)
		}
	}
	return ranges
}

// class writes ranges as the inside of a bracket expression.
func class(ranges []rune) string {
	var b strings.Builder
	for i := 0; i < len(ranges); i += 2 {
		b.WriteString(escape(ranges[i]))
		if ranges[i+1] != ranges[i] {
			b.WriteString("-" + escape(ranges[i+1]))
		}
	}
	return b.String()
}

// escape writes a character as PostgreSQL's regular expressions and strings take it.
func escape(r rune) string {
	switch {
	case r < 0x80:
		return string(r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// literal writes a text as a string with escapes.
func literal(text string) string {
	var b strings.Builder
	b.WriteString("E'")
	for _, r := range text {
		b.WriteString(escape(r))
	}
	b.WriteByte('\'')
	return b.String()
}
