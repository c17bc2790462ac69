package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/search"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// asker makes up operations that the API's schema allows.
type asker struct {
	rnd    *rand.Rand
	ir     *ir.Schema
	api    *ast.Schema
	req    policy.Request
	pool   map[string][]string // literals by field name, taken from the content
	ids    []string
	byType map[string][]string
	key    int
	bold   bool // ask about hidden fields as readily as about others
}

func newAsker(p *population, rnd *rand.Rand, req policy.Request) *asker {
	a := &asker{rnd: rnd, ir: p.schema, api: graph.NewExecutableSchema(graph.ExecConfig{}).Schema(), req: req, pool: map[string][]string{}, byType: map[string][]string{}}
	for _, r := range p.rows {
		id := read.EncodeID(r.typ.Name, r.id)
		a.ids, a.byType[r.typ.Name] = append(a.ids, id), append(a.byType[r.typ.Name], id)
		for _, f := range r.typ.Fields {
			if v := r.values[f.Column]; f.Kind == ir.Column && v != nil {
				a.pool[f.Name] = append(a.pool[f.Name], literal(f, v))
			}
		}
	}
	a.ids = append(a.ids, read.EncodeID("Contact", uuid.UUID{}), "nonsense")
	return a
}

func literal(f *ir.Field, v any) string {
	switch v := v.(type) {
	case time.Time:
		if f.Scalar == ir.Date {
			return `"` + v.Format(time.DateOnly) + `"`
		}
		return `"` + v.Format(time.RFC3339Nano) + `"`
	case int64:
		if f.Scalar == ir.Decimal {
			sign := ""
			if v < 0 {
				sign, v = "-", -v
			}
			return fmt.Sprintf(`"%s%d.%04d"`, sign, v/10000, v%10000)
		}
	case string:
		if f.Scalar == ir.String {
			return fmt.Sprintf("%q", v)
		}
	}
	return fmt.Sprint(v)
}

func (a *asker) one(of []string) string { return of[a.rnd.IntN(len(of))] }

// question is an operation with one or two root fields.
func (a *asker) question() string {
	a.key = 0
	var roots []string
	for range 1 + a.rnd.IntN(2) {
		roots = append(roots, a.root())
	}
	return "query @for(purpose: " + a.req.Purpose.Name + ") { " + strings.Join(roots, " ") + " }"
}

func (a *asker) root() string {
	a.key++
	alias := fmt.Sprintf("r%d: ", a.key)
	switch a.rnd.IntN(9) {
	case 0:
		return fmt.Sprintf(`%snodes(ids: ["%s", "%s", "%s"]) { __typename id %s }`, alias, a.one(a.ids), a.one(a.ids), a.one(a.ids), a.fragments(a.ir.Entities()))
	case 1:
		return fmt.Sprintf(`%snode(id: "%s") { id %s }`, alias, a.one(a.ids), a.fragments(a.ir.Entities()))
	case 2:
		return alias + a.selection(a.api.Types["Me"], "me", 3)
	case 3:
		return alias + a.search("", a.one(a.searched()), a.rnd.IntN(6))
	}
	for {
		f := a.api.Query.Fields[a.rnd.IntN(len(a.api.Query.Fields))]
		switch {
		case f.Name == "search":
		case strings.HasSuffix(f.Type.Name(), "Connection"):
			return alias + a.field(f, 3)
		case a.ir.Type(f.Type.Name()) != nil:
			return alias + f.Name + `(id: "` + a.one(a.ids) + `") ` + a.selection(a.api.Types[f.Type.Name()], "", 3)
		}
	}
}

// probes ask about each field in turn, hidden or not: which rows have some of its values, and in what order they come.
// Much of it is refused.
func (a *asker) probes() []string {
	a.bold = true
	defer func() { a.bold = false }()
	var out []string
	ask := func(t *ir.Type, args string) {
		out = append(out, "query @for(purpose: "+a.req.Purpose.Name+") { "+t.Plural+"("+args+") { totalCount nodes { id } pageInfo { hasNextPage } } }")
	}
	for _, t := range search.Types(a.ir) {
		for _, text := range a.searched()[:6] {
			out = append(out, "query @for(purpose: "+a.req.Purpose.Name+") { "+a.search("types: "+api.SearchValue(t), text, 50)+" }")
		}
	}
	for _, t := range a.ir.Entities() {
		for _, f := range a.api.Types[t.Name+"Where"].Fields {
			field := t.Field(f.Name)
			var where string
			switch {
			case field == nil || field.Kind == ir.ID:
				continue
			case field.Kind == ir.ToOne:
				where = a.where(field.Edge.Target, 1)
			case a.api.Types[f.Type.Name()].Fields.ForName("in") != nil && a.pool[f.Name] != nil:
				where = "{in: [" + strings.Join(a.half(a.pool[f.Name]), ", ") + "]}"
			default:
				where = a.comparison(field, a.api.Types[f.Type.Name()])
			}
			where = "{" + f.Name + ": " + where + "}"
			ask(t, "where: "+a.one([]string{where, "{not: " + where + "}", "{or: [" + where + "]}"}))
		}
		if order := a.api.Types[t.Name+"OrderField"]; order != nil {
			for _, v := range order.EnumValues {
				ask(t, "orderBy: [{field: "+v.Name+", direction: "+a.one([]string{"ASC", "DESC"})+"}]")
			}
		}
	}
	return out
}

// searched are texts to search for: values of fields, beginnings of them, and two of them together.
func (a *asker) searched() []string {
	var all, out []string
	for _, t := range search.Types(a.ir) {
		for _, f := range search.Fields(t) {
			all = append(all, a.pool[f.Name]...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for range 12 {
		text, err := strconv.Unquote(a.one(all))
		if err != nil {
			panic(err)
		}
		words := search.Words(text)
		if len(words) == 0 {
			continue
		}
		beginning := []rune(words[0])
		out = append(out, text, string(beginning[:1+a.rnd.IntN(len(beginning))]), text+" "+words[0])
	}
	return out
}

func (a *asker) search(types, text string, first int) string {
	return fmt.Sprintf("search(query: %q, first: %d, %s) { nodes { __typename ... on Node { id } %s } pageInfo { hasNextPage hasPreviousPage } }",
		text, first, types, a.fragments(search.Types(a.ir)))
}

// half is about half of the different values.
func (a *asker) half(values []string) []string {
	set := map[string]bool{}
	var out []string
	for _, v := range values {
		if _, seen := set[v]; !seen {
			set[v] = a.rnd.IntN(2) == 0
		}
		if set[v] {
			out, set[v] = append(out, v), false
		}
	}
	return out
}

func (a *asker) fragments(types []*ir.Type) string {
	t := types[a.rnd.IntN(len(types))]
	return "... on " + t.Name + " " + a.selection(a.api.Types[t.Name], "", 2)
}

// selection picks fields of an object type. Depth bounds what has selections of its own.
func (a *asker) selection(t *ast.Definition, name string, depth int) string {
	out := []string{"__typename"}
	for _, f := range t.Fields {
		if strings.HasPrefix(f.Name, "__") || a.rnd.IntN(3) == 0 {
			continue
		}
		if composite := a.api.Types[f.Type.Name()].IsCompositeType(); composite && (depth == 0 || strings.HasSuffix(f.Type.Name(), "Connection") && a.rnd.IntN(2) == 0) {
			continue
		}
		out = append(out, a.field(f, depth))
	}
	return name + " { " + strings.Join(out, " ") + " }"
}

func (a *asker) field(f *ast.FieldDefinition, depth int) string {
	t := a.api.Types[f.Type.Name()]
	args := ""
	if strings.HasSuffix(t.Name, "Connection") {
		args = a.arguments(a.ir.Type(strings.TrimSuffix(t.Name, "Connection")))
	}
	if !t.IsCompositeType() {
		return f.Name
	}
	if strings.HasSuffix(t.Name, "Connection") || strings.HasSuffix(t.Name, "Edge") {
		depth++ // a connection and its nodes are one step
	}
	return a.selection(t, f.Name+args, depth-1)
}

func (a *asker) arguments(t *ir.Type) string {
	var args []string
	if a.rnd.IntN(2) == 0 {
		args = append(args, fmt.Sprintf("%s: %d", a.one([]string{"first", "last"}), a.rnd.IntN(5)))
	}
	if a.rnd.IntN(2) == 0 {
		args = append(args, "where: "+a.where(t, 2))
	}
	if order := a.order(t); order != "" && a.rnd.IntN(2) == 0 {
		args = append(args, "orderBy: "+order)
	}
	if args == nil {
		return ""
	}
	return "(" + strings.Join(args, ", ") + ")"
}

func (a *asker) where(t *ir.Type, depth int) string {
	input := a.api.Types[t.Name+"Where"]
	var parts []string
	for range 1 + a.rnd.IntN(2) {
		f := input.Fields[a.rnd.IntN(len(input.Fields))]
		if strings.Contains(strings.Join(parts, " "), f.Name+": ") {
			continue
		}
		var v string
		switch field := t.Field(f.Name); {
		case field == nil && depth == 0:
			continue
		case f.Name == "not":
			v = a.where(t, depth-1)
		case field == nil:
			v = "[" + a.where(t, depth-1) + ", " + a.where(t, depth-1) + "]"
		case a.hides(field) && !a.bold && a.rnd.IntN(12) > 0: // else most questions would end in a refusal
			continue
		case field.Kind == ir.ToOne && depth == 0:
			continue
		case field.Kind == ir.ToOne:
			v = a.where(field.Edge.Target, depth-1)
		case field.Kind == ir.ID:
			v = fmt.Sprintf(`{in: ["%s", "%s"]}`, a.one(a.ids), a.one(a.ids))
		default:
			v = a.comparison(field, a.api.Types[f.Type.Name()])
		}
		parts = append(parts, f.Name+": "+v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// byRow reports whether a field can be asked about where a row lets it be.
func (a *asker) byRow(f *ir.Field) bool {
	c := policy.CellOf(f, a.req)
	return api.Groupable(f) && c.Queryable() && c.ByRow()
}

func (a *asker) hides(f *ir.Field) bool {
	c := policy.CellOf(f, a.req)
	return f.Kind != ir.ID && !c.Queryable()
}

func (a *asker) comparison(f *ir.Field, filter *ast.Definition) string {
	op := filter.Fields[a.rnd.IntN(len(filter.Fields))]
	values := a.pool[f.Name]
	switch {
	case op.Name == "isNull":
		return "{isNull: " + a.one([]string{"true", "false", "null"}) + "}"
	case len(values) == 0 || a.rnd.IntN(12) == 0:
		return "{" + op.Name + ": null}"
	case op.Type.Elem != nil:
		return "{" + op.Name + ": [" + a.one(values) + ", " + a.one(values) + "]}"
	}
	return "{" + op.Name + ": " + a.one(values) + "}"
}

// order is one or two sort keys, "" where there are none.
func (a *asker) order(t *ir.Type) string {
	fields := a.api.Types[t.Name+"OrderField"]
	if fields == nil {
		return ""
	}
	var terms []string
	for range 1 + a.rnd.IntN(2) {
		v := fields.EnumValues[a.rnd.IntN(len(fields.EnumValues))].Name
		for _, f := range t.Fields {
			if f.Kind == ir.Column && api.OrderValue(f) == v && a.hides(f) && !a.bold && a.rnd.IntN(12) > 0 {
				v = "" // else most questions would end in a refusal
			}
		}
		if v != "" {
			terms = append(terms, "{field: "+v+", direction: "+a.one([]string{"ASC", "DESC"})+"}")
		}
	}
	return "[" + strings.Join(terms, ", ") + "]"
}

// lists asks for all lists at the edges of a type's rows, and what each of their rows leads to.
func (a *asker) lists() string {
	var with []*ir.Type
	for _, t := range a.ir.Entities() {
		if slices.ContainsFunc(t.Fields, func(f *ir.Field) bool { return f.Kind == ir.ToMany }) {
			with = append(with, t)
		}
	}
	t := with[a.rnd.IntN(len(with))]
	inner := []string{"id"}
	for _, f := range t.Fields {
		if f.Kind == ir.ToMany {
			inner = append(inner, f.Name+a.arguments(f.Edge.Target)+" { totalCount nodes "+a.selection(a.api.Types[f.Edge.Target.Name], "", 1)+" }")
		}
	}
	return "query @for(purpose: " + a.req.Purpose.Name + ") { " + t.Plural + " { nodes { " + strings.Join(inner, " ") + " } } }"
}

// aggregate asks for groups of a type.
func (a *asker) aggregate() string {
	t := a.ir.Entities()[a.rnd.IntN(len(a.ir.Entities()))]
	for range 20 { // mostly of a type where something depends on the row
		if slices.ContainsFunc(t.Fields, a.byRow) || a.rnd.IntN(8) == 0 {
			break
		}
		t = a.ir.Entities()[a.rnd.IntN(len(a.ir.Entities()))]
	}
	var selection []string
	for _, f := range a.api.Types[api.Aggregate(t)].Fields {
		if inner := a.figures(t, f, 2); inner != "" {
			selection = append(selection, inner)
		}
	}
	return "query @for(purpose: " + a.req.Purpose.Name + ") { " + api.AggregateField(t) + "(where: " + a.where(t, 2) + ") { " + strings.Join(selection, " ") + " count } }"
}

func (a *asker) figures(t *ir.Type, f *ast.FieldDefinition, depth int) string {
	def := a.api.Types[f.Type.Name()]
	if !def.IsCompositeType() {
		return f.Name
	}
	var inner []string
	for _, i := range a.rnd.Perm(len(def.Fields)) {
		sub := def.Fields[i]
		field := t.Field(sub.Name)
		if a.rnd.IntN(3) > 0 && !a.byRow(field) || a.hides(field) && a.rnd.IntN(8) > 0 {
			continue
		}
		if len(inner) > 0 && a.rnd.IntN(4) > 0 { // by one thing mostly: there are few rows to group
			break
		}
		switch {
		case field.Kind == ir.ToOne && depth > 0:
			if s := a.figures(field.Edge.Target, sub, depth-1); s != "" {
				inner = append(inner, s)
			}
		case field.Kind == ir.Column && api.Dated(field) && sub.Arguments != nil:
			inner = append(inner, sub.Name+"(by: "+a.one([]string{"YEAR", "MONTH", "DAY"})+")")
		case field.Kind == ir.Column:
			inner = append(inner, sub.Name)
		}
	}
	if inner == nil {
		return ""
	}
	return f.Name + " { " + strings.Join(inner, " ") + " }"
}

// mutation writes something, often something that is not allowed.
func (a *asker) mutation() string {
	t := a.ir.Entities()[a.rnd.IntN(len(a.ir.Entities()))]
	for range 6 { // mostly of a type that the viewer may write
		if policy.RowsOf(t, ir.Update, a.req).Allowed {
			break
		}
		t = a.ir.Entities()[a.rnd.IntN(len(a.ir.Entities()))]
	}
	back := " { " + t.Singular + " { id " + a.selection(a.api.Types[t.Name], "... on "+t.Name, 1) + " } }"
	id := fmt.Sprintf("id: %q", a.one(a.ids))
	if of := a.byType[t.Name]; a.rnd.IntN(4) > 0 {
		id = fmt.Sprintf("id: %q", a.one(of))
	}
	var body string
	switch a.rnd.IntN(6) {
	case 0:
		body = api.DeleteField(t) + "(" + id + ") { deletedId }"
	case 1, 2:
		body = api.CreateField(t) + "(input: " + a.input(t, api.CreateInput(t), ir.Create) + ")" + back
	case 3:
		body = a.one([]string{"giveConsent", "withdrawConsent"}) + "(input: {purpose: " + a.ir.Purposes[a.rnd.IntN(len(a.ir.Purposes))].Name +
			fmt.Sprintf(`, subject: %q, method: TELEPHONE, evidence: "call 7"}) { consent { given at purpose } entryId }`, a.one(a.ids))
	default:
		body = api.UpdateField(t) + "(" + id + ", input: " + a.input(t, api.UpdateInput(t), ir.Update) + ")" + back
	}
	return "mutation @for(purpose: " + a.req.Purpose.Name + ") { " + body + " }"
}

func (a *asker) input(t *ir.Type, name string, op ir.Op) string {
	var parts []string
	for _, f := range a.api.Types[name].Fields {
		field := t.Field(f.Name)
		if field == nil {
			field = t.Field(strings.TrimSuffix(f.Name, "Id"))
		}
		if field == nil {
			continue
		}
		_, _, _, writable := policy.MayWrite(field, op, a.req)
		if !f.Type.NonNull && (a.rnd.IntN(3) > 0 && !field.Unique || !writable && a.rnd.IntN(20) > 0) {
			continue
		}
		v := "null"
		switch values := a.pool[f.Name]; {
		case field.Kind == ir.ToOne:
			v = fmt.Sprintf("%q", a.one(a.byType[field.Edge.Target.Name]))
		case len(values) > 0 && (f.Type.NonNull || a.rnd.IntN(8) > 0):
			v = a.one(values)
		}
		parts = append(parts, f.Name+": "+v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// broken is an operation with something wrong in it, or none at all.
func (a *asker) broken() string {
	q := a.question()
	if a.rnd.IntN(3) == 0 {
		q = a.mutation()
	}
	switch a.rnd.IntN(6) {
	case 0:
		return q[:a.rnd.IntN(len(q))]
	case 1:
		return request(q)[:3+a.rnd.IntN(len(q))]
	case 2:
		return strings.Replace(q, "id", "nope", 1)
	case 3:
		return strings.NewReplacer("ASC", "UP", "EMEA", "{}", "first: ", "first: $n, frist: ", "count", "counts").Replace(q)
	case 4:
		return strings.Replace(q, a.req.Purpose.Name, a.one([]string{"NONE", "SECURITY", "7", "$p"}), 1)
	default:
		words := strings.Fields(q)
		i := a.rnd.IntN(len(words))
		words[i] = a.one([]string{"", "x", "{", "}", `"`, "null", "-1", "[", "$v"})
		return strings.Join(words, " ")
	}
}
