package read

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// run is one execution of a plan.
type run struct {
	e       *Engine
	ctx     context.Context
	db      database
	session *Session
	plan    *plan
	saw     []seen
	parents []string // keys of the rows asked for, or of the parents of the batch under way
	keys    Keys
	mem     *memory // of the rows; nil: one of its own for each statement
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
	args := make([]any, len(st.args))
	for i, a := range st.args {
		args[i] = a.value(r)
	}
	if r.e.trace != nil {
		r.e.trace(st.sql)
	}
	mem := r.mem
	if mem == nil {
		mem = new(memory)
	}
	rows, err := r.db.rows(r.ctx, st.sql, args, n, int(st.last.Load()), mem)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", st.level.typ.Name, err)
	}
	st.last.Store(int64(len(rows)))
	return rows, nil
}

// fetch runs a connection for the current parents, and everything below it.
func (r *run) fetch(c *connection) (*results, error) {
	res := newResults()
	if c.empty {
		return res, nil
	}
	if c.counted != nil {
		if err := r.countInto(c, res); err != nil {
			return nil, err
		}
	}
	if c.level == nil {
		return res, nil
	}
	st, after, err := r.pageOf(c)
	if err != nil {
		return nil, err
	}
	n := len(c.level.selects)
	width := n
	if c.edge != nil {
		width += 2 // parent, n
	}
	rows, err := r.query(st, width)
	if err != nil {
		return nil, err
	}
	kept := rows[:0:len(rows)]
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
	return res, r.below(c.level, kept, res)
}

// pageOf returns the connection's statement, and whether it begins after a cursor.
func (r *run) pageOf(c *connection) (*statement, bool, error) {
	if c.after == "" {
		return c.page, false, nil
	}
	k, err := r.e.cursors.open(c.after, c.bind+r.session.Principal.ID, len(c.level.order), r.session.Now)
	if err != nil {
		return nil, false, err
	}
	st, err := r.e.statementOf(c, &k)
	return st, true, err
}

func (r *run) countInto(c *connection, res *results) error {
	width := 1
	if c.edge != nil {
		width = 2
	}
	rows, err := r.query(c.count, width)
	if err != nil {
		return err
	}
	res.counts = make(map[string]int64, len(rows))
	for _, row := range rows {
		parent := ""
		if c.edge != nil {
			parent = row[1].key()
		}
		res.counts[parent] = row[0].n
	}
	return nil
}

// below fetches the to-many edges of rows: one statement each, for all rows at once.
func (r *run) below(lv *level, rows [][]cell, res *results) error {
	if err := r.openKeys(lv, rows); err != nil {
		return err
	}
	if len(lv.conns) > 0 {
		res.below = make(map[*connection]*results, len(lv.conns))
	}
	for _, c := range lv.conns {
		parents := keysOf(rows, c.owner.id)
		if len(parents) == 0 {
			res.below[c] = newResults()
			continue
		}
		outer := r.parents
		r.parents = parents
		sub, err := r.fetch(c)
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
	have := map[string]bool{}
	var subjects []uuid.UUID
	for _, o := range lv.objects {
		if o.subject < 0 {
			continue
		}
		for _, key := range keysOf(rows, o.subject) {
			if !have[key] {
				have[key] = true
				subjects = append(subjects, uuidOf(key))
			}
		}
	}
	keys, err := r.e.opener.Keys(r.ctx, subjects)
	if err != nil {
		return fmt.Errorf("open keys of %d subjects: %w", len(subjects), err)
	}
	if r.keys == nil {
		r.keys = keys
	} else {
		r.keys = bothKeys{r.keys, keys}
	}
	return nil
}
