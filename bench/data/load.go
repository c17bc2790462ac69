package data

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Load fills the migrated, empty database at url with so many people, an account for every fifty, and activities if asked.
func Load(ctx context.Context, url string, people int, activities bool) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending
	// As is usual for solid-state disks. PostgreSQL's default expects a spinning one, and would rather sort than follow an index.
	var name string
	if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&name); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+pgx.Identifier{name}.Sanitize()+" SET random_page_cost = 1.1"); err != nil {
		return fmt.Errorf("set the cost of a page: %w", err)
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	accounts := max(people/PerAccount, 1)
	tables := []struct {
		name    string
		columns []string
		rows    int
		row     func(i int) []any
	}{
		{"accounts", accountColumns, accounts, func(i int) []any { return accountRow(i, today) }},
		{"contacts", contactColumns, people, func(i int) []any { return contactRow(i, accounts, today) }},
		{"activities", activityColumns, people * PerContact, func(i int) []any { return activityRow(i, people, accounts, today) }},
	}
	for _, t := range tables {
		if t.name == "activities" && !activities {
			continue
		}
		source := pgx.CopyFromSlice(t.rows, func(i int) ([]any, error) { return t.row(i), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, source); err != nil {
			return fmt.Errorf("load %s: %w", t.name, err)
		}
		if _, err := conn.Exec(ctx, "VACUUM ANALYZE "+t.name); err != nil {
			return fmt.Errorf("analyze %s: %w", t.name, err)
		}
	}
	return nil
}
