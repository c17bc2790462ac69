package keyring

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// reindexJob is the job's name in keyring_jobs. Its place is "VERSION TABLE ROW": what is done up to there.
const reindexJob = "reindex"

// Reindex keys the blind indexes anew: it makes an index key, waits until every process writes with it, goes through all rows
// that have an index, and destroys the older keys. Look-ups find rows of both until it is through. It may be stopped at any
// point and run again: it goes on where it was.
func (k *Keyring) Reindex(ctx context.Context, progress Progress) (done int64, err error) {
	version, table, row, done, err := k.reindexPlace(ctx)
	if err != nil {
		return 0, err
	}
	if version == 0 {
		if version, err = k.beginReindex(ctx); err != nil {
			return 0, err
		}
	}
	if table == "" || table == unbegun { // a run that was stopped while it waited has waited for nothing
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(k.c.Settle):
		}
	}
	k.blinds.forget()
	var types []*ir.Type
	var total int64
	entities := k.c.Schema.Entities()
	slices.SortFunc(entities, func(a, b *ir.Type) int { return strings.Compare(a.Table, b.Table) }) // as the place is understood
	for _, t := range entities {
		if indexed(t) == "" {
			continue
		}
		var n int64
		if err := k.data.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s`, ident(t.Table), indexed(t))).Scan(&n); err != nil {
			return done, fmt.Errorf("count %s: %w", t.Plural, err)
		}
		total += n
		types = append(types, t)
	}
	progress.tell(done, total)
	closed := 0
	for _, t := range types {
		if t.Table < table {
			continue
		}
		after := uuid.Nil
		if t.Table == table {
			after = row
		}
		for {
			last, n, shut, err := k.reindex(ctx, t, after)
			if err != nil {
				return done, fmt.Errorf("index %s anew (run it again to go on): %w", t.Plural, err)
			}
			if n == 0 {
				break
			}
			after, done, closed = last, done+n, closed+shut
			if err := k.saveJob(ctx, reindexJob, fmt.Sprintf("%d %s %s", version, t.Table, after), done); err != nil {
				return done, err
			}
			progress.tell(done, total)
		}
	}
	if closed > 0 { // they are found by the older key alone
		if err := k.saveJob(ctx, reindexJob, fmt.Sprintf("%d %s %s", version, unbegun, uuid.Nil), 0); err != nil {
			return done, err
		}
		return done, fmt.Errorf("%d values do not open, so the older index key stays: see the log, restore their keys or clear them, and run it again: %w", closed, ErrTampered)
	}
	return done, k.endReindex(ctx, version)
}

// reindexPlace is where an earlier run was stopped.
func (k *Keyring) reindexPlace(ctx context.Context) (version int64, table string, row uuid.UUID, done int64, err error) {
	var place string
	err = k.keys.QueryRowContext(ctx, k.d.sql(`SELECT place, done FROM keyring_jobs WHERE name = ?`), reindexJob).Scan(&place, &done)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", uuid.Nil, 0, nil
	}
	if err != nil {
		return 0, "", uuid.Nil, 0, fmt.Errorf("read the job: %w", err)
	}
	var id string
	if _, err := fmt.Sscanf(place, "%d %s %s", &version, &table, &id); err != nil {
		return 0, "", uuid.Nil, 0, fmt.Errorf("read the job: its place is malformed: %w", err)
	}
	row, err = uuid.Parse(id)
	return version, table, row, done, err
}

// unbegun is the table of a place before the first.
const unbegun = "-"

// beginReindex makes the new key.
func (k *Keyring) beginReindex(ctx context.Context) (int64, error) {
	current, err := k.blinds.current(ctx)
	if err != nil {
		return 0, err
	}
	version := current.version + 1
	if err := k.addIndexKey(ctx, version); err != nil {
		return 0, fmt.Errorf("make an index key: %w", err)
	}
	return version, k.saveJob(ctx, reindexJob, fmt.Sprintf("%d %s %s", version, unbegun, uuid.Nil), 0)
}

func (k *Keyring) saveJob(ctx context.Context, name, place string, done int64) error {
	_, err := k.keys.ExecContext(ctx, k.d.sql(`INSERT INTO keyring_jobs (name, place, done) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET place = excluded.place, done = excluded.done`), name, place, done)
	if err != nil {
		return fmt.Errorf("save the job: %w", err)
	}
	return nil
}

func (k *Keyring) endReindex(ctx context.Context, version int64) error {
	err := within(ctx, k.keys, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, k.d.sql(`DELETE FROM keyring_indexes WHERE version < ?`), version); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, k.d.sql(`DELETE FROM keyring_jobs WHERE name = ?`), reindexJob)
		return err
	})
	if err != nil {
		return fmt.Errorf("destroy older index keys: %w", err)
	}
	k.blinds.forget()
	return k.scrub(ctx, k.c.Keys)
}

// indexed is the condition that a row of a type has an index; empty for a type without any.
func indexed(t *ir.Type) string {
	var some []string
	for _, f := range t.Fields {
		if f.Blind() {
			some = append(some, ident(f.IndexColumn())+" IS NOT NULL")
		}
	}
	if some == nil {
		return ""
	}
	return "(" + strings.Join(some, " OR ") + ")"
}

// reindex indexes some rows anew, behind a row.
func (k *Keyring) reindex(ctx context.Context, t *ir.Type, after uuid.UUID) (last uuid.UUID, n int64, closed int, err error) {
	var fields []*ir.Field
	columns := []string{"id", ident(t.SealedBy())}
	for _, f := range t.Fields {
		if f.Blind() {
			fields = append(fields, f)
			columns = append(columns, ident(f.Column))
		}
	}
	query := fmt.Sprintf(`SELECT %s FROM %s WHERE %s AND id > ? ORDER BY id LIMIT %d%s`, strings.Join(columns, ", "), ident(t.Table), indexed(t), k.c.JobRows, k.dd.forUpdate())
	err = within(ctx, k.data, func(tx *sql.Tx) error {
		closed = 0
		var rows []stranded
		err := each(ctx, tx, func(r *sql.Rows) error {
			s := stranded{cells: make([][]byte, len(fields))}
			var by uuid.NullUUID
			dest := []any{&s.id, &by}
			for i := range s.cells {
				dest = append(dest, &s.cells[i])
			}
			if err := r.Scan(dest...); err != nil {
				return err
			}
			s.by = by.UUID
			rows = append(rows, s)
			return nil
		}, k.dd.sql(query), after.String())
		if err != nil || len(rows) == 0 {
			return err
		}
		n, last = int64(len(rows)), rows[len(rows)-1].id
		var subjects []uuid.UUID
		for _, r := range rows {
			subjects = append(subjects, r.by)
		}
		batch, err := k.Keys(ctx, subjects)
		if err != nil {
			return err
		}
		defer batch.Close()
		gone, err := k.destroyed(ctx, subjects)
		if err != nil {
			return err
		}
		for _, r := range rows {
			shut, err := k.indexRow(ctx, tx, batch, fields, r, gone[r.by])
			if err != nil {
				return err
			}
			closed += shut
		}
		return nil
	})
	return last, n, closed, err
}

// indexRow writes the indexes of a row. Whoever was erased has none. A cell that does not open although it should keeps the one it
// has: it may open again when its key is restored.
func (k *Keyring) indexRow(ctx context.Context, tx *sql.Tx, batch *Batch, fields []*ir.Field, r stranded, gone bool) (closed int, err error) {
	var set []string
	var args []any
	for i, f := range fields {
		var index any
		if r.cells[i] != nil && !gone {
			plain, ok := batch.Open(nil, r.by, r.id, f, r.cells[i])
			if !ok {
				if batch.of(r.by) == nil {
					batch.event(f, r.id, r.by, errNoKey)
				}
				closed++
				continue
			}
			v, err := format.PlainValue(plain)
			clear(plain)
			if err != nil {
				return 0, fmt.Errorf("row %s: %w", r.id, err)
			}
			all, err := k.Blind(ctx, f, v)
			if err != nil {
				return 0, err
			}
			index = all[0]
			if f.Unique {
				instance, err := k.instance(ctx, tx, f, r.id, all[0])
				if err != nil {
					return 0, err
				}
				set, args = append(set, ident(f.InstanceColumn())+" = ?"), append(args, instance)
			}
		}
		set, args = append(set, ident(f.IndexColumn())+" = ?"), append(args, index)
	}
	if set == nil {
		return closed, nil
	}
	_, err = tx.ExecContext(ctx, k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s WHERE id = ?`, ident(fields[0].Owner.Table), strings.Join(set, ", "))), append(args, r.id.String())...)
	return closed, err
}
