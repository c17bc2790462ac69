package keyring

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
)

// Converted says what Convert did.
type Converted struct {
	Values   int64 `json:"values"`   // moved and verified
	Gone     int64 `json:"gone"`     // sealed with a key that was destroyed: cleared
	Rejected int64 `json:"rejected"` // that do not open: left where they are, each a security event
}

// Convert moves the values of fields to the storage the schema declares: seals what was plain, opens what was sealed. It goes
// through tables a few hundred rows to a transaction, which it reads again and compares before it commits, so that it can be
// stopped at any point and run again. Reads and writes go on beside it.
func (k *Keyring) Convert(ctx context.Context, progress Progress) (Converted, error) {
	var c Converted
	k.moving.again()
	if err := k.look(ctx); err != nil {
		return c, err
	}
	moves := k.moving.list()
	var total int64
	for _, m := range moves {
		var n int64
		if err := k.data.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(%s) FROM %s`, ident(m.field.OtherColumn()), ident(m.field.Owner.Table))).Scan(&n); err != nil {
			return c, fmt.Errorf("count what is to move: %w", err)
		}
		total += n
	}
	progress.tell(0, total)
	for _, m := range moves {
		var after uuid.UUID
		for {
			last, err := k.convert(ctx, m.field, after, &c)
			if err != nil {
				return c, fmt.Errorf("move %s (run it again to go on): %w", m.Field, err)
			}
			if last == uuid.Nil {
				break
			}
			after = last
			progress.tell(c.Values+c.Gone+c.Rejected, total)
		}
	}
	if len(moves) > 0 {
		if err := k.scrub(ctx, k.c.Data); err != nil {
			return c, err
		}
	}
	return c, k.look(ctx)
}

// lying is a value in the column it is to leave.
type lying struct {
	id, by, about uuid.UUID
	raw           any
	bare          bool // no cell of the row is sealed yet
	value         any
}

// convert moves some values of a field behind a row, and returns the last row; uuid.Nil when there are none left.
func (k *Keyring) convert(ctx context.Context, f *ir.Field, after uuid.UUID, c *Converted) (last uuid.UUID, err error) {
	moved := *c
	err = within(ctx, k.data, func(tx *sql.Tx) error {
		rows, err := k.lying(ctx, tx, f, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		last = rows[len(rows)-1].id
		w := k.On(tx)
		defer w.Close()
		if f.Sealed() {
			return k.sealAll(ctx, w, f, rows, &moved)
		}
		return k.openAll(ctx, w, f, rows, &moved)
	})
	if err == nil {
		*c = moved
	}
	return last, err
}

func (k *Keyring) lying(ctx context.Context, tx *sql.Tx, f *ir.Field, after uuid.UUID) ([]lying, error) {
	t := f.Owner
	var sealed []string
	for _, s := range sealedOf(t) {
		sealed = append(sealed, "t."+ident(s.Column)+" IS NULL")
	}
	bare := "1 = 1"
	if sealed != nil {
		bare = strings.Join(sealed, " AND ")
	}
	query := fmt.Sprintf(`SELECT t.id, t.%s, %s, CASE WHEN %s THEN 1 ELSE 0 END, t.%s FROM %s AS t WHERE t.%s IS NOT NULL AND t.id > ? ORDER BY t.id LIMIT %d%s`,
		ident(t.SealedBy()), aboutSQL(t, "t"), bare, ident(f.OtherColumn()), ident(t.Table), ident(f.OtherColumn()), k.c.JobRows, k.dd.forUpdate())
	var out []lying
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var l lying
		var by, about uuid.NullUUID
		var n int
		if err := rows.Scan(&l.id, &by, &about, &n, &l.raw); err != nil {
			return err
		}
		l.by, l.about, l.bare = by.UUID, about.UUID, n == 1
		if l.bare && !t.Subject && f.Sealed() {
			l.by = l.about
		}
		out = append(out, l)
		return nil
	}, k.dd.sql(query), after.String())
	return out, err
}

func (k *Keyring) sealAll(ctx context.Context, w *Keeper, f *ir.Field, rows []lying, c *Converted) error {
	t := f.Owner
	var subjects, living []uuid.UUID
	for _, l := range rows {
		subjects = append(subjects, l.by)
	}
	erased, err := k.destroyed(ctx, subjects)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		if !erased[s] {
			living = append(living, s)
		}
	}
	if err := w.keysOf(ctx, living); err != nil {
		return err
	}
	set := []string{ident(f.Column) + " = ?", ident(f.PlainColumn()) + " = NULL"}
	if !t.Subject {
		set = append(set, ident(t.SealedBy())+" = ?")
	}
	if f.Blind() {
		set = append(set, ident(f.IndexColumn())+" = ?")
	}
	if f.Unique {
		set = append(set, ident(f.InstanceColumn())+" = ?")
	}
	query := k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s WHERE id = ?`, ident(t.Table), strings.Join(set, ", ")))
	for i := range rows {
		l := &rows[i]
		if erased[l.by] { // whoever was erased before their values were sealed is erased all the same
			if _, err := w.tx.ExecContext(ctx, k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s = NULL WHERE id = ?`, ident(t.Table), ident(f.PlainColumn()))), l.id.String()); err != nil {
				return err
			}
			c.Gone++
			continue
		}
		v, err := storageValue(f, l.raw)
		if err != nil {
			return fmt.Errorf("row %s: %w", l.id, err)
		}
		l.value = v
		cell, err := w.batch.Seal(l.by, l.id, f, v)
		if err != nil {
			return err
		}
		args := []any{cell}
		if !t.Subject {
			args = append(args, orNull(l.by))
		}
		var index []int64
		if f.Blind() {
			if index, err = k.Blind(ctx, f, v); err != nil {
				return err
			}
			args = append(args, index[0])
		}
		if f.Unique {
			instance, err := k.instance(ctx, w.tx, f, l.id, index[0])
			if err != nil {
				return err
			}
			args = append(args, instance)
		}
		if _, err := w.tx.ExecContext(ctx, query, append(args, l.id.String())...); err != nil {
			return err
		}
		c.Values++
	}
	return k.verify(ctx, w, f, rows)
}

// instance is a row's instance number under a new blind index: another one when a row has both already.
func (k *Keyring) instance(ctx context.Context, tx Querier, f *ir.Field, row uuid.UUID, index int64) (int64, error) {
	var have int64
	table, column := ident(f.Owner.Table), ident(f.InstanceColumn())
	scan := func(rows *sql.Rows) error { return rows.Scan(&have) }
	if err := each(ctx, tx, scan, k.dd.sql(fmt.Sprintf(`SELECT %s FROM %s WHERE id = ?`, column, table)), row.String()); err != nil {
		return 0, err
	}
	taken := 0
	scan = func(rows *sql.Rows) error { return rows.Scan(&taken) }
	if err := each(ctx, tx, scan, k.dd.sql(fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s = ? AND %s = ? AND id <> ?`, table, ident(f.IndexColumn()), column)), index, have, row.String()); err != nil {
		return 0, err
	}
	if taken == 0 {
		return have, nil
	}
	return guard.NewInstance()
}

// verify reads what was sealed again and compares it with what it was.
func (k *Keyring) verify(ctx context.Context, w *Keeper, f *ir.Field, rows []lying) error {
	want := map[uuid.UUID]*lying{}
	var ids []uuid.UUID
	for i := range rows {
		if rows[i].value != nil {
			want[rows[i].id] = &rows[i]
			ids = append(ids, rows[i].id)
		}
	}
	seen := 0
	err := each(ctx, w.tx, func(r *sql.Rows) error {
		var id uuid.UUID
		var cell []byte
		if err := r.Scan(&id, &cell); err != nil {
			return err
		}
		l := want[id]
		plain, ok := w.batch.Open(nil, l.by, id, f, cell)
		if !ok {
			return fmt.Errorf("row %s does not open after it was sealed: nothing was changed", id)
		}
		defer clear(plain)
		v, err := format.PlainValue(plain)
		if err != nil || !reflect.DeepEqual(v, l.value) {
			return fmt.Errorf("row %s is not what it was after it was sealed: nothing was changed", id)
		}
		seen++
		return nil
	}, k.dd.sql(fmt.Sprintf(`SELECT id, %s FROM %s WHERE %s`, ident(f.Column), ident(f.Owner.Table), k.dd.among("id"))), k.dd.list(ids))
	if err == nil && seen != len(ids) {
		err = fmt.Errorf("%d of %d rows are there after they were sealed: nothing was changed", seen, len(ids))
	}
	return err
}

func (k *Keyring) openAll(ctx context.Context, w *Keeper, f *ir.Field, rows []lying, c *Converted) error {
	t := f.Owner
	var subjects []uuid.UUID
	for _, l := range rows {
		subjects = append(subjects, l.by)
	}
	batch, err := k.Keys(ctx, subjects)
	if err != nil {
		return err
	}
	defer batch.Close()
	destroyed, err := k.destroyed(ctx, subjects)
	if err != nil {
		return err
	}
	query := k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s = ?, %s = NULL WHERE id = ?`, ident(t.Table), ident(f.Column), ident(f.SealedColumn())))
	for _, l := range rows {
		var v any
		switch cell, _ := l.raw.([]byte); {
		case destroyed[l.by]:
			c.Gone++
		case batch.of(l.by) == nil: // there is no key here, but there may be one in a backup
			batch.event(f, l.id, l.by, errNoKey)
			c.Rejected++
			continue
		default:
			plain, ok := batch.Open(nil, l.by, l.id, f, cell)
			if !ok {
				c.Rejected++
				continue
			}
			if v, err = format.PlainValue(plain); err != nil {
				return fmt.Errorf("row %s: %w", l.id, err)
			}
			clear(plain)
			if raw, ok := v.(json.RawMessage); ok {
				v = []byte(raw)
				if k.dd.postgres() {
					v = string(raw)
				}
			}
			c.Values++
		}
		if _, err := w.tx.ExecContext(ctx, query, v, l.id.String()); err != nil {
			return err
		}
	}
	return nil
}

// storageValue is what a database handed out of a plain column, as the storage value it stands for.
func storageValue(f *ir.Field, raw any) (any, error) {
	if b, ok := raw.([]byte); ok {
		raw = string(b)
	}
	fits := false
	switch f.Scalar {
	case ir.Int, ir.Decimal:
		_, fits = raw.(int64)
	case ir.Float:
		switch v := raw.(type) {
		case int64:
			raw, fits = float64(v), true
		case float64:
			fits = true
		}
	case ir.Boolean:
		switch v := raw.(type) {
		case int64:
			raw, fits = v != 0, true
		case bool:
			fits = true
		}
	case ir.DateTime, ir.Date:
		var at time.Time
		if at, fits = raw.(time.Time); fits {
			raw = at.UTC().Truncate(time.Microsecond)
		}
	case ir.JSON:
		var text string
		if text, fits = raw.(string); fits {
			raw = json.RawMessage(text)
		}
	default:
		_, fits = raw.(string)
	}
	if !fits {
		return nil, fmt.Errorf("%s holds a %T, which is not what it should", f.Coordinate(), raw)
	}
	return raw, nil
}

// leave empties the other column of fields that are written while they move.
func (w *Keeper) leave(ctx context.Context, t *ir.Type, id uuid.UUID, fields []*ir.Field) error {
	var set []string
	for _, f := range fields {
		set = append(set, ident(f.OtherColumn())+" = NULL")
	}
	if set == nil {
		return nil
	}
	_, err := w.tx.ExecContext(ctx, w.k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s WHERE id = ?`, ident(t.Table), strings.Join(set, ", "))), id.String())
	return err
}
