package read

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	entsql "entgo.io/ent/dialect/sql"
)

// disclosures remembers what viewers were told in aggregates, for as long as it limits what they are told next.
//
// Threat: whoever knows a figure about many people, and the same figure about all of them but one, knows it about that
// one (a differencing attack; Denning, Cryptography and Data Security, 1982, §6.3). So of two groups that differ by fewer
// than minGroup people, one viewer is shown only the one they asked for first. Rows are compared, not figures: which
// measure was asked for does not matter. A question that was answered before is answered again with the groups it had
// then.
//
// What this does not do: it does not compare with sums of several earlier groups, and not with what changed in the data
// since.
type disclosures struct {
	told   Told
	schema string // the SQL that is kept is about this one

	mu    sync.Mutex
	locks map[string]*viewerLock
}

// Told keeps what viewers were told, for all replicas. What it is given names values of records: it seals them, or keeps
// them in memory.
type Told interface {
	// Load returns what is kept of a viewer, and its version; nothing, and perhaps version zero, if nothing is.
	Load(ctx context.Context, viewer string) (kept []byte, version int64, err error)
	// Store replaces it, until a time, if its version still is the one named. False: somebody was faster.
	Store(ctx context.Context, viewer string, version int64, kept []byte, until time.Time) (bool, error)
}

const (
	disclosurePeriod = 24 * time.Hour
	// maxTold bounds the different aggregates a viewer gets in a period: each new one is compared with all of them.
	maxTold = 50
	// maxKept bounds what is kept of a viewer, in bytes.
	maxKept = 16 << 20
	// attempts is how often an answer is made anew because another replica told the viewer something meanwhile.
	attempts = 5
)

// answered is one aggregate, with its parameters as they were then.
type answered struct {
	typ     string
	bind    string
	current bool // it is about this schema: after another one was put in its place, the SQL may name what is no more
	where   fragment
	keys    []fragment
	shown   map[string][]cell // keys of the groups, by keyText
	until   time.Time
}

// viewerLock lets one answer of a viewer be made at a time here: side by side they would only make each other begin again.
type viewerLock struct {
	sync.Mutex
	users int
}

func (d *disclosures) lock(viewer string) (unlock func()) {
	d.mu.Lock()
	if d.locks == nil {
		d.locks = map[string]*viewerLock{}
	}
	l := d.locks[viewer]
	if l == nil {
		l = &viewerLock{}
		d.locks[viewer] = l
	}
	l.users++
	d.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		d.mu.Lock()
		defer d.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(d.locks, viewer)
		}
	}
}

// telling makes an answer, and remembers it: of two that are made at once, on whatever replicas, one is first. make gets
// what the viewer was told before, and returns that with what they are told now.
func (d *disclosures) telling(ctx context.Context, s *Session, make func(before []*answered) (after []*answered, err error)) error {
	viewer := s.Principal.ID
	defer d.lock(viewer)()
	for range attempts {
		kept, version, err := d.told.Load(ctx, viewer)
		if err != nil {
			return err
		}
		before, err := d.decode(kept)
		if err != nil {
			return err
		}
		before = slices.DeleteFunc(before, func(o *answered) bool { return o.until.Before(s.Now) })
		n := len(before)
		after, err := make(before)
		if err != nil || len(after) == n {
			return err
		}
		if kept, err = d.encode(after); err != nil {
			return err
		}
		if len(kept) > maxKept {
			return Fail(CodePageTooLarge, "too many groups to remember: group by fewer fields, or by coarser ones")
		}
		stored, err := d.told.Store(ctx, viewer, version, kept, s.Now.Add(disclosurePeriod))
		if err != nil || stored {
			return err
		}
	}
	return Fail(CodeUnavailable, "too many aggregates are asked for at once: try again")
}

// limit returns those of the groups of a that the viewer may be told, and what they were told then.
func (d *disclosures) limit(r *run, a *aggregate, groups [][]cell, before []*answered) ([][]cell, []*answered, error) {
	now := r.session.Now
	attrs, err := json.Marshal(r.session.Principal.Attrs)
	if err != nil {
		return nil, nil, fmt.Errorf("compare viewers: %w", err)
	}
	bind := digest([]string{a.bind, string(attrs), r.session.Principal.Subject.String()})
	for _, o := range before {
		if o.typ == a.typ.Name && o.bind == bind {
			return slices.DeleteFunc(groups, func(g []cell) bool { _, ok := o.shown[keyText(a.keyOf(g))]; return !ok }), before, nil
		}
	}
	if len(before) >= maxTold {
		return nil, nil, Fail(CodeAggregateBudget, fmt.Sprintf("at most %d different aggregates about people in %d hours", maxTold, int(disclosurePeriod.Hours())))
	}
	answer := &answered{typ: a.typ.Name, bind: bind, current: true, where: r.freeze(a.where), shown: map[string][]cell{}, until: now.Add(disclosurePeriod)}
	for _, k := range a.keys {
		answer.keys = append(answer.keys, r.freeze(k.expr))
	}
	for _, g := range groups {
		key := slices.Clone(a.keyOf(g))
		for i := range key {
			key[i].s = strings.Clone(key[i].s) // the rows' memory is not for keeping
		}
		answer.shown[keyText(key)] = key
	}
	for _, o := range before {
		if o.current && o.typ == a.typ.Name && len(answer.shown) > 0 && len(o.shown) > 0 {
			if err := r.setApart(a, o, answer); err != nil {
				return nil, nil, err
			}
		}
	}
	shown := slices.DeleteFunc(groups, func(g []cell) bool { _, ok := answer.shown[keyText(a.keyOf(g))]; return !ok })
	return shown, append(before, answer), nil
}

// freeze replaces parameters by their values.
func (r *run) freeze(f fragment) fragment {
	args := make([]arg, len(f.args))
	for i, a := range f.args {
		args[i] = constant{a.value(r)}
	}
	return fragment{f.sql, args}
}

// keyText tells keys apart. It is never outside.
func keyText(key []cell) string {
	var b strings.Builder
	b.WriteByte('=')
	for _, c := range key {
		b.WriteString(strconv.Itoa(int(c.kind)) + ":" + strconv.FormatInt(c.n, 10) + ":" + strconv.Quote(c.s) + ";")
	}
	return b.String()
}

// overlap is the rows that stand in one group of the old answer and one of the new, or outside of either.
type overlap struct {
	old, new     string // keyText, or outside
	rows, people int64
}

// setApart takes those groups out of answer that differ by too few people from one that o showed.
func (r *run) setApart(a *aggregate, o, answer *answered) error {
	all, err := r.overlaps(a, o, answer)
	if err != nil {
		return err
	}
	byOld, byNew := map[string][]overlap{}, map[string][]overlap{}
	for _, c := range all {
		if c.old != outside {
			byOld[c.old] = append(byOld[c.old], c)
		}
		if c.new != outside {
			byNew[c.new] = append(byNew[c.new], c)
		}
	}
	for _, c := range all {
		was, isOld := o.shown[c.old]
		is, isNew := answer.shown[c.new]
		if !isOld || !isNew { // groups that share no row differ by all their people
			continue
		}
		var rows, most, sum int64
		differ := func(d overlap) {
			rows, most, sum = rows+d.rows, max(most, d.people), sum+d.people
		}
		for _, d := range byOld[c.old] {
			if d.new != c.new {
				differ(d)
			}
		}
		for _, d := range byNew[c.new] {
			if d.old != c.old {
				differ(d)
			}
		}
		k := r.e.minGroup
		if rows == 0 || sum == 0 || most >= k {
			continue
		}
		if sum >= k { // the same people may stand in several overlaps: count them
			if sum, err = r.difference(a, o, was, answer, is); err != nil {
				return err
			}
		}
		if sum > 0 && sum < k {
			delete(answer.shown, c.new)
		}
	}
	return nil
}

// outside stands for the group of rows that are in none.
const outside = ""

// overlaps counts rows and people by the groups they stand in, of both answers.
func (r *run) overlaps(a *aggregate, o, answer *answered) ([]overlap, error) {
	within := func(x *answered) []fragment {
		out := []fragment{{"CASE WHEN " + x.where.sql + " THEN 1 ELSE 0 END", x.where.args}}
		for _, k := range x.keys {
			out = append(out, fragment{"CASE WHEN " + x.where.sql + " THEN " + k.sql + " END", slices.Concat(x.where.args, k.args)})
		}
		return out
	}
	sides := append(within(o), within(answer)...)
	lv := &level{typ: a.typ, alias: a.alias, where: []fragment{or(o.where, answer.where)},
		selects: append([]fragment{text("COUNT(*)"), r.countPeople(a)}, sides...)}
	st, err := r.e.build(lv, nil, func(*entsql.Selector) {})
	if err != nil {
		return nil, err
	}
	st.sql += groupBy(2, len(sides)) + " LIMIT " + strconv.Itoa(maxGroups+1)
	rows, err := r.query(st, 2+len(sides))
	if err != nil {
		return nil, err
	}
	if len(rows) > maxGroups {
		return nil, Fail(CodePageTooLarge, "too many groups to compare with an earlier answer: group by fewer fields, or by coarser ones")
	}
	out := make([]overlap, len(rows))
	mid := 2 + 1 + len(o.keys)
	for i, row := range rows {
		out[i] = overlap{rows: row[0].n, people: row[1].n, old: side(row[2:mid]), new: side(row[mid:])}
	}
	return out, nil
}

// side reads the group of one answer: whether the row is in it, then its keys.
func side(cells []cell) string {
	if cells[0].n == 0 {
		return outside
	}
	return keyText(cells[1:])
}

func (r *run) countPeople(a *aggregate) fragment {
	return countDistinct(r.e.sql().people(a.typ, a.alias, r.session.Request))
}

// difference counts the people of the rows that stand in one of two groups, and not in the other.
func (r *run) difference(a *aggregate, o *answered, was []cell, answer *answered, is []cell) (int64, error) {
	in := func(x *answered, key []cell) fragment {
		fs := []fragment{x.where}
		for i, k := range x.keys {
			if key[i].null() {
				fs = append(fs, fragment{"(" + k.sql + ") IS NULL", k.args})
			} else {
				fs = append(fs, fragment{"(" + k.sql + ") = ?", append(slices.Clone(k.args), constant{key[i].parameter()})})
			}
		}
		f := and(fs...)
		return fragment{"CASE WHEN " + f.sql + " THEN 1 ELSE 0 END", f.args}
	}
	lv := &level{typ: a.typ, alias: a.alias, selects: []fragment{r.countPeople(a)}, where: []fragment{join(" <> ", in(o, was), in(answer, is))}}
	st, err := r.e.build(lv, nil, func(*entsql.Selector) {})
	if err != nil {
		return 0, err
	}
	rows, err := r.query(st, 1)
	if err != nil {
		return 0, err
	}
	return rows[0][0].n, nil
}

// parameter is the cell as a parameter that compares with the expression it came from.
func (c cell) parameter() any {
	switch c.kind {
	case cellInt:
		return c.n
	case cellBool:
		return c.n != 0
	default:
		return c.s
	}
}
