package data

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// Bare is the PostgreSQL schema of those who know no privacy: the same tables with the same rows, and everything plain.
const Bare = "bare"

// tables are those that are asked about.
var tables = []string{"accounts", "contacts", "activities"}

// Loader fills a migrated, empty database.
type Loader struct {
	Schema *ir.Schema
	Keys   *keyring.Keyring
}

// Load brings in so many people, an account for every fifty, and activities if asked; and unless alone, once more as the schema
// Bare for those who do not seal.
func (l Loader) Load(ctx context.Context, url string, people int, activities, alone bool) error {
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
	if !alone {
		if err := l.bare(ctx, conn); err != nil {
			return fmt.Errorf("make the tables of those who do not seal: %w", err)
		}
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	accounts := max(people/PerAccount, 1)
	for _, t := range []struct {
		typ     string
		columns []string
		rows    int
		row     func(i int) []any
	}{
		{"Account", accountColumns, accounts, func(i int) []any { return accountRow(i, today) }},
		{"Contact", contactColumns, people, func(i int) []any { return contactRow(i, accounts, today) }},
		{"Activity", activityColumns, people * PerContact, func(i int) []any { return activityRow(i, people, accounts, today) }},
	} {
		if t.typ == "Activity" && !activities {
			continue
		}
		typ := l.Schema.Type(t.typ)
		if !alone {
			if err := copyTo(ctx, conn, pgx.Identifier{Bare, typ.Table}, t.columns, t.rows, func(i int) ([]any, error) { return t.row(i), nil }); err != nil {
				return err
			}
		}
		s := sealing{l: l, typ: typ, columns: t.columns, people: people}
		if err := copyTo(ctx, conn, pgx.Identifier{typ.Table}, s.names(), t.rows, func(i int) ([]any, error) { return s.row(ctx, i, t.row(i)) }); err != nil {
			return err
		}
	}
	return nil
}

func copyTo(ctx context.Context, conn *pgx.Conn, table pgx.Identifier, columns []string, n int, row func(i int) ([]any, error)) error {
	if _, err := conn.CopyFrom(ctx, table, columns, pgx.CopyFromSlice(n, row)); err != nil {
		return fmt.Errorf("load %s: %w", table.Sanitize(), err)
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE "+table.Sanitize()); err != nil {
		return fmt.Errorf("analyze %s: %w", table.Sanitize(), err)
	}
	return nil
}

// bare makes tables like Cloakroom's, with plain columns for what Cloakroom seals.
func (l Loader) bare(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{"CREATE SCHEMA " + Bare}
	for _, table := range tables {
		statements = append(statements, fmt.Sprintf(`CREATE TABLE %s.%s (LIKE %s INCLUDING ALL)`, Bare, table, table))
	}
	for _, t := range l.Schema.Entities() {
		for _, f := range t.Fields {
			if f.Sealed() && strings.Contains(strings.Join(tables, " "), t.Table) {
				typ := "text"
				if f.Scalar == ir.Date {
					typ = "date"
				}
				statements = append(statements, fmt.Sprintf(`ALTER TABLE %s.%s ADD COLUMN "%s" %s`, Bare, t.Table, f.PlainColumn(), typ))
			}
		}
	}
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// sealing turns plain rows of a type into those that Cloakroom keeps.
type sealing struct {
	l       Loader
	typ     *ir.Type
	columns []string
	people  int
	batch   *keyring.Batch
	until   int // the batch has the keys of the rows up to this one
}

// sealed is the field that is sealed instead of a plain column, or nil.
func (s *sealing) sealed(column string) *ir.Field {
	for _, f := range s.typ.Fields {
		if f.Sealed() && f.PlainColumn() == column {
			return f
		}
	}
	return nil
}

// names are the columns of the rows that row makes.
func (s *sealing) names() []string {
	var out []string
	for _, c := range s.columns {
		f := s.sealed(c)
		switch {
		case f == nil:
			out = append(out, c)
		case f.Blind():
			out = append(out, f.Column, f.IndexColumn())
		default:
			out = append(out, f.Column)
		}
	}
	if s.typ.HasSealed() && !s.typ.Subject {
		out = append(out, s.typ.SealedBy())
	}
	return out
}

// keysAtOnce is how many people get their keys together.
const keysAtOnce = 2000

func (s *sealing) row(ctx context.Context, i int, plain []any) ([]any, error) {
	if !s.typ.HasSealed() {
		return plain, nil
	}
	if s.batch == nil || i >= s.until {
		if s.batch != nil {
			s.batch.Close()
		}
		s.until = i + keysAtOnce
		subjects := make([]uuid.UUID, 0, keysAtOnce)
		for n := i; n < s.until; n++ {
			subjects = append(subjects, id(subject, n%s.people))
		}
		var err error
		if s.batch, err = s.l.Keys.Ensure(ctx, subjects); err != nil {
			return nil, err
		}
	}
	row, _ := plain[0].(uuid.UUID)
	about := id(subject, i%s.people)
	var out []any
	for n, c := range s.columns {
		f, v := s.sealed(c), plain[n]
		if f == nil {
			out = append(out, v)
			continue
		}
		if raw, ok := v.(string); ok && f.Scalar == ir.JSON {
			v = json.RawMessage(raw)
		}
		cell, err := s.batch.Seal(about, row, f, v)
		if err != nil {
			return nil, err
		}
		out = append(out, cell)
		if f.Blind() {
			index, err := s.l.Keys.Blind(ctx, f, v)
			if err != nil {
				return nil, err
			}
			out = append(out, index[0])
		}
	}
	if !s.typ.Subject {
		out = append(out, about)
	}
	return out, nil
}
