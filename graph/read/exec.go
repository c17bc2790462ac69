package read

import (
	"context"
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
)

// run is one execution of a plan.
type run struct {
	e       *Engine
	ctx     context.Context
	db      database
	session *Session
	plan    *plan
	saw     []seen
	denied  map[int]ast.Path // by note: where in the answer a field was denied first
	parents []string         // keys of the rows asked for, or of the parents of the batch under way
	keys    Keys
	locked  bool              // there were no keys to be had, and the answer says so
	equals  []equalities      // what the comparisons with sealed fields come to
	places  map[*level]keyset // where connections begin that were given a cursor
	lookup  lookup            // of a search
	mem     *memory           // of the rows; nil: one of its own for each statement
}

// page is the rows of one parent.
type page struct {
	rows  [][]cell
	more  bool // rows beyond the page, in the direction of paging
	after bool // the page begins at a cursor
}

// results are the rows a connection fetched, by parent key; the root's parent is "".
type results struct {
	pages  map[string]*page
	counts map[string]int64
	below  map[*connection]*results
}

func newResults() *results {
	return &results{pages: map[string]*page{}}
}

// query runs a statement and returns its rows of n columns.
func (r *run) query(st *statement, n int) ([][]cell, error) {
	rows, err := r.together([]asked{{st, n}}, false)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// asked is a statement and the number of its columns.
type asked struct {
	st *statement
	n  int
}

// together runs statements that need nothing of each other. Last says that no others will follow.
func (r *run) together(list []asked, last bool) ([][][]cell, error) {
	calls := make([]call, len(list))
	for i, a := range list {
		args := make([]any, len(a.st.args))
		for j, arg := range a.st.args {
			args[j] = arg.value(r)
		}
		calls[i] = call{a.st.sql, args, a.n, int(a.st.last.Load())}
	}
	mem := r.mem
	if mem == nil {
		mem = new(memory)
	}
	ctx, end := r.e.trace.Begin(r.ctx, r.step(list))
	out, err := r.db.run(ctx, calls, last, mem)
	end(err)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", list[0].st.level.typ.Name, err)
	}
	for i, a := range list {
		a.st.last.Store(int64(len(out[i])))
	}
	return out, nil
}

// step is what reading a list of statements is, if anybody looks.
func (r *run) step(list []asked) Step {
	s := Step{Kind: StepRead, Type: list[0].st.level.typ, System: r.e.system}
	if r.e.trace != nil {
		for _, a := range list {
			s.SQL = append(s.SQL, a.st.sql)
		}
	}
	return s
}

// fetch runs a connection for the current parents, and everything below it. Last says that nothing is read after it.
func (r *run) fetch(c *connection, last bool) (*results, error) {
	res := newResults()
	if c.empty {
		return res, nil
	}
	var list []asked
	if c.counted != nil {
		list = append(list, asked{c.count, 1})
		if c.edge != nil {
			list[0].n = 2 // the parent
		}
	}
	after, n := false, 0
	if c.level != nil {
		st, cursor, err := r.pageOf(c)
		if err != nil {
			return nil, err
		}
		after, n = cursor, len(c.level.selects)
		width := n
		if c.edge != nil {
			width++ // the parent
			if c.level.parent == nil {
				width++ // the row's number among its siblings
			}
		}
		list = append(list, asked{st, width})
	}
	if list == nil {
		return res, nil
	}
	out, err := r.together(list, last && (c.level == nil || len(c.level.conns) == 0))
	if err != nil {
		return nil, err
	}
	if c.counted != nil {
		res.count(c, out[0])
	}
	if c.level == nil {
		return res, nil
	}
	rows := out[len(out)-1]
	kept := make([][]cell, 0, len(rows)) // of its own: pages are pieces of rows
	for from := 0; from < len(rows); {
		to := len(rows)
		parent := ""
		if c.edge != nil { // rows come parent by parent
			parent = rows[from][n].key()
			for to = from + 1; to < len(rows) && rows[to][n] == rows[from][n]; to++ {
			}
		}
		p := &page{rows: rows[from:to], after: after}
		if len(p.rows) > c.first {
			p.rows, p.more = p.rows[:c.first], true
		}
		if c.backward {
			slices.Reverse(p.rows)
		}
		res.pages[parent] = p
		kept = append(kept, p.rows...)
		from = to
	}
	return res, r.below(c.level, kept, res, last)
}

// place opens the cursors of a connection and of all below it, before the first statement runs: a cursor that is none
// costs nothing, and nothing that was read can have been the reason.
func (r *run) place(c *connection) error {
	if c.after != "" {
		k, err := r.e.cursors.open(c.after, c.bind+r.session.Principal.ID, c.terms, r.session.Now)
		if err != nil {
			return err
		}
		if c.level != nil {
			if r.places == nil {
				r.places = map[*level]keyset{}
			}
			r.places[c.level] = k
		}
	}
	if c.level == nil {
		return nil
	}
	for _, sub := range c.level.below {
		if err := r.place(sub); err != nil {
			return err
		}
	}
	return nil
}

// pageOf returns the connection's statement, and whether it begins after a cursor.
func (r *run) pageOf(c *connection) (*statement, bool, error) {
	k, ok := r.places[c.level]
	if !ok {
		return c.page, false, nil
	}
	nulls := k.nulls()
	if st, ok := c.level.after.Load(nulls); ok {
		return st.(*statement), true, nil
	}
	st, err := r.e.statementOf(c, &nulls)
	if err != nil {
		return nil, false, err
	}
	c.level.after.Store(nulls, st)
	return st, true, nil
}

// count keeps the counts of a connection by parent.
func (res *results) count(c *connection, rows [][]cell) {
	res.counts = make(map[string]int64, len(rows))
	for _, row := range rows {
		parent := ""
		if c.edge != nil {
			parent = row[1].key()
		}
		res.counts[parent] = row[0].n
	}
}

// below fetches the to-many edges of rows: one statement each, for all rows at once.
func (r *run) below(lv *level, rows [][]cell, res *results, last bool) error {
	if err := r.openKeys(lv, rows); err != nil {
		return err
	}
	if len(lv.conns) > 0 {
		res.below = make(map[*connection]*results, len(lv.conns))
	}
	for i, c := range lv.conns {
		parents := keysOf(rows, c.owner.id)
		if len(parents) == 0 {
			res.below[c] = newResults()
			continue
		}
		outer := r.parents
		r.parents = parents
		sub, err := r.fetch(c, last && i == len(lv.conns)-1)
		r.parents = outer
		if err != nil {
			return err
		}
		res.below[c] = sub
	}
	return nil
}

// keysOf lists the different keys of a column.
func keysOf(rows [][]cell, col int) []string {
	seenKey := make(map[string]bool, len(rows))
	keys := make([]string, 0, len(rows))
	for _, row := range rows {
		if key := row[col].key(); key != "" && !seenKey[key] {
			seenKey[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// openKeys loads the keys of every subject whose sealed cells this level shows or masks: one batch per page.
func (r *run) openKeys(lv *level, rows [][]cell) error {
	if !lv.sealed || len(rows) == 0 {
		return nil
	}
	have := make(map[uuid.UUID]bool, len(rows))
	subjects := make([]uuid.UUID, 0, len(rows))
	for _, o := range lv.objects {
		if o.subject < 0 {
			continue
		}
		for _, row := range rows {
			if row[o.id].null() {
				continue // nothing is at the other end of the edge
			}
			if id := uuidOf(row[o.subject].key()); !have[id] {
				have[id] = true
				subjects = append(subjects, id)
			}
		}
	}
	return r.loadKeys(subjects)
}

// loadKeys adds the keys of subjects. Without keys the answer is not lost: what is sealed is withheld, and one error says so.
func (r *run) loadKeys(subjects []uuid.UUID) error {
	keys, err := r.e.opener.Keys(r.ctx, subjects)
	if err != nil {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		keys = closed{}
		if !r.locked {
			r.locked = true
			graphql.AddError(r.ctx, errKeys)
		}
	}
	if r.keys == nil {
		r.keys = keys
	} else {
		r.keys = bothKeys{r.keys, keys}
	}
	return nil
}

// done gives back what the run borrowed.
func (r *run) done() {
	if r.keys != nil {
		r.keys.Close()
		r.keys = nil
	}
	if r.mem != nil {
		r.mem.release()
		r.mem = nil
	}
}
