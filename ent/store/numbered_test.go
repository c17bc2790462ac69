package store

import (
	"testing"

	"entgo.io/ent/dialect"
)

func TestNumbered(t *testing.T) {
	for query, want := range map[string]string{"": "", "SELECT 1": "SELECT 1", "?": "$1", "a = ? AND b = ?": "a = $1 AND b = $2", "(?,?)": "($1,$2)"} {
		if got := Numbered(dialect.Postgres, query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
		if got := Numbered(dialect.SQLite, query); got != query {
			t.Errorf("%q: %q", query, got)
		}
	}
}
