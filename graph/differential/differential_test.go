package differential

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"pgregory.net/rapid"

	"github.com/cloakroom-crm/cloakroom/directives/codegen"
	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// cases are tried unless the flag or the variable of rapid says otherwise.
const cases = "500"

func TestMain(m *testing.M) {
	flag.Parse()
	given := os.Getenv("RAPID_CHECKS") != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", cases); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// world is a schema with content, viewers and questions.
type world struct {
	sdl       string
	schema    *ir.Schema
	api       *ast.Schema
	now       time.Time
	rows      content
	vault     *vault
	viewers   []*reference
	questions []question
	walk      *walk
}

// walk is a list read page by page, from either end.
type walk struct {
	query    string
	size     int
	backward bool
}

// GoString keeps rapid from printing the whole world: a failure does, in order.
func (w *world) GoString() string { return "a world" }

func (w *world) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nat %s\n", w.sdl, w.now.Format(time.RFC3339Nano))
	fmt.Fprintf(&b, "keys gone: %v, with their indexes: %t; an index has %d bits\n", w.vault.gone, w.vault.cleared, w.vault.bits)
	for _, t := range w.schema.Entities() {
		for _, f := range t.Fields {
			if w.vault.moving[f] {
				fmt.Fprintf(&b, "%s moves\n", f.Coordinate())
			}
		}
	}
	for _, t := range w.schema.Entities() {
		for _, r := range w.rows[t] {
			fmt.Fprintln(&b, r)
		}
	}
	return b.String()
}

// counts say whether the test compares much. Strays are rows that an index finds for a value they do not have.
var counts struct{ compiled, refused, answered, hidden, strays, denied, reached, spared atomic.Int64 }

// worlds makes up everything, so that rapid can shrink everything.
var worlds = rapid.Custom(func(t *rapid.T) *world {
	d := dice{t}
	w := &world{sdl: d.sdl(), now: pick(d, moments)}
	var findings compiler.Diagnostics
	w.schema, findings = compiler.Compile([]ir.Source{{Name: "made.graphqls", Text: w.sdl}})
	if w.schema == nil {
		counts.refused.Add(1)
		t.Skip(findings)
	}
	counts.compiled.Add(1)
	var err error
	if w.api, err = gqlparser.LoadSchema(&ast.Source{Name: "api.graphqls", Input: string(codegen.API(w.schema).Data)}); err != nil {
		panic(fmt.Sprintf("the API of this schema is no GraphQL: %v\n%s", err, w.sdl))
	}
	w.vault = d.vault(w.schema)
	w.rows = d.content(w.schema, w.vault, w.now)
	for range 2 {
		w.viewers = append(w.viewers, d.viewer(w))
	}
	a := &asker{dice: d, ref: w.viewers[0], api: w.api}
	w.questions = append(w.questions, question{text: everything(w.schema)})
	for range 3 {
		w.questions = append(w.questions, a.question())
	}
	for _, x := range w.viewers {
		w.questions = append(w.questions, (&asker{dice: d, ref: x, api: w.api}).aboutSealed()...)
	}
	w.walk = a.walk()
	return w
})

// viewer makes up who asks, and why. Half of the viewers are people the content is about.
func (d dice) viewer(w *world) *reference {
	x := &reference{schema: w.schema, rows: w.rows, now: w.now, vault: w.vault, masker: policy.NewMasker([]byte(strings.Repeat("k", 32)))}
	x.role = pick(d, w.schema.Roles)
	var purposes []*ir.Purpose
	for _, p := range w.schema.Purposes {
		for _, c := range x.role.Clearances {
			if c.Purposes.Has(p) {
				purposes = append(purposes, p)
				break
			}
		}
	}
	x.purpose = pick(d, purposes)
	x.viewer = policy.Principal{ID: pick(d, []string{"somebody", people[0].String()}), Role: x.role.Name, Attrs: map[string]any{}}
	if d.odds(map[bool]int{true: 13, false: 3}[x.selfService()]) {
		x.viewer.Subject = pick(d, append(people[:len(people):len(people)], uuid.UUID{15: 9}))
	}
	x.viewer.AAL = d.upTo(2)
	if !d.odds(3) {
		x.viewer.AuthenticatedAt = w.now.Add(-pick(d, []time.Duration{0, 15 * time.Minute, 15*time.Minute + 1, time.Hour, 2 * time.Hour, -time.Hour}))
	}
	for _, a := range attributes {
		if !d.odds(4) {
			x.viewer.Attrs[a.name] = pick(d, a.values)
		}
	}
	return x
}

// attributes are of the type that conditions take them for, or of another, or texts that can be read as it.
var attributes = []struct {
	name   string
	values []any
}{
	{"region", []any{"EMEA", "x", "b", int64(7)}},
	{"level", []any{int64(1), int64(2), "5", "high"}},
	{"senior", []any{true, false, "true", "yes"}},
	{"stage", []any{"WON", "NEW"}},
	{"stages", []any{[]string{"WON", "OPEN"}, "NEW,WON"}},
	{"tags", []any{[]string{"x", "EMEA"}, []any{"b"}, []string{}, "EMEA,b", []any{"x", int64(3)}, true}},
	{"levels", []any{[]any{int64(1), int64(5)}, []string{"2", "1"}, []any{}}},
}

// walk makes up a list to be read page by page.
func (a *asker) walk() *walk {
	t := a.someType()
	w := &walk{size: 1 + a.upTo(2), backward: a.odds(6)}
	args := fmt.Sprintf("(first: %d, after: $place", w.size)
	if w.backward {
		args = fmt.Sprintf("(last: %d, before: $place", w.size)
	}
	if a.odds(4) {
		args += ", where: " + a.where(t, 1)
	}
	if by := a.orderBy(t); by != "" && !a.odds(4) {
		args += ", orderBy: " + by
	}
	w.query = "query($place: String) { page: " + t.Plural + args + ") { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
	return w
}

// TestTheEngineKeepsTheRules has questions answered by the engine and by the reference.
func TestTheEngineKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worlds.Draw(t, "world").check(t)
	})
	t.Logf("%d schemas, %d refused; %d root fields answered, %d refused; %d strays, %d fields denied; %d of audiences reached, %d spared", counts.compiled.Load(), counts.refused.Load(), counts.answered.Load(), counts.hidden.Load(), counts.strays.Load(), counts.denied.Load(), counts.reached.Load(), counts.spared.Load())
	if counts.compiled.Load() > 100 && counts.strays.Load() == 0 {
		t.Error("no index finds what it should not: the test compares little")
	}
	if counts.compiled.Load() > 100 && counts.denied.Load() == 0 {
		t.Error("nothing is denied: the test compares little")
	}
	if counts.compiled.Load() > 100 && (counts.reached.Load() == 0 || counts.spared.Load() == 0) {
		t.Error("audiences have everybody, or nobody: the test compares little")
	}
	if counts.refused.Load() > counts.compiled.Load() {
		t.Error("most schemas do not compile: the test compares little")
	}
	if counts.hidden.Load() > counts.answered.Load() {
		t.Error("most questions are refused: the test compares little")
	}
}

func (w *world) check(t *rapid.T) {
	db, err := w.rows.store(w.schema, w.vault)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.sdl)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	cursors, err := read.NewCursors(bytes.Repeat([]byte{7}, read.CursorKeySize), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config := read.Config{Schema: w.schema, Source: source{w.schema}, DB: db, Dialect: predicate.SQLite, Cursors: cursors, Masker: w.viewers[0].masker,
		PageSize: pageSize, Opener: w.vault, MinGroup: 1}
	engine, err := read.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range w.questions {
		doc := w.parse(t, q.text)
		// The same document for every viewer and both values of its variables: the engine keeps plans by document.
		for _, x := range w.viewers {
			for _, yes := range []bool{true, false} {
				vars := map[string]any{"yes": yes, "no": !yes, "few": int64(2), "id": w.rows[w.schema.Entities()[0]][0].globalID()}
				if !yes {
					vars["few"] = int64(1)
				}
				for _, f := range q.filters {
					vars[f.name] = map[string]any{}
					if yes {
						vars[f.name] = w.valueOf(t, f)
					}
				}
				w.ask(t, engine, x, q.text, doc, vars, 0)
			}
		}
	}
	w.walkThrough(t, engine)
	for _, x := range w.viewers {
		w.askTaken(t, engine, db, x)
	}
}

// askTaken has the engine look for other rows with the value of a row, as a write of a @unique field does. Whom the viewer
// sees must be exact; a stray may take a value all the same.
func (w *world) askTaken(t *rapid.T, engine *read.Engine, db *sql.DB, x *reference) {
	for _, typ := range w.schema.Entities() {
		for _, f := range typ.Fields {
			for _, r := range w.rows[typ] {
				if r.cells[f] == nil || !f.Blind() {
					continue
				}
				taken, seen, err := engine.Taken(context.Background(), db, w.session(t, x), f, r.cells[f], r.id)
				faults := w.vault.audit(x)
				has, sees := x.taken(f, r)
				if err != nil || seen != sees || has && !taken || faults != nil {
					t.Fatalf("%s\n%s for %s, subject %s, attributes %v\nanother row with %s of %s\nengine    taken %t, seen %t %v %v\nreference taken %t, seen %t", w,
						x.role.Name, x.purpose.Name, x.viewer.Subject, x.viewer.Attrs, f.Coordinate(), r.id, taken, seen, err, faults, has, sees)
				}
			}
		}
	}
}

func (w *world) session(t *rapid.T, x *reference) *read.Session {
	req, err := policy.NewRequest(w.schema, x.viewer, x.purpose.Name)
	if err != nil {
		t.Fatalf("%s may work for %s: %v\n%s", x.role.Name, x.purpose.Name, err, w.sdl)
	}
	return &read.Session{Principal: x.viewer, Request: req.Assured(x.viewer, w.now), Now: w.now}
}

// valueOf is a filter as a request would carry it.
func (w *world) valueOf(t *rapid.T, f filter) any {
	doc := w.parse(t, "{ "+f.typ.Plural+"(where: "+f.value+") { totalCount } }")
	v, err := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value.Value(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// walkThrough reads a list to its end.
func (w *world) walkThrough(t *rapid.T, engine *read.Engine) {
	doc := w.parse(t, w.walk.query)
	vars := map[string]any{}
	for passed := 0; ; passed += w.walk.size {
		answer := w.ask(t, engine, w.viewers[0], w.walk.query, doc, vars, passed)
		if answer == "" { // refused
			return
		}
		var page struct {
			PageInfo struct {
				HasNextPage, HasPreviousPage bool
				StartCursor, EndCursor       string
			}
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil {
			t.Fatal(err)
		}
		more, place := page.PageInfo.HasNextPage, page.PageInfo.EndCursor
		if w.walk.backward {
			more, place = page.PageInfo.HasPreviousPage, page.PageInfo.StartCursor
		}
		if !more {
			return
		}
		vars = map[string]any{"place": place}
	}
}

func (w *world) parse(t *rapid.T, query string) *ast.QueryDocument {
	doc, errs := gqlparser.LoadQueryWithRules(w.api, query, nil)
	if errs != nil {
		t.Fatalf("made up a question that is none: %v\n%s\n%s", errs, query, w.sdl)
	}
	return doc
}

// ask compares the two answers to every root field. It returns the engine's last one, "" for a refusal.
func (w *world) ask(t *rapid.T, engine *read.Engine, x *reference, query string, doc *ast.QueryDocument, vars map[string]any, passed int) string {
	ref := *x
	ref.doc, ref.vars, ref.passed = doc, vars, passed
	op := &graphql.OperationContext{RawQuery: query, Variables: vars, Doc: doc, Operation: doc.Operations[0]}
	ctx := graphql.WithOperationContext(context.Background(), op)
	ctx = read.WithSession(ctx, w.session(t, x))
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Query"})
	fields := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"})
	last := ""
	for i, p := range ref.collect(op.Operation.SelectionSet, "Query") {
		at := graphql.WithResponseContext(ctx, graphql.DefaultErrorPresenter, graphql.DefaultRecover)
		got, err := resolve(graphql.WithFieldContext(at, &graphql.FieldContext{Object: "Query", Field: fields[i]}), engine)
		want, refusal := ref.root(p)
		denials := deniedIn(graphql.GetErrors(at))
		slices.Sort(ref.denials.first)
		if faults := w.vault.audit(&ref); faults != nil {
			t.Fatalf("%s\n%s for %s, subject %s, attributes %v\n%s\n%s", w, x.role.Name, x.purpose.Name, x.viewer.Subject, x.viewer.Attrs, query, strings.Join(faults, "\n"))
		}
		switch {
		case err != nil && (refused(err, refusal) || slices.ContainsFunc(w.refusals(&ref, p.under), func(r error) bool { return refused(err, r) })):
			counts.hidden.Add(1)
			last = ""
			continue
		case err == nil && refusal == nil && canonical(t, got) == canonical(t, want) && slices.Equal(denials, ref.denials.first):
			counts.answered.Add(1)
			counts.denied.Add(int64(len(denials)))
			last = got
			continue
		}
		known := maps.Clone(vars)
		delete(known, "place")
		// Rapid shrinks only what fails with the same text twice, and a cursor may be another each time.
		t.Fatalf("%s\n%s for %s, subject %s, attributes %v\n%s\nvariables %v, after %d rows\n\nengine    %s %v, denied %q\nreference %s %v, denied %q", w, x.role.Name, x.purpose.Name,
			x.viewer.Subject, x.viewer.Attrs, query, known, passed, anonymous.ReplaceAllString(got, `$1"`+aCursor+`"`), err, denials, want, refusal, ref.denials.first)
	}
	return last
}

// deniedIn are the places of an answer that errors say were denied, in order. Any other error stands for itself.
func deniedIn(errs gqlerror.List) (at []string) {
	for _, e := range errs {
		if read.CodeOf(e) != read.CodeConsentRequired {
			at = append(at, e.Error())
			continue
		}
		var mine *read.Error
		errors.As(e, &mine)
		var path []string
		for _, step := range mine.Path {
			path = append(path, fmt.Sprint(step))
		}
		at = append(at, strings.Join(path, "."))
	}
	slices.Sort(at)
	return at
}

var anonymous = regexp.MustCompile(`("(?:cursor|startCursor|endCursor)":)"[^"]*"`)

// refused: the engine says no for this reason.
func refused(err, reason error) bool {
	switch read.CodeOf(err) {
	case read.CodeFieldNotQueryable:
		return errors.Is(reason, errHidden)
	case read.CodeStepUpRequired:
		return errors.Is(reason, errStepUp)
	case read.CodeUnavailable:
		return errors.Is(reason, errMoving)
	}
	return false
}

// refusals: the engine refuses what it plans, also where no row would ever have been asked; the reference meets only
// what there are rows for.
func (w *world) refusals(x *reference, set ast.SelectionSet) (found []error) {
	var visit func(set ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				if t := w.schema.Type(strings.TrimSuffix(s.Definition.Type.Name(), "Connection")); t != nil && strings.HasSuffix(s.Definition.Type.Name(), "Connection") {
					scratch := &writer{}
					x.list(scratch, t, &picked{s, nil}, 0, func(*row) bool { return true })
					found = append(found, scratch.err)
				}
				visit(s.SelectionSet)
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				visit(x.doc.Fragments.ForName(s.Name).SelectionSet)
			}
		}
	}
	visit(set)
	return found
}

// resolve has the engine answer the root field of ctx, as the generated resolvers do.
func resolve(ctx context.Context, engine *read.Engine) (string, error) {
	var out bytes.Buffer
	switch name := graphql.GetFieldContext(ctx).Field.Name; {
	case name == "__typename":
		return `"Query"`, nil
	case name == "nodes", strings.HasSuffix(name, "Aggregate"):
		objects, err := engine.ResolveList(ctx)
		if err != nil {
			return "", err
		}
		out.WriteByte('[')
		for i, o := range objects {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := o.MarshalGQLContext(ctx, &out); err != nil {
				return "", err
			}
		}
		out.WriteByte(']')
	default:
		o, err := engine.Resolve(ctx)
		if err != nil {
			return "", err
		}
		if err := o.MarshalGQLContext(ctx, &out); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// canonical is JSON with its members in their order, numbers by value, and one text for every cursor.
func canonical(t *rapid.T, text string) string {
	if !json.Valid([]byte(text)) {
		return "not JSON: " + text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	last := ""
	for {
		token, err := d.Token()
		if err != nil {
			return b.String()
		}
		switch v := token.(type) {
		case json.Number:
			n, err := strconv.ParseFloat(v.String(), 64)
			if err != nil {
				t.Fatal(err)
			}
			token = n
		case string:
			if last == "cursor" || last == "startCursor" || last == "endCursor" {
				token = aCursor
			}
			last = v
		}
		fmt.Fprintf(&b, "%#v ", token)
	}
}
