package codegen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// apiPath is the SDL of the API, the only schema gqlgen reads.
const apiPath = "graph/api_gen.graphqls"

// purposeEnum is the user's enum the vocabulary annotates.
const purposeEnum = "Purpose"

// API derives the SDL of the GraphQL API. It carries no annotation: clients learn the shape of the data, not the policy.
func API(s *ir.Schema) File {
	w := &sdl{schema: s, filters: map[string]bool{}}
	w.line(graphqlHeader)
	w.preamble()
	for _, e := range s.Enums {
		w.enum(e)
	}
	for _, i := range s.Interfaces {
		w.iface(i)
	}
	for _, u := range s.Unions {
		w.desc("", u.Desc)
		w.line("union %s = %s", u.Name, strings.Join(u.Members, " | "))
		w.line("")
	}
	for _, i := range s.Inputs {
		w.block(i.SDL)
	}
	for _, t := range s.Types {
		w.object(t)
		if t.Entity {
			w.connection(t)
			w.where(t)
			w.order(t)
			w.aggregate(t)
			w.inputs(t)
			w.payloads(t)
			w.change(t)
		}
	}
	w.filterTypes()
	w.me()
	w.consent()
	w.search()
	w.query()
	w.mutation()
	w.subscription()
	return File{Path: apiPath, Data: []byte(strings.TrimRight(w.String(), "\n") + "\n")}
}

type sdl struct {
	strings.Builder
	schema  *ir.Schema
	filters map[string]bool
	used    []api.Filter // in order of first use
}

func (w *sdl) line(format string, args ...any) {
	if len(args) == 0 {
		w.WriteString(format)
	} else {
		fmt.Fprintf(w, format, args...)
	}
	w.WriteByte('\n')
}

// iface writes an interface of the user's as its implementations can keep it: an edge is as api.OutputType has it in all
// of them, so it must be in the interface too.
func (w *sdl) iface(i *ir.Interface) {
	doc, err := parser.ParseSchema(&ast.Source{Name: i.Name, Input: i.SDL})
	if err != nil || len(doc.Definitions) != 1 {
		w.block(i.SDL) // gqlgen says what is wrong with it
		return
	}
	def := doc.Definitions[0]
	w.desc("", def.Description)
	w.WriteString("interface " + def.Name)
	if len(def.Interfaces) > 0 {
		w.WriteString(" implements " + strings.Join(def.Interfaces, " & "))
	}
	w.line(" {")
	for _, f := range def.Fields {
		args, typ := "", f.Type.String()
		if edge := w.edgeOf(i.Name, f.Name); edge != nil {
			typ = api.OutputType(edge)
			if edge.Kind == ir.ToMany {
				args = listArgs(edge.Edge.Target)
			}
		}
		w.desc("  ", f.Description)
		w.line("  %s%s: %s", f.Name, args, typ)
	}
	w.line("}")
	w.line("")
}

// edgeOf finds the edge by which an entity implements an interface's field, or nil.
func (w *sdl) edgeOf(iface, field string) *ir.Field {
	for _, t := range w.schema.Entities() {
		if !slices.Contains(t.Implements, iface) {
			continue
		}
		if f := t.Field(field); f != nil && f.Edge != nil {
			return f
		}
	}
	return nil
}

// block writes a definition that is SDL already.
func (w *sdl) block(text string) {
	w.line("%s", strings.TrimSpace(text))
	w.line("")
}

// desc writes a description as a block string, whose one escape is `\"""`.
func (w *sdl) desc(indent, text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	w.line(`%s"""`, indent)
	for _, l := range strings.Split(strings.ReplaceAll(text, `"""`, `\"""`), "\n") {
		w.line("%s", strings.TrimRight(indent+l, " \t"))
	}
	w.line(`%s"""`, indent)
}

func (w *sdl) preamble() {
	w.line(`
"A date and time, RFC 3339, in UTC."
scalar DateTime

"A calendar date, RFC 3339 full-date."
scalar Date

"A decimal number with at most four decimal places, written as a string."
scalar Decimal

"Any JSON value."
scalar JSON

"An ISO 8601 calendar period."
scalar Period
`)
	known := map[string]bool{"DateTime": true, "Date": true, "Decimal": true, "JSON": true, "Period": true}
	for _, name := range w.schema.Scalars {
		if !known[name] {
			w.line("scalar %s", name)
			w.line("")
		}
	}
	if w.schema.Enum(purposeEnum) != nil {
		w.line(`"The purpose of this operation. It may be left out by a role that has only one."
directive @for(purpose: %s!) on QUERY | MUTATION | SUBSCRIPTION
`, purposeEnum)
	}
	w.line(`"A record with a globally unique identifier."
interface Node {
  id: ID!
}

"Where a page stands in the whole list."
type PageInfo {
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  "Pass it as ` + "`before`" + ` for the page before. Opaque, and good only for this viewer, purpose, order and filter, for a day."
  startCursor: String
  "Pass it as ` + "`after`" + ` for the next page."
  endCursor: String
}

enum OrderDirection {
  ASC
  DESC
}

"By what dates are grouped."
enum CalendarUnit {
  YEAR
  MONTH
  DAY
}
`)
}

// aggregate offers counts and figures of groups. What a group has in common is what is selected of groupBy: it need not be
// said twice.
func (w *sdl) aggregate(t *ir.Type) {
	figures := api.Figures(t)
	var keys []*ir.Field
	for _, f := range t.Fields {
		if api.Groupable(f) {
			keys = append(keys, f)
		}
	}
	w.line(`"Rows of %s that have in common what is selected of groupBy: all of them, if nothing is."`, t.Plural)
	w.line("type %s {", api.Aggregate(t))
	if keys != nil {
		w.line(`  "What the rows of the group have in common, in UTC where it is a date. To group by a field is to read it."`)
		w.line("  groupBy: %s!", api.AggregateKey(t))
	}
	w.line(`  "How many rows there are in the group."`)
	w.line("  count: Int!")
	for _, fig := range figures {
		w.line("  %q", fig.Desc)
		w.line("  %s: %s!", fig.Name, fig.Type)
	}
	w.line("}")
	w.line("")
	if keys != nil {
		w.line("type %s {", api.AggregateKey(t))
		for _, f := range keys {
			w.desc("  ", f.Desc)
			switch {
			case f.Kind == ir.ToOne:
				w.line("  %s: %s", f.Name, api.AggregateKey(f.Edge.Target))
			case api.Dated(f):
				w.line("  %s(by: %s! = MONTH): String", f.Name, api.CalendarUnit)
			default:
				w.line("  %s: %s", f.Name, f.Type.Name)
			}
		}
		w.line("}")
		w.line("")
	}
	for _, fig := range figures {
		w.line("type %s {", fig.Type)
		for _, f := range fig.Fields {
			w.line("  %s: %s", f.Field.Name, f.Type)
		}
		w.line("}")
		w.line("")
	}
}

func (w *sdl) enum(e *ir.Enum) {
	w.desc("", e.Desc)
	w.line("enum %s {", e.Name)
	for _, v := range e.Values {
		w.desc("  ", v.Desc)
		w.line("  %s%s", v.Name, behind(v.Deprecated))
	}
	w.line("}")
	w.line("")
}

func (w *sdl) object(t *ir.Type) {
	w.desc("", t.Desc)
	implements := append([]string(nil), t.Implements...)
	if t.Entity {
		implements = append([]string{"Node"}, implements...)
	}
	w.WriteString("type " + t.Name)
	if len(implements) > 0 {
		w.WriteString(" implements " + strings.Join(implements, " & "))
	}
	w.line(" {")
	if t.Entity && t.Field("id") == nil {
		w.line("  id: ID!")
	}
	for _, f := range t.Fields {
		if !api.Shown(f) {
			continue
		}
		w.desc("  ", f.Desc)
		args := ""
		if f.Kind == ir.ToMany {
			args = listArgs(f.Edge.Target)
		}
		w.line("  %s%s: %s%s", f.Name, args, api.OutputType(f), behind(f.Deprecated))
	}
	w.line("}")
	w.line("")
}

// behind puts a space before a directive that is there.
func behind(directive string) string {
	if directive == "" {
		return ""
	}
	return " " + directive
}

// pageArgs choose a page of a list (Relay cursor connections): first with after, or last with before.
const pageArgs = `"How many rows from the beginning, or after a cursor. 25 unless told, 1000 at most." first: Int, ` +
	`"The endCursor of the page before." after: String, ` +
	`"How many rows from the end, or before a cursor; instead of first." last: Int, ` +
	`"The startCursor of the page after." before: String`

// listArgs are the arguments of every list of t.
func listArgs(t *ir.Type) string {
	args := "(" + pageArgs + `, "Only rows for which this holds." where: ` + api.Where(t)
	if sortable(t) {
		args += `, "By the first, then the second, …; nulls come last. Without it: in the order of creation." orderBy: [` + api.Order(t) + "!]"
	}
	return args + ")"
}

func sortable(t *ir.Type) bool {
	for _, f := range t.Fields {
		if api.Sortable(f) {
			return true
		}
	}
	return false
}

func (w *sdl) connection(t *ir.Type) {
	w.line(`"A page of %s."
type %s {
  edges: [%s!]!
  nodes: [%s!]!
  pageInfo: PageInfo!
  "How many there are in all. Counted only when asked for."
  totalCount: Int
}

type %s {
  cursor: String!
  node: %s!
}
`, t.Plural, api.Connection(t), api.Edge(t), t.Name, api.Edge(t), t.Name)
}

// where offers a filter on every field that may be asked about at all, see package api.
func (w *sdl) where(t *ir.Type) {
	name := api.Where(t)
	w.line(`"All conditions must hold. To filter by a field is to read it: what you would not see revealed cannot be asked about."`)
	w.line("input %s {", name)
	w.line(`  "All of them hold."`)
	w.line("  and: [%s!]", name)
	w.line(`  "One of them holds."`)
	w.line("  or: [%s!]", name)
	w.line(`  "It does not hold."`)
	w.line("  not: %s", name)
	w.line("  id: %s", w.use(api.Filter{Scalar: ir.UUID, Class: api.Exact}))
	for _, f := range t.Fields {
		if !api.Shown(f) || f.Kind == ir.ID {
			continue
		}
		if f.Kind == ir.ToOne {
			w.line("  %s: %s", f.Name, api.Where(f.Edge.Target))
		} else if filter, ok := api.FilterOf(f); ok {
			w.line("  %s: %s", f.Name, w.use(filter))
		}
	}
	w.line("}")
	w.line("")
}

func (w *sdl) use(f api.Filter) string {
	name := f.Name()
	if !w.filters[name] {
		w.filters[name] = true
		w.used = append(w.used, f)
	}
	return name
}

func (w *sdl) filterTypes() {
	for _, f := range w.used {
		w.line("input %s {", f.Name())
		for _, op := range f.Ops() {
			w.line("  %q", op.Desc)
			w.line("  %s: %s", op.Name, op.Type)
		}
		w.line("}")
		w.line("")
	}
}

func (w *sdl) order(t *ir.Type) {
	if !sortable(t) {
		return
	}
	w.line("input %s {", api.Order(t))
	w.line("  field: %s!", api.OrderField(t))
	w.line("  direction: OrderDirection! = ASC")
	w.line("}")
	w.line("")
	w.line("enum %s {", api.OrderField(t))
	for _, f := range t.Fields {
		if api.Sortable(f) {
			w.line("  %s", api.OrderValue(f))
		}
	}
	w.line("}")
	w.line("")
}

func (w *sdl) inputs(t *ir.Type) {
	w.input(api.CreateInput(t), t, api.Settable, api.Required)
	w.input(api.UpdateInput(t), t, api.Changeable, func(*ir.Field) bool { return false })
}

func (w *sdl) input(name string, t *ir.Type, takes, required func(*ir.Field) bool) {
	w.line("input %s {", name)
	empty := true
	for _, f := range t.Fields {
		if !takes(f) {
			continue
		}
		empty = false
		bang := ""
		if required(f) {
			bang = "!"
		}
		w.desc("  ", f.Desc)
		w.line("  %s: %s%s", api.InputName(f), api.InputType(f), bang)
	}
	if empty {
		// An input object needs a field.
		w.line(`  "There is nothing to set."`)
		w.line("  _: Boolean")
	}
	w.line("}")
	w.line("")
}

func (w *sdl) payloads(t *ir.Type) {
	for _, name := range []string{api.CreatePayload(t), api.UpdatePayload(t)} {
		w.line("type %s {", name)
		w.line(`  "The record as the viewer may see it; null if they may not."`)
		w.line("  %s: %s", t.Singular, t.Name)
		w.line("}")
		w.line("")
	}
	w.line("type %s {", api.DeletePayload(t))
	w.line("  deletedId: ID")
	w.line("}")
	w.line("")
}

// change is what a subscription tells of a row.
func (w *sdl) change(t *ir.Type) {
	w.line(`"What became of one of the %s, as the viewer sees it."`, t.Plural)
	w.line("type %s {", api.Change(t))
	w.line("  kind: ChangeKind!")
	w.line("  id: ID!")
	w.line(`  "The record as the viewer may see it now; null once it is not there for them."`)
	w.line("  node: %s", t.Name)
	w.line("}")
	w.line("")
}

func (w *sdl) me() {
	w.line(`"Who is asking."`)
	w.line("type Me {")
	w.line("  id: ID!")
	w.line("  role: String!")
	for _, t := range w.schema.Entities() {
		if t.Subject {
			w.line(`  "The records that are about the viewer themselves."`)
			w.line("  %s(%s): %s!", t.Plural, pageArgs, api.Connection(t))
		}
	}
	if w.schema.Enum(purposeEnum) != nil {
		w.line(`  "What the viewer consented and objected to, one entry per purpose."`)
		w.line("  consents: [ConsentState!]!")
	}
	w.line("}")
	w.line("")
}

func (w *sdl) query() {
	w.line("type Query {")
	w.line("  \"Who is asking, and the records that are about them.\"")
	w.line("  me: Me")
	w.line("  \"Any record by its identifier. A missing record and one the viewer may not see look the same.\"")
	w.line("  node(id: ID!): Node")
	w.line("  \"Records by their identifiers, in their order; null where there is none.\"")
	w.line("  nodes(ids: [ID!]!): [Node]!")
	w.searchField()
	for _, t := range w.schema.Entities() {
		w.line(`  "One record; null where there is none for the viewer."`)
		w.line("  %s(id: ID!): %s", t.Singular, t.Name)
		w.line(`  "The records that exist for the viewer, a page at a time."`)
		w.line("  %s%s: %s!", t.Plural, listArgs(t), api.Connection(t))
		w.line(`  "Counts, sums, means and extremes of groups of them. Groups of a few people are left out."`)
		w.line("  %s(where: %s): [%s!]!", api.AggregateField(t), api.Where(t), api.Aggregate(t))
	}
	if w.schema.Enum(purposeEnum) != nil {
		w.consentQueries()
	}
	w.operations(w.schema.Queries)
	w.line("}")
	w.line("")
}

func (w *sdl) mutation() {
	s := w.schema
	consent := s.Enum(purposeEnum) != nil
	if len(s.Entities()) == 0 && !consent && len(s.Mutations) == 0 {
		return
	}
	w.line("type Mutation {")
	if consent {
		w.consentMutations()
	}
	for _, t := range s.Entities() {
		w.line("  %s(input: %s!): %s!", api.CreateField(t), api.CreateInput(t), api.CreatePayload(t))
		w.line("  %s(id: ID!, input: %s!): %s!", api.UpdateField(t), api.UpdateInput(t), api.UpdatePayload(t))
		w.line("  %s(id: ID!): %s!", api.DeleteField(t), api.DeletePayload(t))
	}
	w.operations(s.Mutations)
	w.line("}")
	w.line("")
}

// subscription offers to tell what changes. Each event is a new read, so nothing of it is decided here.
func (w *sdl) subscription() {
	consent := w.schema.Enum(purposeEnum) != nil
	if len(w.schema.Entities()) == 0 && !consent {
		return
	}
	w.line(`"What happened to a record, from where the viewer stands: coming into sight is being created, going out of sight is being deleted."
enum ChangeKind {
  CREATED
  UPDATED
  DELETED
}
`)
	if consent {
		w.line(`"What a person consents and objects to, after something of it changed."
type ConsentChange {
  "Where they stand towards each purpose now."
  consents: [ConsentState!]!
}
`)
	}
	w.line("type Subscription {")
	if consent {
		w.line(`  "Tells when a person gives or withdraws consent: the viewer, or whom one of their records names to those who may record it."`)
		w.line("  consentChanged(subject: ID): ConsentChange!")
	}
	for _, t := range w.schema.Entities() {
		w.line(`  "Tells of %s as they change for the viewer: of the ones named, or of all. Changes of what the viewer does not see are not told."`, t.Plural)
		w.line(`  %s("One record." id: ID, "These records, 100 at most." ids: [ID!]): %s!`, api.ChangedField(t), api.Change(t))
	}
	w.line("}")
	w.line("")
}

// operations writes the user's own root fields as they are.
func (w *sdl) operations(ops []*ir.Operation) {
	for _, op := range ops {
		for _, l := range strings.Split(strings.TrimSpace(op.SDL), "\n") {
			w.line("  %s", strings.TrimSpace(l))
		}
	}
}
