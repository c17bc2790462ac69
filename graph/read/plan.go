package read

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// level is one SQL statement: a root type, the rows of it that exist, and everything reached from it by to-one edges.
type level struct {
	typ   *ir.Type
	rows  policy.Rows
	alias string
	// selects are the columns, c0, c1, …; index finds one again.
	selects []fragment
	index   map[string]int
	joins   []joined
	where   []fragment
	order   []orderTerm
	object  *object
	conns   []*connection // to-many edges hanging off any object of this level
	below   []*connection // those, and the ones that are empty for this viewer
	objects []*object     // every object of this level, the root's first
	sealed  bool          // some object shows or masks sealed cells
	// after are the statements of pages that begin at a cursor, by which of its values are null: those shape the SQL.
	after  sync.Map
	parent *parentRow // of a batched statement on PostgreSQL
}

// joined is a to-one edge: LEFT JOIN with the target's row predicates in ON, so that a hidden target looks like none.
type joined struct {
	table, alias string
	on           fragment
}

// object encodes one row of a type at one place of the answer.
type object struct {
	typ     *ir.Type
	alias   string
	id      int   // column of the row's id; -1 until needed
	states  []int // columns of the owners' privacy_state; nil until a cell needs them
	ends    int   // column of when consents run out, where the row has its state itself; -1 where states are without those that have
	subject int   // column of the subject whose key seals the cells; -1 until needed
	items   []item
}

type itemKind uint8

const (
	itemTypename itemKind = iota
	itemID
	itemCell
	itemComputed
	itemObject
	itemConnection
)

// item is one response key of an object.
type item struct {
	kind  itemKind
	key   string // `"email":`, encoded
	field *ir.Field
	cell  *policy.Cell
	note  int    // index of its note
	at    spot   // of itemCell
	open  int    // column that is null where conditions or periods withhold a cell whose mask needs no value; -1 without
	from  []spot // of itemComputed
	child *object
	conn  *connection
}

// spot is where in a row a value is: in a column, or, while values move to another storage, in one of two. -1: not selected.
type spot struct{ col, other int }

var nowhere = spot{-1, -1}

// connItemKind is a field of a connection, an edge or a page info.
type connItemKind uint8

const (
	connTypename connItemKind = iota
	connNodes
	connEdges
	connPageInfo
	connTotalCount
	edgeNode
	edgeCursor
	pageHasNext
	pageHasPrevious
	pageStart
	pageEnd
)

type connItem struct {
	kind  connItemKind
	key   string
	text  string // of connTypename
	items []connItem
	node  *object
}

// connection is a page of rows: a root list, or a to-many edge of every row of the level above.
type connection struct {
	typ   *ir.Type
	edge  *ir.Field // nil at the root
	owner *object   // whose rows have the edge
	first int       // rows of a page
	after string
	// backward turns the order round: the page is the last rows before the cursor, shown in the order asked for.
	backward bool
	bind     string // what a cursor of this connection is bound to
	terms    int    // sort values in it
	items    []connItem
	level    *level // nil when no row is asked for
	empty    bool   // no row exists for the request
	// counted is what totalCount counts, nil unless it is asked for.
	counted *level
	page    *statement // of the first page
	count   *statement
}

// plan is an operation's root field, compiled for one Request and one shape of variables.
type plan struct {
	level     *level
	conn      *connection
	aggregate *aggregate
	notes     []noted
	byPath    []int        // places in notes, in the order in which they are told
	equals    []*equality  // comparisons with sealed fields
	cells     int          // that the answer may have, for each row asked for by id
	size      atomic.Int64 // of the last answer, in bytes
}

// planner compiles selections. It collects the first error and goes on without harm.
type planner struct {
	e    *Engine
	op   *graphql.OperationContext
	req  policy.Request
	sql  sqlFor
	plan *plan
	err  error
	// mute keeps fields out of the notes below something that has no rows: what would have happened to them is not what
	// happened.
	mute int
	path string // of the connection whose filter and order are being compiled
	// under is the edge whose rows the next level reads.
	under *ir.Field
	// rows is how many rows the level under way may have: the product of the pages around it.
	rows int
}

// MaxCells bounds the values one root field may answer with, rows counting as values too: an answer is made in memory.
const MaxCells = 1_000_000

var errCost = Fail(CodeCostExceeded, fmt.Sprintf("this may answer with more than %d values: ask for smaller pages (first, last), or in parts", MaxCells))

// charge adds to what the answer may have. Once it is too much the rest is not planned, so that the numbers stay small.
func (p *planner) charge(cells int) {
	if p.plan.cells += cells; p.plan.cells > MaxCells {
		p.fail(errCost)
		p.rows, p.plan.cells = 0, 0
	}
}

func (p *planner) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// collect flattens fragments and applies @skip and @include.
func (p *planner) collect(sel ast.SelectionSet, t *ir.Type) []graphql.CollectedField {
	return graphql.CollectFields(p.op, sel, p.e.satisfies[t])
}

func (p *planner) collectNamed(sel ast.SelectionSet, name string) []graphql.CollectedField {
	return graphql.CollectFields(p.op, sel, []string{name})
}

// newLevel begins a statement on t.
func (p *planner) newLevel(t *ir.Type) *level {
	lv := &level{typ: t, rows: policy.RowsOf(t, ir.Read, p.req), alias: p.sql.alias("t"), index: map[string]int{}}
	if p.under != nil {
		lv.parent = p.sql.parentOf(p.under, lv.alias)
		p.under = nil
	}
	lv.where = append(lv.where, p.sql.exist(lv.rows, lv.alias))
	return lv
}

// col selects an expression once and returns its position in the row.
func (lv *level) col(f fragment) int {
	if len(f.args) == 0 {
		if at, ok := lv.index[f.sql]; ok {
			return at
		}
		lv.index[f.sql] = len(lv.selects)
	}
	lv.selects = append(lv.selects, f)
	return len(lv.selects) - 1
}

func (lv *level) idOf(o *object) int {
	if o.id < 0 {
		o.id = lv.col(text(column(o.alias, "id")))
	}
	return o.id
}

// object plans the selection on rows of t at alias.
func (p *planner) object(lv *level, t *ir.Type, alias string, sel ast.SelectionSet, path string) *object {
	o := &object{typ: t, alias: alias, id: -1, subject: -1}
	lv.objects = append(lv.objects, o)
	fields := p.collect(sel, t)
	p.charge(p.rows * len(fields))
	for _, f := range fields {
		key := `"` + f.Alias + `":`
		if f.Name == "__typename" {
			o.items = append(o.items, item{kind: itemTypename, key: key})
			continue
		}
		field := t.Field(f.Name)
		if field == nil {
			p.fail(Fail(CodeInternal, "unknown field"))
			continue
		}
		o.items = append(o.items, p.item(lv, o, field, f, key, path+"."+f.Alias))
	}
	return o
}

func (p *planner) item(lv *level, o *object, field *ir.Field, f graphql.CollectedField, key, path string) item {
	if field.Kind == ir.ID {
		lv.idOf(o)
		return item{kind: itemID, key: key, field: field}
	}
	cell := policy.CellOf(field, p.req)
	if field.Kind == ir.ToMany {
		if at := policy.CellOf(field.Edge.Inverse, p.req); cell.Outcome == policy.Reveal && at.Outcome != policy.Reveal {
			cell = at
		}
	}
	it := item{key: key, field: field, cell: &cell, at: nowhere, open: -1}
	if field.Edge == nil || cell.Outcome != policy.Reveal || field.Kind == ir.ToOne && cell.ByRow() { // an open edge has nothing to explain: its target has
		it.note = p.note(noted{path: path, field: field.Coordinate(), cell: &cell})
	}
	switch field.Kind {
	case ir.ToOne:
		it.kind = itemObject
		if cell.Outcome == policy.Reveal {
			it.child = p.toOne(lv, o, field, &cell, f.Selections, path)
		}
		p.states(lv, o, &cell)
	case ir.ToMany:
		it.kind = itemConnection
		if cell.Outcome != policy.Reveal {
			p.mute++
			defer func() { p.mute-- }()
		}
		it.conn = p.toMany(lv, o, field, &cell, f, path)
	case ir.Computed:
		it.kind = itemComputed
		if cell.Outcome == policy.Reveal {
			for _, from := range field.Computed.From { // under the rules of the whole, which are those of every source
				it.from = append(it.from, p.value(lv, o, &cell, from))
			}
		}
		it.open = p.opens(lv, o, &cell)
		p.states(lv, o, &cell)
	default:
		it.kind = itemCell
		if cell.NeedsValue() {
			it.at = p.value(lv, o, &cell, field)
		}
		it.open = p.opens(lv, o, &cell)
		p.states(lv, o, &cell)
	}
	return it
}

// opens selects whether conditions and periods let a veil stand for the cell. Any other mask is made from the value,
// which is null where they do not.
func (p *planner) opens(lv *level, o *object, c *policy.Cell) int {
	veil := c.Outcome == policy.Mask || c.Outcome == policy.Reveal && c.NeedsToReveal != 0
	cond := p.sql.allowed(c, o.alias)
	if !veil || c.NeedsMasked() && c.Field.Computed == nil || cond.empty() {
		return -1
	}
	return lv.col(fragment{"CASE WHEN " + cond.sql + " THEN 1 END", cond.args})
}

func (p *planner) note(n noted) int {
	n.mute = p.mute > 0
	p.plan.notes = append(p.plan.notes, n)
	return len(p.plan.notes) - 1
}

// states selects the owners' privacy state when the cell depends on it.
func (p *planner) states(lv *level, o *object, c *policy.Cell) {
	if !c.ByRow() || o.states != nil {
		return
	}
	if o.typ.Subject && len(o.typ.Owners) == 1 { // as it stands, beside the data: what has run out is seen when the row is encoded
		o.states = []int{lv.col(text(column(o.alias, "privacy_state")))}
		o.ends = lv.col(text(column(o.alias, "consent_ends")))
		return
	}
	o.ends = -1
	for _, state := range p.sql.states(o.typ, o.alias) {
		o.states = append(o.states, lv.col(state))
	}
}

// value selects a field's value under the rules of a cell, and whose key opens it.
func (p *planner) value(lv *level, o *object, c *policy.Cell, f *ir.Field) spot {
	at := spot{lv.col(p.sql.cell(c, f.Column, o.alias)), -1}
	moving := p.e.opener.Moving(f)
	if moving {
		at.other = lv.col(p.sql.cell(c, f.OtherColumn(), o.alias))
	}
	if f.Sealed() || moving {
		lv.sealed = true
		lv.idOf(o)
		if o.subject < 0 {
			o.subject = lv.col(text(column(o.alias, o.typ.SealedBy())))
		}
	}
	return at
}

// toOne joins the target.
func (p *planner) toOne(lv *level, o *object, field *ir.Field, cell *policy.Cell, sel ast.SelectionSet, path string) *object {
	target := field.Edge.Target
	rows := policy.RowsOf(target, ir.Read, p.req)
	p.noteRows(rows, path)
	if !rows.Allowed {
		return nil
	}
	alias := p.sql.alias("t")
	on := and(
		text(column(alias, "id")+" = "+column(o.alias, field.Column)),
		p.sql.allowed(cell, o.alias),
		p.sql.consented(o.typ, o.alias, cell.Needs()),
		p.sql.exist(rows, alias),
	)
	lv.joins = append(lv.joins, joined{table: target.Table, alias: alias, on: on})
	child := p.object(lv, target, alias, sel, path)
	lv.idOf(child) // presence
	return child
}

// noteRows explains why a type has no rows, or only some.
func (p *planner) noteRows(rows policy.Rows, path string) {
	switch {
	case !rows.Allowed:
		why := rows.Why
		p.note(noted{path: path, field: rows.Type.Name, rows: &why})
	case len(rows.Grants) > 0:
		var conds, attrs []string
		for _, c := range rows.Grants {
			attrs = appendAttrs(attrs, c.Expr)
			conds = append(conds, strings.Join(strings.Fields(c.Source), " "))
		}
		p.note(noted{path: path, field: rows.Type.Name, attrs: attrs, rows: &policy.Explanation{
			Outcome: policy.Reveal, Rule: "@access", Reason: policy.ReasonRowsLimited,
			Text:   "Only rows where " + strings.Join(conds, " or ") + ".",
			Remedy: moreRows(rows.StepUp),
		}})
	}
	if why := rows.WithoutRow(p.req); why.Rule != "" {
		why.Outcome, why.Reason = policy.Reveal, policy.ReasonRowsLimited
		p.note(noted{path: path, field: rows.Type.Name, rows: &why})
	}
}

// moreRows says how more of a type's rows come to exist for a session.
func moreRows(need ir.StepUp) string {
	if need.IsZero() {
		return ""
	}
	return "With " + need.String() + " there may be more."
}

// appendAttrs adds the viewer's attributes that an expression asks for. Those built in are never missing.
func appendAttrs(attrs []string, e *ir.Expr) []string {
	if e.Op == ir.OpViewer && e.Attr != "id" && e.Attr != "role" && e.Attr != "subject" && !slices.Contains(attrs, e.Attr) {
		attrs = append(attrs, e.Attr)
	}
	for _, a := range e.Args {
		attrs = appendAttrs(attrs, a)
	}
	return attrs
}

// toMany plans a batched statement for the edge's rows of all parents. A list shows what the keys at its other end say, so
// the gates of those hold too.
func (p *planner) toMany(lv *level, o *object, field *ir.Field, cell *policy.Cell, f graphql.CollectedField, path string) *connection {
	target := field.Edge.Target
	p.under = field
	c := p.connection(target, f, path, func(child *level) {
		key := column(child.alias, field.Edge.Inverse.Column)
		if child.parent != nil {
			child.where = append(child.where, text(key+" = "+column(child.parent.keys, "id")))
		} else {
			child.where = append(child.where, p.sql.among(key, func(r *run) []string { return r.parents }))
		}
		at := policy.CellOf(field.Edge.Inverse, p.req)
		if shown := p.sql.shown(&at, child.alias); !shown.empty() {
			child.where = append(child.where, shown)
		}
		if own := p.whereParent(o, field, cell, child.alias); !own.empty() {
			child.where = append(child.where, own)
		}
		if channel := field.Edge.Audience; channel != nil {
			child.where = append(child.where, p.sql.audience(field, child.alias))
			p.note(noted{path: path, field: field.Coordinate(), rows: &policy.Explanation{
				Outcome: policy.Reveal, Rule: "@audience", Reason: policy.ReasonRowsLimited,
				Text: "Only people who may be contacted by the " + channel.Name + " of this " + o.typ.Name + "."}})
		}
	})
	c.edge, c.owner = field, o
	if cell.Outcome != policy.Reveal || p.req.LimitedToSubject() && !target.Personal() {
		// Through a list of an ownerless type a data subject would see what is not theirs.
		c.empty = true
	}
	lv.idOf(o)
	lv.below = append(lv.below, c)
	if !c.empty {
		lv.conns = append(lv.conns, c)
	}
	return c
}

// whereParent repeats the edge's own gates on the parent row, of which the batched statement knows only the id.
func (p *planner) whereParent(o *object, field *ir.Field, cell *policy.Cell, alias string) fragment {
	parent := p.sql.alias("p")
	cond := p.sql.shown(cell, parent)
	if cond.empty() {
		return fragment{}
	}
	return fragment{fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s = %s AND (%s))", quote(o.typ.Table), quote(parent),
		column(parent, "id"), column(alias, field.Edge.Inverse.Column), cond.sql), cond.args}
}

// connection plans a page of rows of t for field f. restrict adds what limits the rows beyond the filter.
func (p *planner) connection(t *ir.Type, f graphql.CollectedField, path string, restrict func(*level)) *connection {
	args := Arguments(f, p.op.Variables)
	c := p.paging(t, args)
	outerRows := p.rows
	p.rows *= c.first
	defer func() { p.rows = outerRows }()
	p.charge(p.rows)
	lv := p.newLevel(t)
	p.noteRows(lv.rows, path)
	if c.empty = !lv.rows.Allowed; c.empty {
		p.mute++
		defer func() { p.mute-- }()
	}
	restrict(lv)
	outer := p.path
	p.path = path
	defer func() { p.path = outer }()
	where := p.asMap("where", args["where"])
	lv.where = append(lv.where, p.filter(t, lv.alias, where))
	lv.order = p.order(lv, args["orderBy"])
	c.bind, c.terms = p.binding(t, where, lv.order), len(lv.order)

	var nodes bool
	c.items = p.connItems(lv, f.Selections, t.Name+"Connection", path, &nodes, map[string]connItemKind{
		"nodes": connNodes, "edges": connEdges, "pageInfo": connPageInfo, "totalCount": connTotalCount})
	if nodes {
		c.level = lv
		if lv.object == nil { // only cursors or page info: the id is enough
			lv.object = &object{typ: t, alias: lv.alias, id: -1, subject: -1}
			lv.objects = append(lv.objects, lv.object)
		}
		lv.idOf(lv.object)
		for i := range lv.order {
			lv.order[i].col = lv.col(text(lv.order[i].expr))
		}
	}
	for _, it := range c.items {
		if it.kind == connTotalCount {
			c.counted = lv
		}
	}
	return c
}

// paging reads first and after, or last and before (Relay cursor connections, §4 Arguments).
func (p *planner) paging(t *ir.Type, args map[string]any) *connection {
	c := &connection{typ: t, first: p.e.pageSize}
	_, forward := intArg(args["first"])
	_, c.backward = intArg(args["last"])
	if forward && c.backward {
		p.fail(FailField(CodeBadInput, "last", "a page has first or last, not both"))
	}
	size, place := "first", "after"
	if c.backward {
		size, place = "last", "before"
	}
	if n, ok := intArg(args[size]); ok {
		switch {
		case n < 0:
			p.fail(FailField(CodeBadInput, size, size+" must not be negative"))
		case n > p.e.maxPage:
			p.fail(FailField(CodePageTooLarge, size, fmt.Sprintf("a page has at most %d rows: ask for the rest with %s", p.e.maxPage, place)))
		default:
			c.first = n
		}
	}
	var err error
	if c.after, err = c.place(args); err != nil {
		p.fail(err)
	}
	return c
}

// place is the cursor among arguments, "" without one.
func (c *connection) place(args map[string]any) (string, error) {
	place, other := args["after"], args["before"]
	if c.backward {
		place, other = other, place
	}
	if other != nil {
		return "", FailField(CodeBadInput, "before", "first goes with after, last with before")
	}
	s, _ := place.(string)
	return s, nil
}

// connItems plans the fields of a connection, its edges and page info. rows is set when any of them needs rows.
func (p *planner) connItems(lv *level, sel ast.SelectionSet, typ, path string, rows *bool, kinds map[string]connItemKind) []connItem {
	var out []connItem
	for _, f := range p.collectNamed(sel, typ) {
		it := connItem{key: `"` + f.Alias + `":`}
		if f.Name == "__typename" {
			it.kind, it.text = connTypename, typ
			out = append(out, it)
			continue
		}
		it.kind = kinds[f.Name]
		if p.op.Operation.Operation == ast.Subscription && (it.kind == edgeCursor || it.kind == pageStart || it.kind == pageEnd) {
			p.fail(errLiveCursor)
		}
		sub := path + "." + f.Alias
		switch it.kind {
		case connNodes, edgeNode:
			*rows = true
			it.node = p.object(lv, lv.typ, lv.alias, f.Selections, sub)
			if lv.object == nil {
				lv.object = it.node
			}
		case connEdges:
			*rows = true
			it.items = p.connItems(lv, f.Selections, lv.typ.Name+"Edge", sub, rows, map[string]connItemKind{"node": edgeNode, "cursor": edgeCursor})
		case connPageInfo:
			*rows = true
			it.items = p.connItems(lv, f.Selections, "PageInfo", sub, rows, map[string]connItemKind{
				"hasNextPage": pageHasNext, "hasPreviousPage": pageHasPrevious, "startCursor": pageStart, "endCursor": pageEnd})
		}
		out = append(out, it)
	}
	return out
}

func intArg(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		return int(v), true
	case interface{ Int64() (int64, error) }:
		n, err := v.Int64()
		return int(n), err == nil
	default:
		return 0, false
	}
}
