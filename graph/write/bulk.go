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

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/importer"
)

// Bulk is the store imports write to. It works under a system capability: an import is an act of the operator, not of a
// role.
type Bulk struct {
	DB      *sql.DB
	Dialect string
}

// chunk bounds the parameters of one statement; SQLite allows 32766.
const chunk = 500

// Find returns the ids of rows of t whose field has one of values.
func (b *Bulk) Find(ctx context.Context, t *ir.Type, field *ir.Field, values []any) (map[any]uuid.UUID, error) {
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
	err := Within(ctx, b.DB, b.Dialect, func(tx *sql.Tx, client *ent.Client) error {
		var create, change []int
		for i, r := range rows {
			if r.Create {
				create = append(create, i)
			} else {
				change = append(change, i)
			}
		}
		if err := b.create(ctx, tx, client, t, rows, create, &res); err != nil {
			return err
		}
		return b.change(ctx, tx, client, t, rows, change, &res)
	})
	return res, err
}

func (b *Bulk) create(ctx context.Context, tx *sql.Tx, client *ent.Client, t *ir.Type, rows []importer.Row, at []int, res *importer.Result) error {
	if len(at) == 0 {
		return nil
	}
	err := b.savepoint(ctx, tx, func() error {
		return client.CreateBulk(ctx, t.Name, len(at), func(i int, m ent.Mutation) error { return fill(m, t, rows[at[i]]) })
	})
	if err == nil {
		res.Created += len(at)
		return nil
	}
	if !ent.IsConstraintError(err) && !ent.IsValidationError(err) {
		return err
	}
	for _, i := range at { // find the rows at fault
		err := b.savepoint(ctx, tx, func() error {
			return client.CreateBulk(ctx, t.Name, 1, func(_ int, m ent.Mutation) error { return fill(m, t, rows[i]) })
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

// note keeps an error that is the row's own fault, and returns any other.
func note(res *importer.Result, i int, err error) error {
	switch {
	case err == nil:
		return nil
	case ent.IsConstraintError(err):
		res.RowErrors = append(res.RowErrors, importer.RowError{Index: i, Reason: "a value that must be unique is taken by another record"})
		return nil
	case ent.IsValidationError(err):
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

func (b *Bulk) change(ctx context.Context, tx *sql.Tx, client *ent.Client, t *ir.Type, rows []importer.Row, at []int, res *importer.Result) error {
	for len(at) > 0 {
		n := min(chunk, len(at))
		same, err := b.same(ctx, tx, t, rows, at[:n])
		if err != nil {
			return err
		}
		for _, i := range at[:n] {
			if same[rows[i].ID] {
				res.Unchanged++
				continue
			}
			err := b.savepoint(ctx, tx, func() error {
				m, save, err := client.NewUpdate(t.Name, rows[i].ID)
				if err != nil {
					return err
				}
				if err := assignRow(m, t, mutable(t, rows[i].Values)); err != nil {
					return err
				}
				if err := touch(m, t, time.Now()); err != nil {
					return err
				}
				return save(ctx)
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
	cols := []string{"id"}
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
	for found.Next() {
		var id uuid.UUID
		raw := make([]any, len(fields))
		dest := []any{&id}
		for i := range raw {
			dest = append(dest, &raw[i])
		}
		if err := found.Scan(dest...); err != nil {
			return nil, fmt.Errorf("compare %s: %w", t.Name, err)
		}
		row := map[string]any{}
		for i, f := range fields {
			row[f.Name] = raw[i]
		}
		stored[id] = row
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("compare %s: %w", t.Name, err)
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
func (b *Bulk) savepoint(ctx context.Context, tx *sql.Tx, fn func() error) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT row"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := fn(); err != nil {
		if _, undo := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT row"); undo != nil {
			return errors.Join(err, undo)
		}
		return err
	}
	_, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT row")
	return err
}
