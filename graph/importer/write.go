package importer

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// write brings a batch in: what rows refer to, then each record in the map's order.
func (r *run) write(ctx context.Context, batch []*draft) error {
	if len(batch) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.resolve(ctx, batch); err != nil {
		return err
	}
	if batch = r.ready(batch); len(batch) == 0 {
		return nil
	}
	for i, rp := range r.plan.types {
		if err := r.writeType(ctx, batch, i, rp); err != nil {
			return err
		}
	}
	for _, d := range batch {
		if !d.gone {
			r.report.Accepted++
		}
	}
	return nil
}

// resolve asks the store for every record the batch refers to.
func (r *run) resolve(ctx context.Context, batch []*draft) error {
	for i, rp := range r.plan.types {
		for j, e := range rp.edges {
			if e.find == nil {
				continue
			}
			var values []any
			for _, d := range batch {
				if v := d.parts[i].finds[j]; v != nil {
					values = append(values, v)
				}
			}
			if err := r.find(ctx, e.field.Edge.Target, e.find, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// find adds to ids what the store has of values.
func (r *run) find(ctx context.Context, t *ir.Type, f *ir.Field, values []any) error {
	have := r.ids[f]
	if have == nil {
		have = map[any]*known{}
		r.ids[f] = have
	}
	var ask []any
	asked := map[any]bool{}
	for _, v := range values {
		if have[v] == nil && !asked[v] {
			asked[v] = true
			ask = append(ask, v)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	found, err := r.opt.Store.Find(ctx, t, f, ask)
	if err != nil {
		return fmt.Errorf("look up %s: %w", f.Coordinate(), err)
	}
	for _, v := range ask {
		if id, ok := found[v]; ok {
			have[v] = &known{id: id}
		}
	}
	return nil
}

// ready puts rows aside that refer to rows of the file that are still to come.
func (r *run) ready(batch []*draft) []*draft {
	own := r.plan.own()
	out := make([]*draft, 0, len(batch))
	for _, d := range batch {
		wait := false
		finds := d.parts[len(d.parts)-1].finds
		for j, e := range own.edges {
			if v := finds[j]; v != nil && e.forward(own) && r.ids[e.find][v] == nil {
				wait = true
			}
		}
		if wait {
			r.waiting = append(r.waiting, d)
		} else {
			out = append(out, d)
		}
	}
	return out
}

// settleWaiting writes rows that waited for other rows, as long as there are any whose wait is over. Of the rest the
// edges that may be empty are emptied; what then remains refers to nothing, or in a circle.
func (r *run) settleWaiting(ctx context.Context) error {
	for last := false; len(r.waiting) > 0; {
		rows := r.waiting
		before := len(rows)
		r.waiting = nil
		for len(rows) > 0 {
			n := min(len(rows), r.opt.Batch)
			if err := r.write(ctx, rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
		if len(r.waiting) < before {
			continue
		}
		if last {
			break
		}
		last = true
		for _, d := range r.waiting {
			finds := d.parts[len(d.parts)-1].finds
			for j, e := range r.plan.own().edges {
				if e.empty && e.forward(r.plan.own()) {
					finds[j] = nil
				}
			}
		}
	}
	for _, d := range r.waiting {
		if err := r.reject(d, false, r.missing(d)); err != nil {
			return err
		}
	}
	r.waiting = nil
	return nil
}

// missing says which edge of a row that waited in vain leads nowhere.
func (r *run) missing(d *draft) problem {
	own := r.plan.own()
	for j, e := range own.edges {
		if d.parts[len(d.parts)-1].finds[j] != nil && e.forward(own) {
			return problem{column: r.columnsOf(e.value), field: e.field.Coordinate(), reason: noTarget(e)}
		}
	}
	return problem{reason: "refers to a row that was not imported"}
}

func noTarget(e edgePlan) string {
	return "no " + e.field.Edge.Target.Name + " has this " + e.find.Name
}

// writeType writes the records of one kind that a batch makes.
func (r *run) writeType(ctx context.Context, batch []*draft, i int, rp *recordPlan) error {
	var keys []any
	for _, d := range batch {
		if k := d.parts[i].key; !d.gone && k != nil {
			keys = append(keys, k)
		}
	}
	if err := r.find(ctx, rp.typ, rp.key, keys); err != nil {
		return err
	}
	var rows []Row
	var owners []*draft // the row that brings rows[n]
	for _, d := range batch {
		part := &d.parts[i]
		if d.gone || part.key == nil {
			continue
		}
		values, bad := r.values(d, i, rp)
		if bad != nil {
			if err := r.reject(d, false, *bad); err != nil {
				return err
			}
			continue
		}
		k := r.ids[rp.key][part.key]
		if k == nil {
			if bad := r.incomplete(rp, values); bad != nil {
				if err := r.reject(d, false, *bad); err != nil {
					return err
				}
				continue
			}
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("make an identifier: %w", err)
			}
			k = &known{id: id, create: true}
			r.ids[rp.key][part.key] = k
		}
		part.id = k.id
		switch {
		case k.done:
		case rp.keep && !k.create:
			k.done = true
			r.report.Records[i].Unchanged++
		default:
			k.done = true
			rows = append(rows, Row{ID: k.id, Create: k.create, Values: writable(rp, k.create, values)})
			owners = append(owners, d)
		}
	}
	if err := r.upsert(ctx, i, rp, rows, owners); err != nil {
		return err
	}
	// Every row of the file that names a record the store refused goes with it.
	for _, d := range batch {
		if d.gone || d.parts[i].key == nil {
			continue
		}
		if k := r.ids[rp.key][d.parts[i].key]; k.failed != nil {
			if err := r.reject(d, false, *k.failed); err != nil {
				return err
			}
		}
	}
	return nil
}

// values are the record's values with its edges.
func (r *run) values(d *draft, i int, rp *recordPlan) (map[string]any, *problem) {
	part := d.parts[i]
	for j, e := range rp.edges {
		if e.record >= 0 {
			if id := d.parts[e.record].id; id != uuid.Nil {
				part.values[e.field.Name] = id
			}
			continue
		}
		v := part.finds[j]
		if v == nil {
			continue
		}
		k := r.ids[e.find][v]
		switch {
		case k != nil && k.failed == nil:
			part.values[e.field.Name] = k.id
		case !e.empty:
			return nil, &problem{column: r.columnsOf(e.value), field: e.field.Coordinate(), reason: noTarget(e)}
		}
	}
	return part.values, nil
}

// incomplete finds a required field without a value.
func (r *run) incomplete(rp *recordPlan, values map[string]any) *problem {
	for _, f := range rp.must {
		if values[f.Name] == nil {
			return &problem{column: r.columnOf(rp, f), field: f.Coordinate(), reason: "is required and has no value"}
		}
	}
	return nil
}

// writable leaves out of an update what an update may not change: the key, what is @immutable, and what the map gives to
// new records alone.
func writable(rp *recordPlan, create bool, values map[string]any) map[string]any {
	if create {
		return values
	}
	out := make(map[string]any, len(values))
	for name, v := range values {
		if f := rp.typ.Field(name); f != rp.key && !f.Immutable && !rp.once[name] {
			out[name] = v
		}
	}
	return out
}

func (r *run) upsert(ctx context.Context, i int, rp *recordPlan, rows []Row, owners []*draft) error {
	count := &r.report.Records[i]
	if len(rows) == 0 {
		return nil
	}
	if r.opt.DryRun {
		for _, row := range rows {
			if row.Create {
				count.Created++
			} else {
				count.Unchanged++
			}
		}
		return nil
	}
	res, err := r.opt.Store.Upsert(ctx, rp.typ, rows)
	if err != nil {
		return fmt.Errorf("write %s from lines %d to %d (the rows before are in; run the import again to go on): %w",
			rp.typ.Plural, owners[0].line, owners[len(owners)-1].line, err)
	}
	count.Created += res.Created
	count.Updated += res.Updated
	count.Unchanged += res.Unchanged
	for _, e := range res.RowErrors {
		if e.Index < 0 || e.Index >= len(rows) {
			return fmt.Errorf("write %s: the store reports an error for a row it was not given", rp.typ.Plural)
		}
		p := problem{field: rp.typ.Name, reason: e.Reason}
		if f := rp.typ.Field(e.Field); f != nil {
			p.field, p.column = f.Coordinate(), r.columnOf(rp, f)
		}
		r.ids[rp.key][owners[e.Index].parts[i].key].failed = &p
	}
	return nil
}
