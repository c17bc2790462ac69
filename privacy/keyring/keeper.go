package keyring

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"entgo.io/ent"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/guard"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
)

// Keeper seals what the mutations of one transaction write: each cell with the key of the person its row is about. A row of
// several people is sealed with the key of the first of its owners that it has; a row of nobody with the key of uuid.Nil.
type Keeper struct {
	k      *Keyring
	tx     Querier
	batch  *Batch
	people map[chain]map[uuid.UUID]uuid.UUID // whom the chain leads to, by the row it begins at
	by     map[uuid.UUID]uuid.UUID           // sealed_by of stored rows that were looked up ahead
	erased map[uuid.UUID]bool                // people among those that were looked up ahead
	// turned are rows whose owners a mutation set, and which are about somebody else now, perhaps.
	turned []turned
}

var _ seal.Keeper = (*Keeper)(nil)

// chain is the rest of an owner path behind its first edge.
type chain struct {
	edge *ir.Field
	path int // its number among the owner paths of the edge's type
}

// turned is a row and the edges of it that were set.
type turned struct {
	typ   *ir.Type
	row   uuid.UUID
	edges []*ir.Field
}

// On returns the keeper of a transaction. Flush ends its work, Close gives its keys back.
func (k *Keyring) On(tx Querier) *Keeper {
	return &Keeper{k: k, tx: tx, batch: &Batch{k: k, entries: map[uuid.UUID]*entry{}}, people: map[chain]map[uuid.UUID]uuid.UUID{}, by: map[uuid.UUID]uuid.UUID{}}
}

// Close gives the keys back.
func (w *Keeper) Close() { w.batch.Close() }

// keysOf makes sure of the keys of subjects: whoever has none gets one.
func (w *Keeper) keysOf(ctx context.Context, subjects []uuid.UUID) error {
	return w.take(ctx, subjects, w.k.Ensure)
}

// load takes the keys of subjects that there are.
func (w *Keeper) load(ctx context.Context, subjects []uuid.UUID) error {
	return w.take(ctx, subjects, w.k.Keys)
}

func (w *Keeper) take(ctx context.Context, subjects []uuid.UUID, get func(context.Context, []uuid.UUID) (*Batch, error)) error {
	var missing []uuid.UUID
	for _, s := range subjects {
		if w.batch.entries[s] == nil {
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	b, err := get(ctx, missing)
	if err != nil {
		return err
	}
	for s, e := range b.entries {
		if w.batch.entries[s] == nil {
			w.batch.entries[s] = e
			delete(b.entries, s)
		}
	}
	b.Close()
	return nil
}

// mutation is what the generated ones have besides ent.Mutation.
type mutation interface {
	ent.Mutation
	ID() (uuid.UUID, bool)
}

// Seal implements seal.Keeper.
func (w *Keeper) Seal(ctx context.Context, raw ent.Mutation) error {
	t := w.k.c.Schema.Type(raw.Type())
	if t == nil {
		return nil // a table of the system
	}
	m, ok := raw.(mutation)
	if !ok {
		return fmt.Errorf("seal %s: a %T has no id", t.Name, raw)
	}
	if m.Op().Is(ent.OpCreate) {
		return w.create(ctx, t, m)
	}
	touched, err := touches(t, m)
	if err != nil {
		return err
	}
	var sealed, edges, leaving []*ir.Field
	for _, f := range touched {
		switch {
		case f.Kind == ir.ToOne && f.Edge.IsOwner:
			edges = append(edges, f)
		case f.Sealed():
			sealed = append(sealed, f)
		}
		if w.k.moving.has(f) {
			leaving = append(leaving, f)
		}
	}
	id, ok := m.ID()
	if ok && w.erased[w.by[id]] {
		return fmt.Errorf("update %s: %w", t.Name, ErrDestroyed)
	}
	if len(sealed)+len(edges)+len(leaving) == 0 {
		return nil
	}
	if !ok || !m.Op().Is(ent.OpUpdateOne) {
		return fmt.Errorf("update %s: %w", t.Plural, ErrBulk)
	}
	if len(edges) > 0 {
		w.Turned(t, id, edges...)
	}
	if err := w.leave(ctx, t, id, leaving); err != nil {
		return err
	}
	if len(sealed) == 0 {
		return nil
	}
	subject, err := w.storedBy(ctx, t, id)
	if err != nil {
		return err
	}
	if err := w.keyOfStored(ctx, t, id, subject); err != nil {
		return err
	}
	return w.cells(ctx, m, id, subject, sealed)
}

// keyOfStored makes sure of the key of a stored row. A row that has sealed cells had its key: that it is missing is a loss, and a
// second key would make it look like a row whose first cells are damaged.
func (w *Keeper) keyOfStored(ctx context.Context, t *ir.Type, row, subject uuid.UUID) error {
	if err := w.load(ctx, []uuid.UUID{subject}); err != nil || w.batch.entries[subject] != nil {
		return err
	}
	var some []string
	for _, f := range sealedOf(t) {
		some = append(some, ident(f.Column)+" IS NOT NULL")
	}
	has := false
	err := each(ctx, w.tx, func(rows *sql.Rows) error { return rows.Scan(&has) },
		w.k.dd.sql(fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM %s WHERE id = ? AND (%s))`, ident(t.Table), strings.Join(some, " OR "))), row.String())
	if err != nil {
		return err
	}
	if gone, err := w.k.destroyed(ctx, []uuid.UUID{subject}); err != nil || gone[subject] || !has {
		if err != nil {
			return err
		}
		return w.keysOf(ctx, []uuid.UUID{subject}) // says so, or makes the first one
	}
	return unavailable(fmt.Sprintf("find the key of row %s of %s", row, t.Plural), errNoKey)
}

// touches lists the fields that a mutation sets or clears.
func touches(t *ir.Type, m ent.Mutation) ([]*ir.Field, error) {
	set := func(column string) bool {
		_, ok := m.Field(column)
		return ok || m.FieldCleared(column)
	}
	var out []*ir.Field
	for _, f := range t.Fields {
		if f.Stored() && f.Kind != ir.ID && set(f.Column) {
			out = append(out, f)
		}
	}
	if t.HasSealed() && set(t.SealedBy()) {
		return nil, fmt.Errorf("update %s: %w", t.Name, ErrMoved)
	}
	return out, nil
}

// create seals a new row. A person gets a key, whether there is something to seal or not: their other records will need it.
func (w *Keeper) create(ctx context.Context, t *ir.Type, m mutation) error {
	if !t.Subject && !t.HasSealed() && len(w.erased) == 0 {
		return nil
	}
	id, ok := m.ID()
	if !ok {
		return fmt.Errorf("create %s: no id", t.Name)
	}
	subject, err := w.about(ctx, t, func(column string) uuid.UUID {
		v, _ := m.Field(column)
		key, _ := v.(uuid.UUID)
		return key
	})
	if err != nil {
		return err
	}
	switch {
	case w.erased[subject]:
		return fmt.Errorf("create %s: %w", t.Name, ErrDestroyed)
	case !t.Subject && !t.HasSealed():
		return nil
	}
	if err := w.keysOf(ctx, []uuid.UUID{subject}); err != nil {
		return err
	}
	if !t.Subject && subject != uuid.Nil {
		if err := m.SetField(t.SealedBy(), subject); err != nil {
			return err
		}
	}
	var sealed []*ir.Field
	for _, f := range t.Fields {
		if !f.Sealed() {
			continue
		}
		if _, ok := m.Field(f.Column); !ok && f.Default != nil {
			v, err := defaultOf(f)
			if err != nil {
				return err
			}
			if err := m.SetField(f.Column, seal.Open(v)); err != nil {
				return err
			}
		}
		if _, ok := m.Field(f.Column); ok {
			sealed = append(sealed, f)
		} else if f.Type.NonNull {
			return fmt.Errorf("create %s: %w", t.Name, &MissingError{f})
		}
	}
	return w.cells(ctx, m, id, subject, sealed)
}

// MissingError is a required field without a value.
type MissingError struct{ Field *ir.Field }

func (e *MissingError) Error() string { return e.Field.Coordinate() + " is required and has no value" }

// defaultOf is the value of @default. The compiler has seen that it is one.
func defaultOf(f *ir.Field) (any, error) {
	if *f.Default == "now" && f.Scalar == ir.DateTime {
		return guard.Now(), nil
	}
	if *f.Default == "now" && f.Scalar == ir.Date {
		return guard.Today(), nil
	}
	v, err := format.Parse(f, *f.Default)
	if err != nil {
		return nil, fmt.Errorf("default of %s: %w", f.Coordinate(), err)
	}
	return v, nil
}

// cells seals the open cells of a mutation and sets their blind indexes.
func (w *Keeper) cells(ctx context.Context, m ent.Mutation, row, subject uuid.UUID, fields []*ir.Field) error {
	for _, f := range fields {
		raw, ok := m.Field(f.Column)
		if !ok { // cleared
			if f.Blind() {
				if err := m.ClearField(f.IndexColumn()); err != nil {
					return err
				}
			}
			continue
		}
		cell, _ := raw.(seal.Cell)
		v, open := cell.Plain()
		if !open {
			return fmt.Errorf("seal %s: nobody but the keyring seals cells", f.Coordinate())
		}
		sealed, err := w.batch.Seal(subject, row, f, v)
		if err != nil {
			return err
		}
		if err := m.SetField(f.Column, seal.Sealed(sealed)); err != nil {
			return err
		}
		if !f.Blind() {
			continue
		}
		index, err := w.k.Blind(ctx, f, v)
		if err != nil {
			return err
		}
		if err := m.SetField(f.IndexColumn(), index[0]); err != nil {
			return err
		}
	}
	return nil
}

// about finds the person a row is about, by the keys it has.
func (w *Keeper) about(ctx context.Context, t *ir.Type, key func(column string) uuid.UUID) (uuid.UUID, error) {
	if t.Subject {
		return key(t.SealedBy()), nil
	}
	for i, path := range t.Owners {
		at := key(path[0].Column)
		if at == uuid.Nil {
			continue
		}
		c := chain{path[0], i}
		subject, ok := w.people[c][at]
		if !ok {
			if err := w.follow(ctx, c, path, []uuid.UUID{at}); err != nil {
				return uuid.Nil, err
			}
			subject = w.people[c][at]
		}
		if subject != uuid.Nil {
			return subject, nil
		}
	}
	return uuid.Nil, nil
}

// follow looks up whom rows at the end of a path's first edge lead to, and keeps these rows from leading to somebody else until
// the transaction is over: whoever turned them would not see, and not seal again, what is written here.
func (w *Keeper) follow(ctx context.Context, c chain, path ir.OwnerPath, at []uuid.UUID) error {
	if w.people[c] == nil {
		w.people[c] = map[uuid.UUID]uuid.UUID{}
	}
	n := 0
	query := fmt.Sprintf(`SELECT t.id, %s FROM %s AS t WHERE %s ORDER BY t.id%s`, subjectOf(path[1:], "t", &n), ident(path[0].Edge.Target.Table), w.k.dd.among("t.id"), w.k.dd.forShare())
	err := pieces(at, piece, func(at []uuid.UUID) error {
		return each(ctx, w.tx, func(rows *sql.Rows) error {
			var id uuid.UUID
			var subject uuid.NullUUID
			if err := rows.Scan(&id, &subject); err != nil {
				return err
			}
			w.people[c][id] = subject.UUID
			return nil
		}, w.k.dd.sql(query), w.k.dd.list(at))
	})
	if err != nil {
		return fmt.Errorf("find whom a row is about: %w", err)
	}
	return nil
}

// subjectOf renders the person at the end of a chain of edges, seen from a row at alias.
func subjectOf(path ir.OwnerPath, alias string, n *int) string {
	if len(path) == 0 {
		return alias + ".subject_id"
	}
	*n++
	inner := fmt.Sprintf("o%d", *n)
	return fmt.Sprintf("(SELECT %s FROM %s AS %s WHERE %s.id = %s.%s)",
		subjectOf(path[1:], inner, n), ident(path[0].Edge.Target.Table), inner, inner, alias, ident(path[0].Column))
}

// aboutSQL renders the person a row at alias is about; null for nobody.
func aboutSQL(t *ir.Type, alias string) string {
	if t.Subject {
		return alias + ".subject_id"
	}
	n := 0
	var all []string
	for _, path := range t.Owners {
		all = append(all, subjectOf(path, alias, &n))
	}
	if len(all) == 1 {
		return all[0]
	}
	return "COALESCE(" + strings.Join(all, ", ") + ")"
}

// storedBy is whose key seals a stored row.
func (w *Keeper) storedBy(ctx context.Context, t *ir.Type, id uuid.UUID) (uuid.UUID, error) {
	if by, ok := w.by[id]; ok {
		return by, nil
	}
	if err := w.lookUp(ctx, t, []uuid.UUID{id}); err != nil {
		return uuid.Nil, err
	}
	return w.by[id], nil
}

// lookUp reads it for some rows, and keeps it from changing until the transaction is over.
func (w *Keeper) lookUp(ctx context.Context, t *ir.Type, ids []uuid.UUID) error {
	return pieces(ids, piece, func(ids []uuid.UUID) error {
		return each(ctx, w.tx, func(rows *sql.Rows) error {
			var id uuid.UUID
			var by uuid.NullUUID
			if err := rows.Scan(&id, &by); err != nil {
				return err
			}
			w.by[id] = by.UUID
			return nil
		}, w.k.dd.sql(fmt.Sprintf(`SELECT id, %s FROM %s WHERE %s ORDER BY id%s`, ident(t.SealedBy()), ident(t.Table), w.k.dd.among("id"), w.k.dd.forUpdate())), w.k.dd.list(ids))
	})
}

// Expect looks up ahead what the mutations of many rows will need, so that none asks for itself. Key returns the key that row
// i sets for a column, uuid.Nil for none; ids are of the rows, which exist already unless they are new.
func (w *Keeper) Expect(ctx context.Context, t *ir.Type, ids []uuid.UUID, created bool, key func(i int, column string) uuid.UUID) error {
	seals := t.Subject || t.HasSealed()
	if !t.Personal() || !seals && !created {
		return nil
	}
	subjects := map[uuid.UUID]bool{}
	switch {
	case !created:
		if err := w.lookUp(ctx, t, ids); err != nil {
			return err
		}
		for _, id := range ids {
			subjects[w.by[id]] = true
		}
	default:
		for i, path := range t.Owners {
			if len(path) == 0 {
				continue
			}
			var at []uuid.UUID
			for row := range ids {
				if to := key(row, path[0].Column); to != uuid.Nil {
					at = append(at, to)
				}
			}
			if err := w.follow(ctx, chain{path[0], i}, path, at); err != nil {
				return err
			}
		}
		for i := range ids {
			subject, err := w.about(ctx, t, func(column string) uuid.UUID { return key(i, column) })
			if err != nil {
				return err
			}
			subjects[subject] = true
		}
	}
	list := make([]uuid.UUID, 0, len(subjects))
	for s := range subjects {
		list = append(list, s)
	}
	return pieces(list, piece, func(list []uuid.UUID) error {
		gone, err := w.k.destroyed(ctx, list)
		if err != nil {
			return err
		}
		var living []uuid.UUID
		for _, s := range list {
			if gone[s] { // their rows will say so themselves, and not stop the others
				if w.erased == nil {
					w.erased = map[uuid.UUID]bool{}
				}
				w.erased[s] = true
				continue
			}
			living = append(living, s)
		}
		switch {
		case !seals:
			return nil
		case created:
			return w.keysOf(ctx, living)
		}
		return w.load(ctx, living)
	})
}

// Turned says that owner edges of a stored row were set, so that it may be about somebody else now. Seal says so by itself; it
// is for whoever writes around Ent.
func (w *Keeper) Turned(t *ir.Type, row uuid.UUID, edges ...*ir.Field) {
	w.turned = append(w.turned, turned{t, row, edges})
}

// Adopt makes a row of a @subject type another record of a person: of somebody who was two people, and is one. What the row
// and the rows behind it keep is sealed again with that person's key. The state of the person is the caller's to settle.
func (w *Keeper) Adopt(ctx context.Context, t *ir.Type, row uuid.UUID, subject policy.SubjectID) error {
	fields := sealedOf(t)
	r := stranded{id: row, about: subject, cells: make([][]byte, len(fields))}
	columns := []string{ident(t.SealedBy())}
	dest := []any{&r.by}
	for i, f := range fields {
		columns = append(columns, ident(f.Column))
		dest = append(dest, &r.cells[i])
	}
	err := each(ctx, w.tx, func(rows *sql.Rows) error { return rows.Scan(dest...) },
		w.k.dd.sql(fmt.Sprintf(`SELECT %s FROM %s WHERE id = ?%s`, strings.Join(columns, ", "), ident(t.Table), w.k.dd.forUpdate())), row.String())
	if err != nil {
		return fmt.Errorf("adopt a record: %w", err)
	}
	if r.by == uuid.Nil || r.by == subject {
		return nil
	}
	if err := w.turn(ctx, t, fields, []stranded{r}); err != nil {
		return err
	}
	clear(w.people)
	for _, d := range w.k.c.Schema.Entities() {
		if !d.HasSealed() || d.Subject {
			continue
		}
		for _, path := range d.Owners {
			if path[len(path)-1].Edge.Target != t {
				continue
			}
			if err := w.reseal(ctx, d, reach(path, "t"), []uuid.UUID{row}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush seals again what is about somebody else since its owners were set: the rows themselves, and the rows whose way to a
// person leads through them. It is called once, before the transaction is committed.
func (w *Keeper) Flush(ctx context.Context) error {
	byType := map[*ir.Type][]uuid.UUID{}
	through := map[*ir.Field][]uuid.UUID{}
	for _, t := range w.turned {
		byType[t.typ] = append(byType[t.typ], t.row)
		for _, e := range t.edges {
			through[e] = append(through[e], t.row)
		}
	}
	w.turned = nil
	for _, t := range w.k.c.Schema.Entities() {
		if !t.HasSealed() || t.Subject {
			continue
		}
		if err := w.reseal(ctx, t, "t.id", byType[t]); err != nil {
			return err
		}
		for _, path := range t.Owners {
			for i := 1; i < len(path); i++ {
				if err := w.reseal(ctx, t, reach(path[:i], "t"), through[path[i]]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reach renders the id of the row at the end of a chain.
func reach(path ir.OwnerPath, alias string) string {
	expr := alias + "." + ident(path[0].Column)
	for i, e := range path[1:] {
		inner := fmt.Sprintf("r%d", i)
		expr = fmt.Sprintf("(SELECT %s.%s FROM %s AS %s WHERE %s.id = %s)", inner, ident(e.Column), ident(e.Owner.Table), inner, inner, expr)
	}
	return expr
}

// stranded is a row that is sealed with the key of somebody it is not about.
type stranded struct {
	id, by, about uuid.UUID
	cells         [][]byte
}

// reseal seals rows again with the key of the person they are about now.
func (w *Keeper) reseal(ctx context.Context, t *ir.Type, where string, ids []uuid.UUID) error {
	fields := sealedOf(t)
	columns := []string{"t.id", "t." + ident(t.SealedBy()), aboutSQL(t, "t")}
	for _, f := range fields {
		columns = append(columns, "t."+ident(f.Column))
	}
	// Locked, because a cell that somebody else changes in between would be written back as it was.
	query := w.k.dd.sql(fmt.Sprintf(`SELECT %s FROM %s AS t WHERE %s ORDER BY t.id%s`, strings.Join(columns, ", "), ident(t.Table), w.k.dd.among(where), w.k.dd.forUpdate()))
	return pieces(ids, piece, func(ids []uuid.UUID) error {
		var found []stranded
		err := each(ctx, w.tx, func(rows *sql.Rows) error {
			r := stranded{cells: make([][]byte, len(fields))}
			var by, about uuid.NullUUID
			dest := []any{&r.id, &by, &about}
			for i := range r.cells {
				dest = append(dest, &r.cells[i])
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			if r.by, r.about = by.UUID, about.UUID; r.by != r.about {
				found = append(found, r)
			}
			return nil
		}, query, w.k.dd.list(ids))
		if err != nil {
			return fmt.Errorf("find rows to seal again: %w", err)
		}
		return pieces(found, piece, func(rows []stranded) error { return w.turn(ctx, t, fields, rows) })
	})
}

// turn seals rows with the key of whom they are about. A cell whose key was destroyed is nobody's any more, and is cleared.
func (w *Keeper) turn(ctx context.Context, t *ir.Type, fields []*ir.Field, rows []stranded) error {
	var old, now []uuid.UUID
	for _, r := range rows {
		old, now = append(old, r.by), append(now, r.about)
	}
	if err := w.keysOf(ctx, now); err != nil {
		return err
	}
	from, err := w.k.Keys(ctx, old)
	if err != nil {
		return err
	}
	defer from.Close()
	destroyed, err := w.k.destroyed(ctx, old)
	if err != nil {
		return err
	}
	set := []string{ident(t.SealedBy()) + " = ?"}
	for _, f := range fields {
		set = append(set, ident(f.Column)+" = ?")
	}
	query := w.k.dd.sql(fmt.Sprintf(`UPDATE %s SET %s WHERE id = ?`, ident(t.Table), strings.Join(set, ", ")))
	for _, r := range rows {
		args := []any{orNull(r.about)}
		for i, f := range fields {
			var sealed any
			if r.cells[i] != nil && !destroyed[r.by] {
				if from.of(r.by) == nil {
					return fmt.Errorf("seal %s of row %s for another person: %w", f.Coordinate(), r.id, unavailable("find the key of whom it was about", errNoKey))
				}
				plain, ok := from.Open(nil, r.by, r.id, f, r.cells[i])
				if !ok {
					return fmt.Errorf("seal %s of row %s for another person: %w", f.Coordinate(), r.id, ErrTampered)
				}
				v, err := format.PlainValue(plain)
				clear(plain)
				if err != nil {
					return fmt.Errorf("seal %s of row %s for another person: %w", f.Coordinate(), r.id, err)
				}
				if sealed, err = w.batch.Seal(r.about, r.id, f, v); err != nil {
					return err
				}
			}
			args = append(args, sealed)
		}
		if _, err := w.tx.ExecContext(ctx, query, append(args, r.id.String())...); err != nil {
			return fmt.Errorf("seal %s again: %w", t.Plural, err)
		}
		w.by[r.id] = r.about
	}
	return nil
}

func orNull(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id.String()
}

func sealedOf(t *ir.Type) []*ir.Field {
	var out []*ir.Field
	for _, f := range t.Fields {
		if f.Sealed() {
			out = append(out, f)
		}
	}
	return out
}
