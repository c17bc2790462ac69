package read

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// Source gives the SQL of a query on a type, after Ent's policy allowed it. The generated Ent client is one.
type Source interface {
	PlanSQL(ctx context.Context, typ string, mod func(*entsql.Selector)) (string, []any, error)
}

// Config is what an Engine needs.
type Config struct {
	Schema   *ir.Schema
	Source   Source
	DB       *sql.DB
	Pool     *pgxpool.Pool // PostgreSQL without database/sql between; nil: DB
	Standbys Standbys      // of it, that may answer queries; nil: none
	Dialect  predicate.Dialect
	Cursors  *Cursors
	Masker   policy.Masker
	Opener   Opener // nil: sealed cells stay closed
	Book     Book   // what people decided
	PageSize int    // rows of a page without `first`; default 25
	MaxPage  int    // default 1000
	MinGroup int    // people an aggregate must be about to be told, and by which two must differ; default 10
	Plans    int    // cached plans; default 1024
	Trace    Trace  // sees the steps of the work; nil: nobody looks
	Told     Told   // what viewers were told in aggregates; nil: kept in this process
	OptOut   OptOut // how people opt out by a mail; nil: they cannot
}

// Engine answers queries.
type Engine struct {
	schema      *ir.Schema
	source      Source
	db          *sql.DB
	pool        *pgxpool.Pool
	standbys    Standbys
	dialect     predicate.Dialect
	cursors     *Cursors
	masker      policy.Masker
	opener      Opener
	book        Book
	optOut      OptOut
	pageSize    int
	maxPage     int
	minGroup    int64
	disclosed   disclosures
	trace       Trace
	system      string // the database, see Step
	consentBits policy.State
	satisfies   map[*ir.Type][]string
	roots       map[string]root
	changes     map[string]*ir.Type // by root field of Subscription
	plans       *lru.Cache[planKey, *plan]
	shapes      *lru.Cache[shapeKey, []string]
	sealedNames map[string]bool
	shapeKey    [32]byte // keys the hash of shape
	markKey     [32]byte // keys Mark
}

// root is what a root field of Query asks for.
type root struct {
	kind rootKind
	typ  *ir.Type
}

type rootKind uint8

const (
	rootGet rootKind = iota
	rootList
	rootNode
	rootNodes
	rootMe
	rootAggregate
	rootSearch
	rootConsents
	rootHistory
	rootRestriction
	rootNotice
	rootLinks
)

// New returns an engine for a compiled schema and the store generated from it.
func New(c Config) (*Engine, error) {
	e := &Engine{schema: c.Schema, source: c.Source, db: c.DB, pool: c.Pool, standbys: c.Standbys, dialect: c.Dialect, cursors: c.Cursors, masker: c.Masker,
		opener: c.Opener, book: c.Book, optOut: c.OptOut, pageSize: c.PageSize, maxPage: c.MaxPage, trace: c.Trace,
		consentBits: policy.ConsentBits(c.Schema), satisfies: map[*ir.Type][]string{}, changes: map[string]*ir.Type{}, roots: map[string]root{
			"node": {kind: rootNode}, "nodes": {kind: rootNodes}, "me": {kind: rootMe}, "search": {kind: rootSearch},
			"consents": {kind: rootConsents}, "consentHistory": {kind: rootHistory}, "restriction": {kind: rootRestriction}, "noticeText": {kind: rootNotice},
			"unsubscribeLinks": {kind: rootLinks}}}
	e.disclosed.schema, e.disclosed.told = c.Schema.Hash, c.Told
	if c.Told == nil {
		e.disclosed.told = &toldHere{}
	}
	if e.opener == nil {
		e.opener = closed{}
	}
	if e.cursors == nil {
		return nil, errors.New("read engine: no cursor key")
	}
	e.system = "sqlite"
	if c.Dialect == predicate.Postgres {
		e.system = "postgresql"
	}
	if e.pageSize == 0 {
		e.pageSize = 25
	}
	if e.maxPage == 0 {
		e.maxPage = 1000
	}
	e.sealedNames = sealedNames(c.Schema)
	e.minGroup = int64(cmp.Or(c.MinGroup, 10))
	if c.Plans == 0 {
		c.Plans = 1024
	}
	for _, key := range [][]byte{e.shapeKey[:], e.markKey[:]} {
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("read engine: %w", err)
		}
	}
	for _, t := range c.Schema.Types {
		e.satisfies[t] = append([]string{t.Name, "Node", "SearchResult"}, t.Implements...)
		if t.Entity {
			e.roots[t.Singular] = root{rootGet, t}
			e.roots[t.Plural] = root{rootList, t}
			e.changes[api.ChangedField(t)] = t
			e.roots[api.AggregateField(t)] = root{rootAggregate, t}
		}
	}
	for _, u := range c.Schema.Unions {
		for _, m := range u.Members {
			if t := c.Schema.Type(m); t != nil {
				e.satisfies[t] = append(e.satisfies[t], u.Name)
			}
		}
	}
	var err error
	if e.plans, err = lru.New[planKey, *plan](c.Plans); err != nil {
		return nil, err
	}
	if e.shapes, err = lru.New[shapeKey, []string](c.Plans); err != nil {
		return nil, err
	}
	return e, nil
}

// Resolve answers the root field of ctx. A row that is missing, hidden or foreign is null, in identical bytes.
func (e *Engine) Resolve(ctx context.Context) (o Object, err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return Object{}, err
	}
	return nearer(ctx, s, func() (Object, error) { return e.resolve(ctx, s) })
}

func (e *Engine) resolve(ctx context.Context, s *Session) (Object, error) {
	f := graphql.GetFieldContext(ctx).Field
	op := graphql.GetOperationContext(ctx)
	args := Arguments(f, op.Variables)
	switch root := e.roots[f.Name]; root.kind {
	case rootList:
		if err := stepUp(root.typ, s.Request); err != nil {
			return Object{}, err
		}
		return e.list(ctx, s, op, f, root.typ)
	case rootMe:
		return e.me(ctx, s, op, f)
	case rootSearch:
		return e.search(ctx, s, op, f)
	case rootHistory:
		return e.history(ctx, s, op, f)
	case rootRestriction:
		return e.restricted(ctx, s, op, f)
	case rootNotice:
		return e.noticeText(ctx, op, f)
	case rootGet, rootNode:
		if root.kind == rootGet {
			if err := stepUp(root.typ, s.Request); err != nil {
				return Object{}, err
			}
		}
		id, _ := args["id"].(string)
		objects, err := e.get(ctx, s, op, f, pathOf(ctx), root.typ, []string{id})
		if err != nil {
			return Object{}, err
		}
		return objects[0], nil
	default:
		return Object{}, fmt.Errorf("%s is not a root field of the engine", f.Name)
	}
}

// ResolveList answers root fields that are lists: `nodes`, one object per id, null where there is none; and aggregates, one
// object per group.
func (e *Engine) ResolveList(ctx context.Context) (os []Object, err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nearer(ctx, s, func() ([]Object, error) { return e.resolveList(ctx, s) })
}

func (e *Engine) resolveList(ctx context.Context, s *Session) ([]Object, error) {
	f := graphql.GetFieldContext(ctx).Field
	op := graphql.GetOperationContext(ctx)
	switch root := e.roots[f.Name]; root.kind {
	case rootConsents:
		return e.standing(ctx, s, op, f)
	case rootAggregate:
		if err := stepUp(root.typ, s.Request); err != nil {
			return nil, err
		}
		return e.aggregate(ctx, s, op, f, root.typ)
	}
	list := asList(Arguments(f, op.Variables)["ids"])
	if len(list) > e.maxPage {
		return nil, FailField(CodePageTooLarge, "ids", fmt.Sprintf("at most %d ids at once", e.maxPage))
	}
	ids := make([]string, len(list))
	for i, v := range list {
		ids[i], _ = v.(string)
	}
	if e.roots[f.Name].kind == rootLinks {
		return e.links(ctx, s, op, f, ids)
	}
	return e.get(ctx, s, op, f, pathOf(ctx), nil, ids)
}

// Load reads rows of typ by id for a hand-written resolver, with the selection of the field it answers. Rows that do
// not exist for the viewer are null Objects.
func (e *Engine) Load(ctx context.Context, typ string, ids ...string) (os []Object, err error) {
	defer recovered(&err)
	s, err := SessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	t := e.schema.Type(typ)
	if t == nil || !t.Entity {
		return nil, fmt.Errorf("%s is not an entity", typ)
	}
	return nearer(ctx, s, func() ([]Object, error) {
		return e.get(ctx, s, graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field, pathOf(ctx), t, ids)
	})
}

// placesOf says where in a list of global ids each row stands, by type and key, of the types that are asked for. Types are in the order
// of the list. What is no id of theirs is left out.
func (e *Engine) placesOf(ids []string, asked func(*ir.Type) bool) (types []*ir.Type, places map[*ir.Type]map[string][]int) {
	places = map[*ir.Type]map[string][]int{}
	for i, id := range ids {
		name, row, err := DecodeID(id)
		t := e.schema.Type(name)
		if err != nil || t == nil || !asked(t) {
			continue
		}
		if places[t] == nil {
			places[t] = map[string][]int{}
			types = append(types, t)
		}
		key := string(row[:])
		places[t][key] = append(places[t][key], i)
	}
	return types, places
}

// get reads rows by global id. With want it accepts only that type. One statement per type.
func (e *Engine) get(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, path string, want *ir.Type, ids []string) ([]Object, error) {
	out := make([]Object, len(ids))
	types, byType := e.placesOf(ids, func(t *ir.Type) bool {
		return t.Entity && (want == nil || t == want) && (want != nil || !s.Request.LimitedToSubject() || t.Personal())
	})
	if want != nil && (s.Request.LimitedToSubject() && !want.Personal()) {
		return out, nil
	}
	if want != nil && types == nil {
		types = []*ir.Type{want} // explain even what was not found
	}
	for _, t := range types {
		keys := make([]string, 0, len(byType[t]))
		for k := range byType[t] {
			keys = append(keys, k)
		}
		var at func(id string) int
		if f.Definition.Type.Elem != nil { // a list of them
			at = func(id string) int { return byType[t][id][0] }
		}
		err := e.rowsByID(ctx, s, op, f, path, t, keys, at, func(id string, json []byte) {
			for _, at := range byType[t][id] {
				out[at] = Object{json: json}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rowsByID runs the plan of a selection on rows of t by id, and hands out each row's answer. At says where in a list a row
// stands; nil where there is one.
func (e *Engine) rowsByID(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, path string, t *ir.Type, ids []string, at func(id string) int, each func(id string, json []byte)) error {
	pl, err := e.planRows(ctx, s, op, f, path, t, len(ids) == 1)
	if err != nil {
		return err
	}
	if pl.cells*len(ids) > MaxCells {
		return errCost
	}
	r := e.newRun(ctx, s, pl)
	r.parents = ids
	return e.fetchAndEncode(r, pl.conn, func(res *results) error {
		if p := res.pages[""]; p != nil {
			if at != nil { // which is the first does not hang on the database
				id := pl.level.object.id
				slices.SortFunc(p.rows, func(a, b []cell) int { return at(a[id].key()) - at(b[id].key()) })
			}
			for _, row := range p.rows {
				enc := r.encoder()
				if oc := OccasionFrom(ctx); oc != nil {
					enc.own, enc.near = &oc.own, 1
				}
				id := row[pl.level.object.id].key()
				if at != nil {
					enc.trail = []step{{index: at(id)}}
				}
				enc.object(pl.level.object, row, res)
				if enc.err != nil {
					return enc.err
				}
				pl.size.Store(int64(len(enc.buf)))
				each(id, enc.buf)
			}
		}
		r.refuse(place(ctx, path))
		return nil
	})
}

// planRows plans a selection on rows of t by id, or on one row.
func (e *Engine) planRows(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, path string, t *ir.Type, one bool) (*plan, error) {
	place := path
	if one {
		place += " alone"
	}
	return e.planned(ctx, s, op, f, t, place, func(p *planner) error {
		lv := p.newLevel(t)
		p.noteRows(lv.rows, path)
		if !lv.rows.Allowed {
			p.mute++
			defer func() { p.mute-- }()
		}
		if one { // PostgreSQL keeps the plan of `=`; that of a list it makes anew each time, in hope of a shorter list
			lv.where = append(lv.where, text(column(lv.alias, "id")+" = ?", argFunc(func(r *run) any { return uuidOf(r.parents[0]).String() })))
		} else {
			lv.where = append(lv.where, p.sql.among(column(lv.alias, "id"), func(r *run) []string { return r.parents }))
		}
		lv.object = p.object(lv, t, lv.alias, f.Selections, path)
		lv.idOf(lv.object)
		c := &connection{typ: t, level: lv, first: e.maxPage, empty: !lv.rows.Allowed}
		p.plan.conn, p.plan.level = c, lv
		return p.prepare(c)
	})
}

func (e *Engine) list(ctx context.Context, s *Session, op *graphql.OperationContext, f graphql.CollectedField, t *ir.Type) (Object, error) {
	path := pathOf(ctx)
	pl, err := e.planned(ctx, s, op, f, t, path, func(p *planner) error {
		c := p.connection(t, f, path, func(*level) {})
		c.empty = c.empty || s.Request.LimitedToSubject() && !t.Personal()
		p.plan.conn = c
		return p.prepare(c)
	})
	if err != nil {
		return Object{}, err
	}
	r := e.newRun(ctx, s, pl)
	c := pl.conn
	after, err := c.place(f.ArgumentMap(op.Variables))
	if err != nil {
		return Object{}, err
	}
	if after != c.after {
		moved := *c // a cached plan serves every page
		moved.after = after
		c = &moved
	}
	enc := r.encoder()
	err = e.fetchAndEncode(r, c, func(res *results) error {
		enc.connection(c, "", res)
		r.refuse(place(ctx, path))
		return enc.err
	})
	pl.size.Store(int64(len(enc.buf)))
	if err != nil {
		return Object{}, err
	}
	return Object{json: enc.buf}, nil
}

// pathOf is the response path of the field under way, without the places in lists.
func pathOf(ctx context.Context) string {
	path := ""
	for fc := graphql.GetFieldContext(ctx); fc != nil; fc = fc.Parent {
		switch {
		case fc.Field.Field == nil || fc.Index != nil: // the root, or a place in a list
		case path == "":
			path = fc.Field.Alias
		default:
			path = fc.Field.Alias + "." + path
		}
	}
	return path
}

func (e *Engine) newRun(ctx context.Context, s *Session, pl *plan) *run {
	return &run{e: e, ctx: ctx, db: e.single(s), session: s, plan: pl, saw: make([]seen, len(pl.notes))}
}

// encoder makes one with about as much room as the plan's last answer took.
func (r *run) encoder() *encoder {
	last := int(r.plan.size.Load())
	return &encoder{r: r, buf: make([]byte, 0, last+last/16+64)}
}

// fetchAndEncode fetches c and encodes it. Several statements of one answer see one snapshot: data and consent belong
// together.
func (e *Engine) fetchAndEncode(r *run, c *connection, encode func(*results) error) error {
	if err := r.place(c); err != nil {
		return err
	}
	r.mem = memories.Get().(*memory)
	defer r.done()
	if c.level != nil && len(c.level.conns) > 0 || c.counted != nil || len(r.plan.equals) > 0 {
		db, done, err := e.snapshot(r.ctx, r.session)
		if err != nil {
			return err
		}
		defer done()
		r.db = db
	}
	if err := r.compare(); err != nil {
		return err
	}
	res, err := r.fetch(c, true)
	if err != nil {
		return err
	}
	if err := encode(res); err != nil {
		return err
	}
	r.session.Notes.add(r.plan.explain(r.saw, r.session.Principal)...)
	return nil
}

// prepare builds the statements of a connection and of all below it, once per plan.
func (p *planner) prepare(c *connection) error {
	if p.err != nil || c.empty {
		return p.err
	}
	if c.counted != nil {
		key := ""
		if c.edge != nil {
			key = column(c.counted.alias, c.edge.Edge.Inverse.Column)
		}
		var err error
		if c.count, err = p.e.countStatement(c.counted, key); err != nil {
			return err
		}
	}
	if c.level == nil {
		return nil
	}
	var err error
	if c.page, err = p.e.statementOf(c, nil); err != nil {
		return err
	}
	for _, sub := range c.level.conns {
		if err := p.prepare(sub); err != nil {
			return err
		}
	}
	return nil
}

// recovered turns a panic of the read path into an error: gqlgen's own recovery does not reach into a marshaler, and a
// half-written answer must never leave.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("read path: %v\n%s", v, debug.Stack())
	}
}
