package read

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
	"github.com/cloakroom-crm/cloakroom/directives/search"
)

// maxWords bounds the words of one search.
const maxWords = 8

// query is what one search asks for.
type query struct {
	words []string
	types []*ir.Type // in the schema's order
	page  *connection
	bind  string
	from  int    // the type the page begins with
	after string // the row it begins behind; "" for the first of the type
}

// lookup is the part of a run that a search's statement asks for: the words, and where in the type's rows to begin.
type lookup struct {
	words  []string
	before string
}

// lastID is behind every id there is, so that the first page of a type needs no statement of its own.
const lastID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

// search answers `search`: type by type in the schema's order, of each the newest first. There is no ranking: how often a
// word stands in a field, or in how many rows, is something about rows that the viewer may not see.
func (e *Engine) search(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField) (Object, error) {
	q, err := e.query(s, Arguments(f, op.Variables))
	if err != nil {
		return Object{}, err
	}
	path := pathOf(ctx)
	a := &answer{e: e, s: s, q: q}
	statements := 0
	for _, t := range q.types {
		pl, err := e.planned(ctx, s, op, f, t, path+" "+strconv.Itoa(len(q.words)), func(p *planner) error {
			p.rows = q.page.first
			return p.search(t, len(q.words), f, path)
		})
		if err != nil {
			return Object{}, err
		}
		r := e.newRun(ctx, s, pl)
		r.mem = memories.Get().(*memory)
		defer r.done()
		if err := r.place(pl.conn); err != nil {
			return Object{}, err
		}
		a.parts = append(a.parts, r)
		a.trees = append(a.trees, pl.conn.items)
		if pl.conn.page != nil {
			statements += 1 + len(pl.level.conns) + len(pl.equals)
		}
	}
	if statements > 1 { // what they say belongs together, see fetchAndEncode
		db, done, err := e.snapshot(ctx, s)
		if err != nil {
			return Object{}, err
		}
		defer done()
		for _, r := range a.parts {
			r.db = db
		}
	}
	for _, r := range a.parts {
		if err := r.compare(); err != nil {
			return Object{}, err
		}
	}
	if err := a.fetch(); err != nil {
		return Object{}, err
	}
	a.items(a.trees, nil)
	for _, err := range a.errs {
		return Object{}, err
	}
	for _, r := range a.parts {
		s.Notes.add(r.plan.explain(r.saw, s.Principal)...)
		r.refuse(place(ctx, pathOf(ctx)))
	}
	return Object{json: a.buf}, nil
}

// query reads the arguments of a search.
func (e *Engine) query(s *Session, args map[string]any) (*query, error) {
	text, _ := args["query"].(string)
	q := &query{words: search.Words(text)}
	switch {
	case len(q.words) == 0:
		return nil, FailField(CodeBadInput, "query", "a search needs a word: letters or digits")
	case len(q.words) > maxWords:
		return nil, FailField(CodeBadInput, "query", fmt.Sprintf("a search has at most %d words", maxWords))
	case slices.ContainsFunc(q.words, func(w string) bool { return len([]rune(w)) > search.MaxWord }):
		return nil, FailField(CodeBadInput, "query", fmt.Sprintf("a word has at most %d characters", search.MaxWord))
	}
	q.types = search.Types(e.schema)
	if given := args["types"]; given != nil {
		named := asList(given)
		if len(named) == 0 {
			return nil, FailField(CodeBadInput, "types", "name what to look for, or leave types out to look for everything")
		}
		q.types = slices.DeleteFunc(q.types, func(t *ir.Type) bool { return !slices.Contains(named, any(api.SearchValue(t))) })
	}
	p := &planner{e: e}
	q.page = p.paging(nil, args)
	if p.err != nil {
		return nil, p.err
	}
	q.bind = q.binding(s)
	if q.page.after == "" {
		return q, nil
	}
	k, err := e.cursors.open(q.page.after, q.bind, 1, s.Now)
	if err != nil {
		return nil, err
	}
	q.after = k.ID
	q.from = slices.IndexFunc(q.types, func(t *ir.Type) bool { return t.Name == k.Values[0] })
	if q.from < 0 {
		return nil, errCursor
	}
	return q, nil
}

// binding digests what a cursor of a search is bound to: role, purpose, types, words and viewer.
func (q *query) binding(s *Session) string {
	parts := []string{s.Request.Role.Name, s.Request.Purpose.Name, "search"}
	for _, t := range q.types {
		parts = append(parts, t.Name)
	}
	parts = append(append(parts, ""), q.words...)
	return digest(parts) + s.Principal.ID
}

// search plans the rows of one type in which so many words are found.
func (p *planner) search(t *ir.Type, words int, f graphql.CollectedField, path string) error {
	lv := p.newLevel(t)
	p.plan.level, p.path = lv, path
	p.noteRows(lv.rows, path)
	c := &connection{typ: t, level: lv, empty: !lv.rows.Allowed || p.req.LimitedToSubject() && !t.Personal()}
	p.plan.conn = c
	var gates []gate
	if !c.empty {
		gates = p.gates(t)
		c.empty = len(gates) == 0
	}
	if c.empty {
		p.mute++
		defer func() { p.mute-- }()
	}
	needsRows := false
	c.items = p.searchItems(lv, f.Selections, "SearchConnection", path, &needsRows)
	if !needsRows || c.empty || p.err != nil {
		return p.err
	}
	if lv.object == nil { // only cursors or page info: the id is enough
		lv.object = &object{typ: t, alias: lv.alias, id: -1, subject: -1}
		lv.objects = append(lv.objects, lv.object)
	}
	lv.idOf(lv.object)
	id := column(lv.alias, "id")
	lv.where = append(lv.where,
		p.sql.found(t, gates, words, lv.alias),
		text(id+" < ?", argFunc(func(r *run) any { return r.lookup.before })))
	st, err := p.e.build(lv, nil, func(s *entsql.Selector) {
		if from := p.sql.candidates(t, gates, lv.alias); !from.empty() {
			s.FromExpr(from.querier())
		}
		s.OrderExpr(entsql.Raw(p.sql.newest(id)))
	})
	if err != nil {
		return err
	}
	st.sql += " LIMIT " + itoa(int64(p.rows)+1)
	c.page = st
	for _, sub := range lv.conns {
		if err := p.prepare(sub); err != nil {
			return err
		}
	}
	return nil
}

// gate is fields of a type that are revealed under the same condition.
type gate struct {
	cell   policy.Cell // of the first; the others' say the same of a row
	fields []*ir.Field
}

// same reports whether another cell of the type is revealed in the very same rows.
func (g gate) same(c policy.Cell) bool {
	return g.cell.Needs() == c.Needs() &&
		slices.EqualFunc(g.cell.Conditions, c.Conditions, slices.Equal[[]*ir.Condition]) && slices.Equal(g.cell.Retains, c.Retains)
}

// gates are the searchable fields of t that take part: to search a field is to read it, see filter. Notes tell which ones.
func (p *planner) gates(t *ir.Type) []gate {
	var gates []gate
	var names []string
	for _, f := range search.Fields(t) {
		cell := policy.CellOf(f, p.req)
		if !cell.Queryable() {
			continue
		}
		names = append(names, f.Name)
		p.noteGate(&cell, "query")
		if i := slices.IndexFunc(gates, func(g gate) bool { return g.same(cell) }); i >= 0 {
			gates[i].fields = append(gates[i].fields, f)
		} else {
			gates = append(gates, gate{cell, []*ir.Field{f}})
		}
	}
	why := policy.Explanation{Outcome: policy.Reveal, Rule: "@pii", Reason: policy.ReasonSearched, Text: "Searched by " + strings.Join(names, ", ") + "."}
	if names == nil {
		why = policy.Explanation{Outcome: policy.Withhold, Rule: "@pii", Reason: policy.ReasonSearched,
			Text:   "Not searched: the role sees none of the fields that " + t.Name + " can be found by.",
			Remedy: "Ask with a role, or for a purpose, to which one of them is revealed."}
	}
	p.note(noted{path: p.path, field: t.Name, rows: &why})
	return gates
}

// found holds for rows in which each word is found: in a field that is revealed in that very row. Elsewhere a word is not
// there, whatever the field says.
func (s sqlFor) found(t *ir.Type, gates []gate, words int, alias string) fragment {
	var all []fragment
	for i := range words {
		if len(gates) == 1 {
			if s.dialect == predicate.Postgres { // in SQLite the candidates are those rows already
				all = append(all, s.has(t, gates[0], i, alias))
			}
			continue
		}
		var some []fragment
		for _, g := range gates {
			some = append(some, and(s.has(t, g, i, alias), s.shown(&g.cell, alias)))
		}
		all = append(all, or(some...))
	}
	if len(gates) == 1 { // once, and apart from the words, which are then found by the index alone
		all = append(all, s.shown(&gates[0].cell, alias))
	}
	return and(all...)
}

// newest is the order of what was found. PostgreSQL must not read the table in that order, in the hope of meeting enough
// rows soon: it does not know how many there are of a beginning, and may read all of it. So the order is one that no index
// has. As texts, ids are ordered as they are as ids.
func (s sqlFor) newest(id string) string {
	if s.dialect == predicate.Postgres {
		return "CAST(" + id + ` AS text) COLLATE "C" DESC`
	}
	return id + " DESC"
}

// has holds for rows in which word i is the beginning of a word of one of the gate's fields.
func (s sqlFor) has(t *ir.Type, g gate, i int, alias string) fragment {
	if s.dialect == predicate.Postgres {
		word := argFunc(func(r *run) any { return "'" + r.lookup.words[i] + "':*" })
		var some []fragment
		for _, f := range g.fields {
			some = append(some, text(search.Function+"("+column(alias, f.Column)+") @@ CAST(? AS text)::tsquery", word))
		}
		return or(some...)
	}
	return s.matching(column(alias, "id")+" IN (%s)", t, g.fields, func(words []string) []string { return words[i : i+1] })
}

// candidates is what a statement of SQLite's reads from: the rows in which every word is found in some field of the gates,
// and then each of them by its key. SQLite knows no statistics of an FTS5 table and would rather read a whole region of
// rows; a CROSS JOIN is the order it keeps. PostgreSQL has statistics, and needs none of this.
func (s sqlFor) candidates(t *ir.Type, gates []gate, alias string) fragment {
	if s.dialect == predicate.Postgres {
		return fragment{}
	}
	var fields []*ir.Field
	for _, g := range gates {
		fields = append(fields, g.fields...)
	}
	found := s.alias("f")
	return s.matching("(%s) AS "+quote(found)+" CROSS JOIN "+quote(t.Table)+" AS "+quote(alias)+
		" ON "+column(alias, "id")+" = "+column(found, "id"), t, fields, func(words []string) []string { return words })
}

// matching puts the rows in which FTS5 finds words in fields into a piece of SQL.
func (s sqlFor) matching(sql string, t *ir.Type, fields []*ir.Field, which func(words []string) []string) fragment {
	var columns []string
	for _, f := range fields {
		columns = append(columns, quote(search.Column(f.Column)))
	}
	in := "{" + strings.Join(columns, " ") + "} : ("
	docs, fts := s.alias("d"), s.alias("s")
	return fragment{fmt.Sprintf(sql, fmt.Sprintf("SELECT %s AS %s FROM %s AS %s JOIN %s AS %s ON %s = %s WHERE %s MATCH ?",
		column(docs, "id"), quote("id"), quote(search.Table(t.Table)), quote(fts), quote(search.RowsTable(t.Table)), quote(docs),
		column(docs, "doc"), column(fts, "rowid"), column(fts, search.Table(t.Table)))),
		[]arg{argFunc(func(r *run) any { return in + `"` + strings.Join(which(r.lookup.words), `" * AND "`) + `" *)` })}}
}

// searchItems plans the fields of a search's connection, its edges and page info for one type of what it finds.
func (p *planner) searchItems(lv *level, sel ast.SelectionSet, typ, path string, rows *bool) []connItem {
	kinds := map[string]connItemKind{"nodes": connNodes, "edges": connEdges, "pageInfo": connPageInfo, "node": edgeNode, "cursor": edgeCursor,
		"hasNextPage": pageHasNext, "hasPreviousPage": pageHasPrevious, "startCursor": pageStart, "endCursor": pageEnd}
	var out []connItem
	for _, f := range p.collectNamed(sel, typ) {
		it := connItem{key: `"` + f.Alias + `":`, kind: kinds[f.Name]}
		if f.Name == "__typename" {
			it.kind, it.text = connTypename, typ
			out = append(out, it)
			continue
		}
		*rows = true
		sub := path + "." + f.Alias
		switch it.kind {
		case connNodes, edgeNode:
			it.node = p.object(lv, lv.typ, lv.alias, f.Selections, sub)
			if lv.object == nil {
				lv.object = it.node
			}
		case connEdges:
			it.items = p.searchItems(lv, f.Selections, "SearchEdge", sub, rows)
		case connPageInfo:
			it.items = p.searchItems(lv, f.Selections, "PageInfo", sub, rows)
		}
		out = append(out, it)
	}
	return out
}

// answer is a page of a search under way.
type answer struct {
	e     *Engine
	s     *Session
	q     *query
	parts []*run       // one for each type
	trees [][]connItem // of each part what to encode: the same but for the nodes
	below []*results   // of each part
	rows  []foundRow
	more  bool
	buf   []byte
	trail []step
	errs  []error
}

// foundRow is a row of a page.
type foundRow struct {
	part   int
	row    []cell
	cursor string // once it was asked for
}

// fetch reads the page: of each type in turn what is still wanted, and one row more, which tells whether there is a next
// page.
func (a *answer) fetch() error {
	a.below = make([]*results, len(a.parts))
	before := lastID
	if a.q.page.after != "" {
		before = a.q.after
	}
	for i, r := range a.parts {
		c := r.plan.conn
		if i < a.q.from || a.more || c.page == nil {
			continue
		}
		wanted := a.q.page.first - len(a.rows)
		r.lookup = lookup{words: a.q.words, before: lastID}
		if i == a.q.from {
			r.lookup.before = before
		}
		rows, err := r.query(c.page, len(c.level.selects))
		if err != nil {
			return err
		}
		if len(rows) > wanted {
			rows, a.more = rows[:wanted], true
		}
		for _, row := range rows {
			a.rows = append(a.rows, foundRow{part: i, row: row})
		}
		a.below[i] = newResults()
		if err := r.below(c.level, rows, a.below[i], false); err != nil {
			return err
		}
	}
	return nil
}

// items writes the fields of a connection, an edge (of row) or a page info.
func (a *answer) items(trees [][]connItem, row *foundRow) {
	a.buf = append(a.buf, '{')
	for i := range trees[0] {
		it := &trees[0][i]
		if i > 0 {
			a.buf = append(a.buf, ',')
		}
		a.buf = append(a.buf, it.key...)
		a.trail = append(a.trail, step{key: it.key})
		switch it.kind {
		case connTypename:
			a.buf = appendString(a.buf, it.text)
		case connNodes:
			a.list(func(row *foundRow) { a.node(trees[row.part][i].node, row) })
		case connEdges:
			a.list(func(row *foundRow) { a.items(inside(trees, i), row) })
		case connPageInfo:
			a.items(inside(trees, i), nil)
		case edgeNode:
			a.node(trees[row.part][i].node, row)
		case edgeCursor:
			a.cursor(row)
		case pageHasNext:
			a.buf = strconv.AppendBool(a.buf, a.more)
		case pageHasPrevious:
			a.buf = strconv.AppendBool(a.buf, a.q.page.after != "")
		case pageStart, pageEnd:
			switch {
			case len(a.rows) == 0:
				a.buf = append(a.buf, "null"...)
			case it.kind == pageStart:
				a.cursor(&a.rows[0])
			default:
				a.cursor(&a.rows[len(a.rows)-1])
			}
		}
		a.trail = a.trail[:len(a.trail)-1]
	}
	a.buf = append(a.buf, '}')
}

// inside is what each type has below field i.
func inside(trees [][]connItem, i int) [][]connItem {
	out := make([][]connItem, len(trees))
	for k := range trees {
		out[k] = trees[k][i].items
	}
	return out
}

func (a *answer) list(each func(*foundRow)) {
	a.buf = append(a.buf, '[')
	for i := range a.rows {
		if i > 0 {
			a.buf = append(a.buf, ',')
		}
		a.trail = append(a.trail, step{index: i})
		each(&a.rows[i])
		a.trail = a.trail[:len(a.trail)-1]
	}
	a.buf = append(a.buf, ']')
}

func (a *answer) node(o *object, row *foundRow) {
	enc := &encoder{r: a.parts[row.part], buf: a.buf, trail: a.trail}
	enc.object(o, row.row, a.below[row.part])
	a.buf = enc.buf
	a.fail(enc.err)
}

func (a *answer) cursor(row *foundRow) {
	if row.cursor == "" {
		r := a.parts[row.part]
		k := keyset{Values: []any{r.plan.level.typ.Name}, ID: uuidOf(row.row[r.plan.level.object.id].key()).String()}
		var err error
		row.cursor, err = a.e.cursors.seal(k, a.q.bind, a.s.Now)
		a.fail(err)
	}
	a.buf = appendString(a.buf, row.cursor)
}

func (a *answer) fail(err error) {
	if err != nil {
		a.errs = append(a.errs, err)
	}
}
