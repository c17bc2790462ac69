package read

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
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
)

// aggregate is a root field that counts rows in groups: one statement with GROUP BY.
//
// To group by a field or to sum it up is to read it. A field that would not be revealed is refused with the one fixed
// error of filters; where a field is revealed row by row, the rows where it is not count as having none.
//
// Threat: a figure about few people is a figure about each of them, and two figures that differ by few people tell about
// those few. So groups of fewer than Engine.minGroup people do not exist, nor do groups that an earlier answer to the same
// viewer would single somebody out from (see disclosures).
type aggregate struct {
	typ      *ir.Type
	where    fragment
	alias    string
	personal bool // groups are of people
	keys     []aggregateKey
	measures []fragment
	items    []aggregateItem
	st       *statement // counts people by a sketch where the database can, see sketch
	exact    *statement // counts people one by one; nil when st does
	bind     string     // what is asked, but for the figures
}

// aggregateKey is one thing the rows of a group have in common.
type aggregateKey struct {
	expr  fragment
	field *ir.Field
	unit  string // of dates: YEAR, MONTH, DAY
}

type aggregateItemKind uint8

const (
	aggTypename aggregateItemKind = iota
	aggObject
	aggCount
	aggKey
	aggSum
	aggAvg
	aggValue
)

// aggregateItem is one response key.
type aggregateItem struct {
	kind  aggregateItemKind
	key   string
	text  string // of aggTypename
	items []aggregateItem
	field *ir.Field
	col   int // position among keys, or among measures
}

// maxGroups bounds the groups of an answer.
const maxGroups = 10000

// columns before the keys: rows and people.
const (
	aggRows = iota
	aggPeople
	aggFirstKey
)

// aggregate answers the root field of ctx.
func (e *Engine) aggregate(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type) ([]Object, error) {
	path := pathOf(ctx)
	pl, err := e.planned(ctx, s, op, f, t, path, func(p *planner) error { return p.aggregate(t, f, path) })
	if err != nil {
		return nil, err
	}
	a := pl.aggregate
	r := e.newRun(ctx, s, pl)
	var groups [][]cell
	if a.st != nil {
		if groups, err = e.groups(r, a); err != nil {
			return nil, err
		}
	}
	enc := &encoder{r: r}
	out := make([]Object, len(groups))
	for i, g := range groups {
		enc.buf = nil
		enc.group(a, a.items, g)
		out[i] = Object{json: enc.buf}
	}
	if enc.err != nil {
		return nil, enc.err
	}
	s.Notes.add(pl.explain(r.saw, s.Principal)...)
	return out, nil
}

// groups fetches the groups that may be shown, in the order of their keys.
func (e *Engine) groups(r *run, a *aggregate) (groups [][]cell, err error) {
	if !a.personal {
		if len(r.plan.equals) == 0 {
			return r.groupsOf(a, a.st)
		}
		err = e.inSnapshot(r, func() error {
			groups, err = r.groupsOf(a, a.st)
			return err
		})
		return groups, err
	}
	// What was told is read before the snapshot begins and kept after it has ended: an answer that waits for a second
	// connection while it holds one may wait for others that do the same.
	err = e.disclosed.telling(r.ctx, r.session, func(before []*answered) (after []*answered, err error) {
		err = e.inSnapshot(r, func() error {
			all, err := e.largeGroups(r, a)
			if err != nil {
				return err
			}
			groups, after, err = e.disclosed.limit(r, a, all, before)
			return err
		})
		return after, err
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// inSnapshot runs fn while r reads one state: what is compared must be one.
func (e *Engine) inSnapshot(r *run, fn func() error) error {
	db, done, err := e.snapshot(r.ctx, r.session)
	if err != nil {
		return err
	}
	defer done()
	was := r.db
	r.db = db
	defer func() { r.db = was }()
	if err := r.compare(); err != nil {
		return err
	}
	return fn()
}

// largeGroups fetches the groups of enough people.
func (e *Engine) largeGroups(r *run, a *aggregate) ([][]cell, error) {
	groups, err := r.groupsOf(a, a.st)
	if err != nil {
		return nil, err
	}
	if a.exact == nil {
		return e.large(a.typ, groups), nil
	}
	if !slices.ContainsFunc(groups, func(g []cell) bool { return e.maybeSmall(g[aggPeople]) }) {
		return groups, nil
	}
	if groups, err = r.groupsOf(a, a.exact); err != nil {
		return nil, err
	}
	return e.large(a.typ, groups), nil
}

// maybeSmall reports whether a sketch leaves open that there are too few people. No bit at all means nobody.
func (e *Engine) maybeSmall(sketch cell) bool {
	n := int64(bits.OnesCount64(uint64(sketch.n)))
	return n > 0 && n < e.minGroup
}

// large drops groups of too few people, and then the smallest of the others until those dropped are enough people
// together: else what all groups lack of the whole would be one more group, of those few.
func (e *Engine) large(t *ir.Type, groups [][]cell) [][]cell {
	small := map[int]bool{}
	var hidden int64
	drop := func(i int) {
		small[i] = true
		if n := groups[i][aggPeople].n; t.Subject {
			hidden += n
		} else {
			hidden = max(hidden, n) // the same people may be in several groups
		}
	}
	for i, g := range groups {
		if n := g[aggPeople].n; n > 0 && n < e.minGroup {
			drop(i)
		}
	}
	for len(small) > 0 && hidden < e.minGroup {
		next := -1
		for i, g := range groups { // of those about nobody nothing is worked out
			if !small[i] && g[aggPeople].n > 0 && (next < 0 || g[aggPeople].n < groups[next][aggPeople].n) {
				next = i
			}
		}
		if next < 0 { // then the whole is about too few people itself
			break
		}
		drop(next)
	}
	var out [][]cell
	for i, g := range groups {
		if !small[i] {
			out = append(out, g)
		}
	}
	return out
}

// groupsOf runs a statement of a.
func (r *run) groupsOf(a *aggregate, st *statement) ([][]cell, error) {
	groups, err := r.query(st, aggFirstKey+len(a.keys)+len(a.measures))
	if err != nil {
		return nil, err
	}
	if len(groups) > maxGroups {
		return nil, Fail(CodePageTooLarge, fmt.Sprintf("more than %d groups: group by fewer fields, or by coarser ones", maxGroups))
	}
	if len(a.keys) == 0 && len(groups) == 1 && groups[0][aggRows].n == 0 && a.personal {
		return nil, nil // of nobody there is nothing to say
	}
	slices.SortFunc(groups, func(x, y []cell) int { return compareKeys(a.keyOf(x), a.keyOf(y)) })
	return groups, nil
}

func (a *aggregate) keyOf(g []cell) []cell { return g[aggFirstKey : aggFirstKey+len(a.keys)] }

// compareKeys orders keys as lists order values: texts by code point, nulls last.
func compareKeys(x, y []cell) int {
	for i := range x {
		a, b := x[i], y[i]
		if a.null() != b.null() {
			if a.null() {
				return 1
			}
			return -1
		}
		c := cmp.Or(cmp.Compare(a.n, b.n), strings.Compare(a.s, b.s))
		if c != 0 {
			return c
		}
	}
	return 0
}

// aggregate compiles the root field.
func (p *planner) aggregate(t *ir.Type, f graphql.CollectedField, path string) error {
	lv := p.newLevel(t)
	p.noteRows(lv.rows, path)
	a := &aggregate{typ: t, alias: lv.alias, personal: t.Personal()}
	p.plan.aggregate = a
	p.path = path
	where := p.asMap("where", Arguments(f, p.op.Variables)["where"])
	lv.where = append(lv.where, p.filter(t, lv.alias, where))
	a.items = p.aggregateItems(a, f.Selections, path)
	if p.err != nil || !lv.rows.Allowed || p.req.LimitedToSubject() && !t.Personal() {
		return p.err
	}
	if a.personal {
		p.note(noted{path: path, field: t.Name, rows: &policy.Explanation{
			Outcome: policy.Withhold, Rule: "@subject", Reason: policy.ReasonSmallGroup,
			Text: fmt.Sprintf("Groups of fewer than %d people are left out, and groups that differ by fewer from an earlier answer.", p.e.minGroup),
		}})
	}
	a.where = and(lv.where...)
	// What is told again to who asked before is what they may see now: a session that proved less is another asker.
	a.bind = p.binding(t, where, nil) + "\x00" + p.req.StepUp.String()
	for _, k := range a.keys {
		a.bind += "\x00" + k.expr.sql + "\x00" + k.unit
	}
	var err error
	people := text("0")
	if a.personal {
		people = p.sql.people(t, lv.alias, p.req)
		if p.sql.dialect == predicate.Postgres {
			if a.exact, err = p.e.groupStatement(a, countDistinct(people)); err != nil {
				return err
			}
			people = sketch(people)
		} else {
			people = countDistinct(people)
		}
	}
	a.st, err = p.e.groupStatement(a, people)
	return err
}

// people is the expression of the person a row is about, as far as the viewer sees. Of several owners one stands for the row.
//
// A row about somebody who is hidden counts as one about nobody, or else whether a group is told would say which of the two it is.
// Viewers who do not see such people at all have their rows counted, each as another person: they cannot know which are the same.
func (s sqlFor) people(t *ir.Type, alias string, req policy.Request) fragment {
	var owners []fragment
	blind := false
	for _, path := range t.Owners {
		if seen, ok := s.seen(path, alias, req); ok {
			owners = append(owners, seen)
		} else {
			blind = true
		}
	}
	if blind {
		owners = append(owners, text(column(alias, "id")))
	}
	if len(owners) == 1 {
		return owners[0]
	}
	f := join(", ", owners...)
	return fragment{"COALESCE(" + f.sql + ")", f.args}
}

// seen is the person at the end of a chain of to-one edges where the viewer sees all of it, and null elsewhere. It is not ok where
// they see it of no row.
func (s sqlFor) seen(path ir.OwnerPath, alias string, req policy.Request) (fragment, bool) {
	if len(path) == 0 {
		return text(column(alias, "subject_id")), true
	}
	edge := path[0]
	cell, rows := policy.CellOf(edge, req), policy.RowsOf(edge.Edge.Target, ir.Read, req)
	if cell.Outcome != policy.Reveal || !rows.Allowed {
		return fragment{}, false
	}
	inner := s.alias("o")
	end, ok := s.seen(path[1:], inner, req)
	if !ok {
		return fragment{}, false
	}
	there := and(text(column(inner, "id")+" = "+column(alias, edge.Column)), s.shown(&cell, alias), s.exist(rows, inner))
	return fragment{"(SELECT " + end.sql + " FROM " + quote(edge.Edge.Target.Table) + " AS " + quote(inner) + " WHERE " + there.sql + ")",
		slices.Concat(end.args, there.args)}, true
}

func countDistinct(f fragment) fragment { return fragment{"COUNT(DISTINCT " + f.sql + ")", f.args} }

// sketch sets one of 64 bits for each person, so that the bits that are set are a lower bound of their number: enough to
// see that a large group is large, without the sort that counting different people takes.
func sketch(people fragment) fragment {
	return fragment{"COALESCE(BIT_OR(1::bigint << (uuid_hash(" + people.sql + ") & 63)), 0)", people.args}
}

func (e *Engine) groupStatement(a *aggregate, people fragment) (*statement, error) {
	lv := &level{typ: a.typ, alias: a.alias, where: []fragment{a.where}, selects: []fragment{text("COUNT(*)"), people}}
	for _, k := range a.keys {
		lv.selects = append(lv.selects, k.expr)
	}
	lv.selects = append(lv.selects, a.measures...)
	st, err := e.build(lv, nil, func(*entsql.Selector) {})
	if err != nil {
		return nil, err
	}
	st.sql += groupBy(aggFirstKey, len(a.keys)) + " LIMIT " + strconv.Itoa(maxGroups+1)
	return st, nil
}

// groupBy groups by n columns of the result, the first of which is at from.
func groupBy(from, n int) string {
	if n == 0 {
		return ""
	}
	by := make([]string, n)
	for i := range by {
		by[i] = strconv.Itoa(from + 1 + i)
	}
	return " GROUP BY " + strings.Join(by, ", ")
}

// aggregateItems plans the selection of a group.
func (p *planner) aggregateItems(a *aggregate, sel ast.SelectionSet, path string) []aggregateItem {
	var out []aggregateItem
	name := api.Aggregate(a.typ)
	for _, f := range p.collectNamed(sel, name) {
		it := aggregateItem{key: `"` + f.Alias + `":`}
		switch f.Name {
		case "__typename":
			it.text = name
		case "count":
			it.kind = aggCount
		case "groupBy":
			it.kind, it.items = aggObject, p.keyItems(a, a.typ, f.Selections, path+"."+f.Alias, a.alias, func(f fragment) fragment { return f })
		default:
			it.kind, it.items = aggObject, p.figureItems(a, f, path+"."+f.Alias)
		}
		out = append(out, it)
	}
	return out
}

// keyItems plans what the rows of a group have in common, at the end of a chain of edges. along makes an expression over
// the row at its end one over the group's own row.
func (p *planner) keyItems(a *aggregate, t *ir.Type, sel ast.SelectionSet, path, alias string, along func(fragment) fragment) []aggregateItem {
	var out []aggregateItem
	for _, f := range p.collectNamed(sel, api.AggregateKey(t)) {
		it := aggregateItem{key: `"` + f.Alias + `":`}
		if f.Name == "__typename" {
			it.text = api.AggregateKey(t)
			out = append(out, it)
			continue
		}
		field, c, ok := p.asked(t, f.Name, path+"."+f.Alias)
		if !ok {
			continue
		}
		it.field = field
		if field.Kind == ir.ToOne {
			it.kind = aggObject
			it.items = p.edgeKeyItems(a, field, c, f, path+"."+f.Alias, alias, along)
			out = append(out, it)
			continue
		}
		k := aggregateKey{expr: along(p.sql.revealed(c, alias)), field: field}
		if api.Dated(field) {
			k.unit, _ = Arguments(f, p.op.Variables)["by"].(string)
			k.expr = p.sql.calendar(k.expr, field, k.unit)
		}
		it.kind, it.col = aggKey, len(a.keys)
		a.keys = append(a.keys, k)
		out = append(out, it)
	}
	return out
}

func (p *planner) edgeKeyItems(a *aggregate, edge *ir.Field, c *policy.Cell, f graphql.CollectedField, path, alias string, along func(fragment) fragment) []aggregateItem {
	target := edge.Edge.Target
	rows := policy.RowsOf(target, ir.Read, p.req)
	p.noteRows(rows, path)
	inner := p.sql.alias("g")
	on := and(text(column(inner, "id")+" = "+column(alias, edge.Column)), p.sql.shown(c, alias), p.sql.exist(rows, inner))
	return p.keyItems(a, target, f.Selections, path, inner, func(f fragment) fragment {
		return along(fragment{
			"(SELECT " + f.sql + " FROM " + quote(target.Table) + " AS " + quote(inner) + " WHERE " + on.sql + ")",
			slices.Concat(f.args, on.args),
		})
	})
}

// asked decides about a field that a group or a figure is about.
func (p *planner) asked(t *ir.Type, name, path string) (*ir.Field, *policy.Cell, bool) {
	field := t.Field(name)
	if field == nil {
		p.fail(Fail(CodeInternal, "unknown field"))
		return nil, nil, false
	}
	c := policy.CellOf(field, p.req)
	p.settled(field)
	if !c.Queryable() {
		p.fail(p.notQueryable(&c))
		return nil, nil, false
	}
	if c.ByRow() {
		why := c.Strictest()
		p.note(noted{path: path, field: field.Coordinate(), rows: &policy.Explanation{
			Outcome: policy.Withhold, Rule: why.Rule, Reason: why.Reason,
			Text:   "Rows for which this field is not revealed count as having none.",
			Remedy: why.Remedy,
		}})
	}
	return field, &c, true
}

func (p *planner) figureItems(a *aggregate, f graphql.CollectedField, path string) []aggregateItem {
	var fig api.Figure
	for _, g := range api.Figures(a.typ) {
		if g.Name == f.Name {
			fig = g
		}
	}
	var out []aggregateItem
	for _, sub := range p.collectNamed(f.Selections, fig.Type) {
		it := aggregateItem{key: `"` + sub.Alias + `":`}
		if sub.Name == "__typename" {
			it.text = fig.Type
			out = append(out, it)
			continue
		}
		field, c, ok := p.asked(a.typ, sub.Name, path+"."+sub.Alias)
		if !ok {
			continue
		}
		it.field, it.col = field, len(a.measures)
		v := p.sql.revealed(c, a.alias)
		switch fig.Name {
		case "sum", "avg":
			it.kind = map[string]aggregateItemKind{"sum": aggSum, "avg": aggAvg}[fig.Name]
			typ := "BIGINT"
			if field.Scalar == ir.Float {
				typ = "DOUBLE PRECISION"
			}
			a.measures = append(a.measures, fragment{"CAST(SUM(" + v.sql + ") AS " + typ + ")", v.args}, fragment{"COUNT(" + v.sql + ")", v.args})
		default:
			it.kind = aggValue
			a.measures = append(a.measures, fragment{strings.ToUpper(fig.Name) + "(" + v.sql + ")", v.args})
		}
		out = append(out, it)
	}
	return out
}

// revealed is the value of a cell where it is revealed, else null.
func (s sqlFor) revealed(c *policy.Cell, alias string) fragment {
	value := column(alias, c.Field.Column)
	cond := s.shown(c, alias)
	if cond.empty() {
		return text(value)
	}
	return fragment{"CASE WHEN " + cond.sql + " THEN " + value + " END", cond.args}
}

// calendar truncates a date to the text of its unit, ISO 8601 with reduced precision, in UTC.
func (s sqlFor) calendar(f fragment, field *ir.Field, unit string) fragment {
	if s.dialect == predicate.Postgres {
		if field.Scalar == ir.DateTime {
			f.sql = "(" + f.sql + ") AT TIME ZONE 'UTC'"
		}
		return fragment{"TO_CHAR(" + f.sql + ", '" + map[string]string{"YEAR": "YYYY", "MONTH": "YYYY-MM", "DAY": "YYYY-MM-DD"}[unit] + "')", f.args}
	}
	return fragment{fmt.Sprintf("SUBSTR(%s, 1, %d)", f.sql, map[string]int{"YEAR": 4, "MONTH": 7, "DAY": 10}[unit]), f.args}
}

// group writes one group.
func (e *encoder) group(a *aggregate, items []aggregateItem, g []cell) {
	e.buf = append(e.buf, '{')
	for i, it := range items {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, it.key...)
		measure := aggFirstKey + len(a.keys) + it.col
		switch it.kind {
		case aggTypename:
			e.buf = appendString(e.buf, it.text)
		case aggObject:
			e.group(a, it.items, g)
		case aggCount:
			e.buf = strconv.AppendInt(e.buf, g[aggRows].n, 10)
		case aggKey:
			if k := a.keys[it.col]; k.unit != "" && !g[aggFirstKey+it.col].null() {
				e.buf = appendString(e.buf, g[aggFirstKey+it.col].s)
			} else {
				e.value(it.field, g[aggFirstKey+it.col])
			}
		case aggSum:
			e.value(it.field, g[measure])
		case aggAvg:
			e.mean(it.field, g[measure], g[measure+1].n)
		case aggValue:
			e.value(it.field, g[measure])
		}
	}
	e.buf = append(e.buf, '}')
}

// mean divides a sum by the number of values; a Decimal is rounded half away from zero at its last place.
func (e *encoder) mean(f *ir.Field, sum cell, n int64) {
	if sum.null() || n == 0 {
		e.buf = append(e.buf, "null"...)
		return
	}
	switch f.Scalar {
	case ir.Decimal:
		half := n / 2
		if sum.n < 0 {
			half = -half
		}
		e.value(f, cell{kind: cellInt, n: (sum.n + half) / n})
	case ir.Float:
		e.value(f, cell{kind: cellFloat, n: int64(math.Float64bits(sum.as(ir.Float).float() / float64(n)))})
	default:
		e.buf = strconv.AppendFloat(e.buf, float64(sum.n)/float64(n), 'g', -1, 64)
	}
}
