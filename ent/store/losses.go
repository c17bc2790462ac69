package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"

	"github.com/cloakroom-crm/cloakroom/ent/migrate"
)

// Loss is stored data that a migration would delete, or change in a way that cannot be taken back. People's data may be
// deleted, and often should be, but as somebody's decision and not as the side effect of a new version (GDPR Art. 5(1)(f)
// counts accidental loss as a breach).
type Loss struct {
	File   string `json:"migration"`
	Table  string `json:"table"`
	Column string `json:"column,omitempty"` // empty: whole rows
	Rows   int64  `json:"rows"`             // that have a value there
	How    string `json:"how"`              // "deletes", or "changes the type of"
}

// Name is what the loss is about: TABLE.COLUMN, or TABLE.
func (l Loss) Name() string {
	if l.Column == "" {
		return l.Table
	}
	return l.Table + "." + l.Column
}

func (l Loss) String() string {
	return fmt.Sprintf("%s %s %s, which %d rows have", l.File, l.How, l.Name(), l.Rows)
}

// LossError refuses migrations that would lose data.
type LossError struct{ Losses []Loss }

func (e *LossError) Error() string {
	var told []string
	for _, l := range e.Losses {
		told = append(told, l.String())
	}
	return fmt.Sprintf("nothing was changed, because data would be lost: %s. If that is meant, say so with `cloakroom migrate --lose %q`; if not, generate the migration anew without --allow-drop",
		strings.Join(told, "; "), e.Losses[0].Name()+" because …")
}

// Pending is a migration that has not been at the database.
type Pending struct {
	File   string `json:"migration"`
	Losses []Loss `json:"losses"`
}

// Pending are the migrations that Migrate would apply, in their order, with what they would lose. It reads only.
func (s *Store) Pending(ctx context.Context) ([]Pending, error) {
	files, err := fs.Sub(migrate.Files, s.name())
	if err != nil {
		return nil, err
	}
	return s.PendingFrom(ctx, files, goose.DefaultTablename)
}

// PendingFrom is Pending for other migrations, see MigrateFrom.
func (s *Store) PendingFrom(ctx context.Context, files fs.FS, versions string) ([]Pending, error) {
	have, want, err := s.versions(ctx, files, versions)
	if err != nil {
		return nil, err
	}
	if have > want {
		return nil, fmt.Errorf("database is at %d, program at %d: %w", have, want, ErrNewer)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := []Pending{}
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version <= have {
			continue // goose has refused a name without a number
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		p := Pending{File: name, Losses: []Loss{}}
		if have > 0 { // else there is nothing to lose
			if p.Losses, err = s.losses(ctx, name, string(text)); err != nil {
				return nil, fmt.Errorf("see what %s would lose: %w", name, err)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// refuseLosses is nil if the pending migrations lose nothing but what is named.
func (s *Store) refuseLosses(ctx context.Context, files fs.FS, versions string, lose []string) error {
	pending, err := s.PendingFrom(ctx, files, versions)
	if err != nil {
		return err
	}
	var refused LossError
	for _, p := range pending {
		for _, l := range p.Losses {
			if !slices.Contains(lose, l.Name()) {
				refused.Losses = append(refused.Losses, l)
			}
		}
	}
	if refused.Losses != nil {
		return &refused
	}
	return nil
}

// losses compares what a migration's statements take away with what there is.
func (s *Store) losses(ctx context.Context, file, text string) ([]Loss, error) {
	out := []Loss{}
	for _, l := range losing(text) {
		l.File = file
		found, err := s.measured(ctx, l)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// loss is what a statement takes away; kept are the columns that a rebuilt table takes over, with their types.
type loss struct {
	Loss
	kept map[string]string
}

const name = "[`\"]?([A-Za-z_][A-Za-z0-9_]*)[`\"]?"

var (
	block       = regexp.MustCompile(`(?s)-- \+goose StatementBegin\n(.*?)\n-- \+goose StatementEnd`)
	comment     = regexp.MustCompile(`(?m)^\s*--.*$`)
	dropTable   = regexp.MustCompile(`(?is)^DROP TABLE (?:IF EXISTS )?` + name)
	emptyTable  = regexp.MustCompile(`(?is)^(?:DELETE FROM|TRUNCATE(?: TABLE)?) (?:ONLY )?` + name)
	alterTable  = regexp.MustCompile(`(?is)^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?` + name + ` (.*)$`)
	renameTo    = regexp.MustCompile(`(?is)^RENAME TO ` + name)
	dropColumn  = regexp.MustCompile(`(?i)\bDROP COLUMN (?:IF EXISTS )?` + name)
	alterType   = regexp.MustCompile(`(?i)\bALTER (?:COLUMN )?` + name + ` (?:SET DATA )?TYPE ([a-z ]+)`)
	createTable = regexp.MustCompile(`(?is)^CREATE TABLE ` + name + ` \((.*)\)`)
	columnType  = regexp.MustCompile("(?m)^\\s*`([A-Za-z0-9_]+)` ([a-z]+)")
	copyRows    = regexp.MustCompile(`(?is)^INSERT INTO ` + name + ` \(([^)]*)\) SELECT`)
)

// losing reads the statements of a migration, as the generator and people write them. SQLite changes a table by copying it
// under another name and dropping the original: that loses what is not copied.
func losing(text string) []loss {
	var statements []string
	if blocks := block.FindAllStringSubmatch(text, -1); blocks != nil {
		for _, b := range blocks {
			statements = append(statements, b[1])
		}
	} else {
		statements = strings.Split(text, ";")
	}
	renamed := map[string]string{}            // new name by old one
	columns := map[string]map[string]string{} // types of the columns of new tables
	copied := map[string][]string{}           // columns by the table they are copied into
	for i, st := range statements {
		st = strings.TrimSpace(comment.ReplaceAllString(st, ""))
		statements[i] = st
		if m := createTable.FindStringSubmatch(st); m != nil {
			columns[m[1]] = map[string]string{}
			for _, c := range columnType.FindAllStringSubmatch(m[2], -1) {
				columns[m[1]][c[1]] = c[2]
			}
		}
		if m := copyRows.FindStringSubmatch(st); m != nil {
			for _, c := range strings.Split(m[2], ",") {
				copied[m[1]] = append(copied[m[1]], strings.Trim(strings.TrimSpace(c), "`\""))
			}
		}
		if m := alterTable.FindStringSubmatch(st); m != nil {
			if to := renameTo.FindStringSubmatch(m[2]); to != nil {
				renamed[to[1]] = m[1]
			}
		}
	}
	var out []loss
	for _, st := range statements {
		if m := dropTable.FindStringSubmatch(st); m != nil {
			l := loss{Loss: Loss{Table: m[1], How: "deletes"}}
			if from, rebuilt := renamed[m[1]]; rebuilt {
				l.kept = map[string]string{}
				for _, c := range copied[from] {
					l.kept[c] = columns[from][c]
				}
			}
			out = append(out, l)
		}
		if m := emptyTable.FindStringSubmatch(st); m != nil {
			out = append(out, loss{Loss: Loss{Table: m[1], How: "deletes"}})
		}
		if m := alterTable.FindStringSubmatch(st); m != nil {
			for _, c := range dropColumn.FindAllStringSubmatch(m[2], -1) {
				out = append(out, loss{Loss: Loss{Table: m[1], Column: c[1], How: "deletes"}})
			}
			for _, c := range alterType.FindAllStringSubmatch(m[2], -1) {
				if !holdsAnything(c[2]) {
					out = append(out, loss{Loss: Loss{Table: m[1], Column: c[1], How: changesType}})
				}
			}
		}
	}
	return out
}

const changesType = "changes the type of"

// holdsAnything reports whether a type takes over every value of another: text does, a number may be rounded.
func holdsAnything(typ string) bool {
	typ = strings.ToLower(strings.TrimSpace(typ))
	return typ == "text" || typ == "character varying" || typ == "varchar"
}

// measured counts the rows that lose something; nothing if there are none.
func (s *Store) measured(ctx context.Context, l loss) ([]Loss, error) {
	have, err := s.columns(ctx, l.Table)
	if err != nil || len(have) == 0 { // the table comes with an earlier migration, or is an index for search
		return nil, err
	}
	candidates := []Loss{l.Loss}
	if l.kept != nil {
		candidates = nil
		for column, typ := range have {
			lost := l.Loss
			lost.Column = column
			switch becomes, kept := l.kept[column]; {
			case !kept:
			case becomes != typ && !holdsAnything(becomes):
				lost.How = changesType
			default:
				continue
			}
			candidates = append(candidates, lost)
		}
		slices.SortFunc(candidates, func(a, b Loss) int { return strings.Compare(a.Column, b.Column) })
	}
	var out []Loss
	for _, c := range candidates {
		if _, there := have[c.Column]; c.Column != "" && !there {
			continue
		}
		query := `SELECT count(*) FROM "` + c.Table + `"` // both names are those of the catalogue
		if c.Column != "" {
			query = `SELECT count("` + c.Column + `") FROM "` + c.Table + `"`
		}
		if err := s.DB.QueryRowContext(ctx, query).Scan(&c.Rows); err != nil {
			return nil, err
		}
		if c.Rows > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

// columns are those of a table of data, with their types; none if there is no such table.
func (s *Store) columns(ctx context.Context, table string) (map[string]string, error) {
	query := `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`
	if s.Dialect == dialect.SQLite {
		query = `SELECT c.name, lower(c.type) FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name = ?1 AND m.sql NOT LIKE 'CREATE VIRTUAL%'
			AND NOT EXISTS (SELECT 1 FROM sqlite_master v WHERE v.sql LIKE 'CREATE VIRTUAL%' AND m.name = v.name || '_rows')`
	}
	rows, err := s.DB.QueryContext(ctx, query, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var column, typ string
		if err := rows.Scan(&column, &typ); err != nil {
			return nil, err
		}
		out[column] = typ
	}
	return out, rows.Err()
}

// versions is the migration the database is at, and the last one there is.
func (s *Store) versions(ctx context.Context, files fs.FS, versions string) (have, want int64, err error) {
	// The pool is not given to goose, which would close it.
	db, err := s.migrations()
	if err != nil {
		return 0, 0, fmt.Errorf("read version: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := provider(s.Dialect, db, files, versions)
	if err != nil {
		return 0, 0, fmt.Errorf("read version: %w", err)
	}
	made, err := s.HasTable(ctx, versions)
	if err != nil {
		return 0, 0, fmt.Errorf("read version: %w", err)
	}
	if sources := p.ListSources(); !made && len(sources) > 0 { // goose would make the table
		return 0, sources[len(sources)-1].Version, nil
	}
	if have, want, err = p.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("read version: %w", err)
	}
	return have, want, nil
}
