package write

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// Bulk is the store imports write to. It works under a system capability: an import is an act of the operator, not of a
// role.
type Bulk struct{ Store }

// chunk bounds the parameters of one statement; SQLite allows 32766.
const chunk = 500

// Find returns the ids of rows of t whose field has one of values.
func (b *Bulk) Find(ctx context.Context, t *ir.Type, field *ir.Field, values []any) (map[any]uuid.UUID, error) {
	if field.Sealed() {
		return b.findSealed(ctx, b.DB, t, field, values)
	}
	out := make(map[any]uuid.UUID, len(values))
	column := field.Column
	if field.Kind == ir.ID {
		column = "id"
	}
	for len(values) > 0 {
		n := min(chunk, len(values))
		sel := entsql.Dialect(b.Dialect).Select("id", column).From(entsql.Table(t.Table)).
			Where(entsql.In(column, driverValues(values[:n])...))
		if field.Unique { // of several instances the first, which then comes last
			sel.OrderBy(entsql.Desc(field.InstanceColumn()))
		}
		query, args := sel.Query()
		values = values[n:]
		rows, err := b.DB.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Name, err)
		}
		for rows.Next() {
			var id uuid.UUID
			var v any
			if err := rows.Scan(&id, &v); err != nil {
				rows.Close()
				return nil, fmt.Errorf("look up %s: %w", t.Name, err)
			}
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			if field.Kind == ir.ID {
				v = id
			}
			out[v] = id
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Name, err)
		}
	}
	return out, nil
}

// findSealed finds by the blind index, and opens what it finds: other values may share one.
func (b *Bulk) findSealed(ctx context.Context, db read.Querier, t *ir.Type, f *ir.Field, values []any) (map[any]uuid.UUID, error) {
	out := make(map[any]uuid.UUID, len(values))
	for len(values) > 0 {
		n := min(chunk/2, len(values)) // two indexes a value, while the index is re-keyed
		wanted := values[:n]
		values = values[n:]
		byIndex := map[int64][]any{}
		var indexes []any
		for _, v := range wanted {
			all, err := b.Keys.Blind(ctx, f, v)
			if err != nil {
				return nil, fmt.Errorf("look up %s: %w", t.Name, err)
			}
			for _, i := range all {
				byIndex[i] = append(byIndex[i], v)
				indexes = append(indexes, i)
			}
		}
		sel := entsql.Dialect(b.Dialect).Select("id", t.SealedBy(), f.Column, f.IndexColumn()).From(entsql.Table(t.Table)).Where(entsql.In(f.IndexColumn(), indexes...))
		if f.Unique {
			sel.OrderBy(entsql.Desc(f.InstanceColumn()))
		}
		query, args := sel.Query()
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Name, err)
		}
		found, err := sealedRows(rows)
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Name, err)
		}
		err = b.opened(ctx, f, found, func(r sealedRow, plain any) {
			for _, v := range byIndex[r.index] {
				if format.Same(f, plain, v) {
					out[v] = r.id
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Name, err)
		}
	}
	return out, nil
}

// sealedRow is a row found by a blind index.
type sealedRow struct {
	id, by uuid.UUID
	cell   []byte
	index  int64
}

func sealedRows(rows *sql.Rows) ([]sealedRow, error) {
	defer rows.Close()
	var out []sealedRow
	for rows.Next() {
		var r sealedRow
		var by uuid.NullUUID
		if err := rows.Scan(&r.id, &by, &r.cell, &r.index); err != nil {
			return nil, err
		}
		r.by = by.UUID
		out = append(out, r)
	}
	return out, rows.Err()
}

// opened opens the cells of rows, one batch of keys for all of them. What does not open is left out.
func (b *Bulk) opened(ctx context.Context, f *ir.Field, rows []sealedRow, each func(sealedRow, any)) error {
	subjects := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		subjects[i] = r.by
	}
	keys, err := b.Keys.Keys(ctx, subjects)
	if err != nil {
		return err
	}
	defer keys.Close()
	for _, r := range rows {
		plain, ok := keys.Open(nil, r.by, r.id, f, r.cell)
		if !ok {
			continue
		}
		v, err := format.PlainValue(plain)
		clear(plain)
		if err != nil {
			return err
		}
		each(r, v)
	}
	return nil
}

// driverValues writes ids as text, which both drivers take for a UUID column.
func driverValues(values []any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if id, ok := v.(uuid.UUID); ok {
			v = id.String()
		}
		out[i] = v
	}
	return out
}

// Upsert writes rows in one transaction. Rows that break a rule of the store come back as errors; the others are
// written. An existing row whose values are already there counts as unchanged and is not touched.
func (b *Bulk) Upsert(ctx context.Context, t *ir.Type, rows []importer.Row) (importer.Result, error) {
	var res importer.Result
	ctx = policy.WithCapability(ctx, "import")
	err := b.Within(ctx, func(w Writing) error {
		var create, change []int
		for i, r := range rows {
			if r.Create {
				create = append(create, i)
			} else {
				change = append(change, i)
			}
		}
		if err := b.create(w, t, rows, create, &res); err != nil {
			return err
		}
		return b.change(w, t, rows, change, &res)
	})
	return res, err
}

func (b *Bulk) create(w Writing, t *ir.Type, rows []importer.Row, at []int, res *importer.Result) error {
	if len(at) == 0 {
		return nil
	}
	if err := expect(w, t, rows, at, true); err != nil {
		return err
	}
	err := savepoint(w, func() error {
		return w.Client.CreateBulk(w, t.Name, len(at), func(i int, m ent.Mutation) error { return fill(m, t, rows[at[i]]) })
	})
	if err == nil {
		res.Created += len(at)
		return nil
	}
	if !rowsOwn(err) {
		return err
	}
	for _, i := range at { // find the rows at fault
		err := b.unlessStray(w, t, rows[i], func(instances map[string]int64) error {
			return w.Client.CreateBulk(w, t.Name, 1, func(_ int, m ent.Mutation) error {
				return errors.Join(fill(m, t, rows[i]), assignInstances(m, instances))
			})
		})
		if err := note(res, i, err); err != nil {
			return err
		}
		if err == nil {
			res.Created++
		}
	}
	return nil
}

// unlessStray writes a row, and when the store finds a unique value of it taken, looks whether that is so: two sealed values may
// share a blind index. Then it writes the row again, as another instance of the index and not of the value.
func (b *Bulk) unlessStray(w Writing, t *ir.Type, row importer.Row, write func(instances map[string]int64) error) error {
	taken := savepoint(w, func() error { return write(nil) })
	if !ent.IsConstraintError(taken) {
		return taken
	}
	instances := map[string]int64{}
	for _, f := range t.Fields {
		v := row.Values[f.Name]
		if !f.Unique || !f.Sealed() || v == nil {
			continue
		}
		found, err := b.findSealed(w, w.Tx, t, f, []any{v})
		if err != nil {
			return err
		}
		if id, ok := found[v]; ok && id != row.ID {
			return taken
		}
		if instances[f.InstanceColumn()], err = guard.NewInstance(); err != nil {
			return err
		}
	}
	if len(instances) == 0 {
		return taken
	}
	return savepoint(w, func() error { return write(instances) })
}

func assignInstances(m ent.Mutation, instances map[string]int64) error {
	for column, n := range instances {
		if err := ent.Assign(m, column, n); err != nil {
			return err
		}
	}
	return nil
}

// expect has the keeper look up ahead what sealing the rows needs.
func expect(w Writing, t *ir.Type, rows []importer.Row, at []int, created bool) error {
	ids := make([]uuid.UUID, len(at))
	for i, n := range at {
		ids[i] = rows[n].ID
	}
	edges := map[string]string{} // by column
	for _, f := range t.Fields {
		if f.Kind == ir.ToOne {
			edges[f.Column] = f.Name
		}
	}
	return w.Keeper.Expect(w, t, ids, created, func(i int, column string) uuid.UUID {
		if column == t.SealedBy() {
			return ids[i] // a new person
		}
		id, _ := rows[at[i]].Values[edges[column]].(uuid.UUID)
		return id
	})
}

// rowsOwn reports whether an error is a row's own fault.
func rowsOwn(err error) bool {
	var missing *keyring.MissingError
	return ent.IsConstraintError(err) || ent.IsValidationError(err) || errors.As(err, &missing) || errors.Is(err, keyring.ErrDestroyed)
}

// note keeps an error that is the row's own fault, and returns any other.
func note(res *importer.Result, i int, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrDestroyed):
		res.RowErrors = append(res.RowErrors, importer.RowError{Index: i, Reason: "the person was erased, and is not brought back by an import"})
		return nil
	case ent.IsConstraintError(err):
		res.RowErrors = append(res.RowErrors, importer.RowError{Index: i, Reason: "a value that must be unique is taken by another record"})
		return nil
	case rowsOwn(err):
		res.RowErrors = append(res.RowErrors, importer.RowError{Index: i, Reason: "a required value is missing or out of bounds"})
		return nil
	default:
		return err
	}
}

// fill puts a row into an Ent mutation.
func fill(m ent.Mutation, t *ir.Type, r importer.Row) error {
	if err := ent.Assign(m, "id", r.ID); err != nil {
		return err
	}
	if t.Subject && r.Create {
		if err := newSubject(m, r.ID); err != nil {
			return err
		}
	}
	return assignRow(m, t, r.Values)
}

func assignRow(m ent.Mutation, t *ir.Type, values map[string]any) error {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f := t.Field(name)
		if f == nil || !f.Stored() {
			return fmt.Errorf("%s has no stored field %s", t.Name, name)
		}
		if values[name] == nil {
			continue
		}
		if err := ent.Assign(m, f.Column, values[name]); err != nil {
			return fmt.Errorf("assign %s: %w", f.Coordinate(), err)
		}
	}
	return nil
}

func (b *Bulk) change(w Writing, t *ir.Type, rows []importer.Row, at []int, res *importer.Result) error {
	for len(at) > 0 {
		n := min(chunk, len(at))
		if err := expect(w, t, rows, at[:n], false); err != nil {
			return err
		}
		same, err := b.same(w, w.Tx, t, rows, at[:n])
		if err != nil {
			return err
		}
		for _, i := range at[:n] {
			if same[rows[i].ID] {
				res.Unchanged++
				continue
			}
			err := b.unlessStray(w, t, rows[i], func(instances map[string]int64) error {
				m, save, err := w.Client.NewUpdate(t.Name, rows[i].ID)
				if err != nil {
					return err
				}
				if err := assignInstances(m, instances); err != nil {
					return err
				}
				if err := assignRow(m, t, mutable(t, rows[i].Values)); err != nil {
					return err
				}
				if err := touch(m, t, time.Now()); err != nil {
					return err
				}
				return save(w)
			})
			if err := note(res, i, err); err != nil {
				return err
			}
			if err == nil {
				res.Updated++
			}
		}
		at = at[n:]
	}
	return nil
}

// mutable leaves out what is set once.
func mutable(t *ir.Type, values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for name, v := range values {
		if f := t.Field(name); f != nil && !f.Immutable {
			out[name] = v
		}
	}
	return out
}

// same reports which rows already hold exactly the values given.
func (b *Bulk) same(ctx context.Context, tx *sql.Tx, t *ir.Type, rows []importer.Row, at []int) (map[uuid.UUID]bool, error) {
	var fields []*ir.Field
	for _, f := range t.Fields {
		if f.Kind == ir.Column || f.Kind == ir.ToOne {
			fields = append(fields, f)
		}
	}
	by := "id"
	if t.HasSealed() {
		by = t.SealedBy()
	}
	cols := []string{"id", by}
	for _, f := range fields {
		cols = append(cols, f.Column)
	}
	ids := make([]any, len(at))
	for i, r := range at {
		ids[i] = rows[r].ID.String()
	}
	query, args := entsql.Dialect(b.Dialect).Select(cols...).From(entsql.Table(t.Table)).Where(entsql.In("id", ids...)).Query()
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", t.Name, err)
	}
	defer found.Close()
	stored := map[uuid.UUID]map[string]any{}
	sealed := map[*ir.Field][]sealedRow{}
	for found.Next() {
		var id uuid.UUID
		var by uuid.NullUUID
		raw := make([]any, len(fields))
		dest := []any{&id, &by}
		for i := range raw {
			dest = append(dest, &raw[i])
		}
		if err := found.Scan(dest...); err != nil {
			return nil, fmt.Errorf("compare %s: %w", t.Name, err)
		}
		row := map[string]any{}
		for i, f := range fields {
			if cell, ok := raw[i].([]byte); ok && f.Sealed() {
				sealed[f] = append(sealed[f], sealedRow{id: id, by: by.UUID, cell: bytes.Clone(cell)})
				continue
			}
			row[f.Name] = raw[i]
		}
		stored[id] = row
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("compare %s: %w", t.Name, err)
	}
	for f, rows := range sealed {
		if err := b.opened(ctx, f, rows, func(r sealedRow, plain any) { stored[r.id][f.Name] = plain }); err != nil {
			return nil, fmt.Errorf("compare %s: %w", t.Name, err)
		}
	}
	out := map[uuid.UUID]bool{}
	for _, i := range at {
		have := stored[rows[i].ID]
		out[rows[i].ID] = have != nil && equalAll(have, mutable(t, rows[i].Values))
	}
	return out, nil
}

func equalAll(have, want map[string]any) bool {
	for name, w := range want {
		if w != nil && !equal(have[name], w) {
			return false
		}
	}
	return true
}

// equal compares a driver's value with a storage value.
func equal(have, want any) bool {
	switch w := want.(type) {
	case time.Time:
		h, ok := have.(time.Time)
		return ok && h.Equal(w)
	case uuid.UUID:
		switch h := have.(type) {
		case string:
			return h == w.String()
		case []byte:
			return bytes.Equal(h, w[:]) || string(h) == w.String()
		}
		return false
	case bool:
		switch h := have.(type) {
		case bool:
			return h == w
		case int64:
			return (h != 0) == w
		}
		return false
	case float64:
		switch h := have.(type) {
		case float64:
			return h == w
		case int64:
			return float64(h) == w
		}
		return false
	case string:
		switch h := have.(type) {
		case string:
			return h == w
		case []byte:
			return string(h) == w
		}
		return false
	default:
		return have == want
	}
}

// savepoint runs fn so that its failure undoes only what it did.
func savepoint(w Writing, fn func() error) error {
	if _, err := w.Tx.ExecContext(w, "SAVEPOINT row"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := fn(); err != nil {
		if _, undo := w.Tx.ExecContext(w, "ROLLBACK TO SAVEPOINT row"); undo != nil {
			return errors.Join(err, undo)
		}
		return err
	}
	_, err := w.Tx.ExecContext(w, "RELEASE SAVEPOINT row")
	return err
}
