package store

import (
	"strconv"
	"strings"

	"entgo.io/ent/dialect"
)

// Numbered is a statement with a ? for each parameter, as the database of a dialect has them: PostgreSQL's are numbered. No ? of the
// statement may stand for anything else.
func Numbered(name, query string) string {
	if name != dialect.Postgres {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, more := strings.Cut(query, "?")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}
