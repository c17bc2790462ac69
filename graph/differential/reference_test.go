package differential

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/directives/codegen/api"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// reference answers operations by the rules of a decision (docs/vocabulary.md, docs/adr/0001 and 0002), over rows in
// memory, one by one and cell by cell.
type reference struct {
	schema  *ir.Schema
	rows    content
	viewer  policy.Principal
	role    *ir.Role
	purpose *ir.Purpose
	now     time.Time
	masker  policy.Masker
	vault   *vault
	doc     *ast.QueryDocument
	vars    map[string]any
	passed  int // rows of the root list on pages before this one
	denials *denials
}

// denials are where fields of an answer were denied, each for the first time.
type denials struct {
	first []string
	known map[string]bool
}

// note keeps a denied field of a type, at a place of the answer.
func (d *denials) note(t *ir.Type, at []string) {
	key := t.Name
	for _, step := range at {
		if _, err := strconv.Atoi(step); err != nil { // a field, and no place in a list
			key += "." + step
		}
	}
	if !d.known[key] {
		d.known[key] = true
		d.first = append(d.first, strings.Join(at, "."))
	}
}

// errHidden refuses a question about a field the viewer can never see. errMoving refuses one about a plain field some of
// whose values are still sealed. errStepUp refuses one that the viewer could ask after signing in once more.
var (
	errHidden = errors.New("asked about a hidden field")
	errMoving = errors.New("asked about a field that moves")
	errStepUp = errors.New("asked for what a step-up would open")
)

// outcome of a cell, in rising order: the strictest of several is the least.
type outcome int

const (
	denied outcome = iota
	withheld
	masked
	shown
)

// without: what becomes of a cell for want of consent.
func without(o ir.Otherwise) outcome {
	return map[ir.Otherwise]outcome{ir.OtherwiseMask: masked, ir.OtherwiseNull: withheld, ir.OtherwiseDeny: denied}[o]
}

// ---- rows --------------------------------------------------------------------------------------------------------

func (x *reference) selfService() bool { return x.purpose.Name == "SELF_SERVICE" }

// ownOnly: a data subject, and whoever asks for SELF_SERVICE, reaches the viewer's own records and no others.
func (x *reference) ownOnly() bool { return x.viewer.IsSubject() || x.selfService() }

// owners are the people a row is about: itself, if it is a person, and who its @owner edges lead to.
func owners(r *row) []*row {
	var out []*row
	if r.typ.Subject {
		out = append(out, r)
	}
	for _, f := range r.typ.Fields {
		if to := r.links[f]; to != nil && f.Edge.IsOwner {
			if to.typ.Subject {
				out = append(out, to)
			} else {
				out = append(out, owners(to)...)
			}
		}
	}
	return out
}

func personal(t *ir.Type) bool {
	return t.Subject || slices.ContainsFunc(t.Fields, func(f *ir.Field) bool { return f.Edge != nil && f.Edge.IsOwner })
}

// all must have consented, and there must be someone; one restriction or objection suffices.
func consented(r *row, to *ir.Purpose) bool {
	people := owners(r)
	return len(people) > 0 && !slices.ContainsFunc(people, func(p *row) bool { return p.state&(1<<to.Bit) == 0 })
}

func anyOwner(r *row, bit int64) bool {
	return slices.ContainsFunc(owners(r), func(p *row) bool { return p.state&bit != 0 })
}

// exists: a row that does not exist for the viewer is as good as missing.
func (x *reference) exists(r *row) bool {
	t, p := r.typ, x.purpose
	if !x.granted(t.Access, r) || !t.Purposes.Empty() && !t.Purposes.Has(p) || x.over(t.Retains, r) {
		return false
	}
	if anyOwner(r, erasing) {
		return false
	}
	if anyOwner(r, restricted) && p.Basis != ir.BasisLegalObligation && p.Basis != ir.BasisVitalInterests && !x.selfService() {
		return false
	}
	if (p.Basis == ir.BasisLegitimateInterests || p.Basis == ir.BasisPublicTask) && anyOwner(r, 1<<p.Bit) {
		return false
	}
	for _, c := range t.Consents {
		if c.Otherwise == ir.OtherwiseHideRow && !x.selfService() && !consented(r, c.To) {
			return false
		}
	}
	if p.Basis == ir.BasisConsent && p.Otherwise == ir.OtherwiseHideRow && personal(t) && !x.selfService() && !consented(r, p) {
		return false
	}
	if x.ownOnly() && personal(t) {
		return slices.ContainsFunc(owners(r), func(p *row) bool { return x.viewer.IsSubject() && p.subject == x.viewer.Subject })
	}
	return true
}

// listed: what belongs to nobody a data subject meets only over an edge of what is theirs.
func (x *reference) listed(r *row) bool { return x.exists(r) && (personal(r.typ) || !x.ownOnly()) }

// contactable: everybody whom a row is about may be contacted by a channel, and there is somebody. Who asks, and why, is no matter.
func (x *reference) contactable(r *row, ways *ir.Enum, by any) bool {
	i := slices.IndexFunc(ways.Values, func(v ir.EnumValue) bool { return v.Name == by })
	if i < 0 || ways.Values[i].Channel == nil {
		return false
	}
	people := owners(r)
	return len(people) > 0 && !slices.ContainsFunc(people, func(p *row) bool { return !x.reached(p, ways.Values[i].Channel.For, ways.Values[i].Channel.By) })
}

// reached: a person may be contacted for a purpose, with the field that is needed for it.
func (x *reference) reached(p *row, why *ir.Purpose, by string) bool {
	serves := func(only ir.PurposeSet) bool { return only.Empty() || only.Has(why) }
	gates, periods := p.typ.Consents, p.typ.Retains
	if by != "" {
		f := p.typ.Field(by)
		if f == nil || !serves(f.Purposes) || p.cells[f] == nil {
			return false
		}
		gates, periods = append(slices.Clone(gates), f.Consents...), append(slices.Clone(periods), f.Retains...)
	}
	lawful := why.Basis == ir.BasisLegalObligation || why.Basis == ir.BasisVitalInterests || why.Name == "SELF_SERVICE"
	switch {
	case !serves(p.typ.Purposes), x.over(periods, p):
		return false
	case anyOwner(p, erasing), !lawful && anyOwner(p, restricted|held):
		return false
	case why.Basis == ir.BasisConsent && !consented(p, why):
		return false
	case (why.Basis == ir.BasisLegitimateInterests || why.Basis == ir.BasisPublicTask) && anyOwner(p, 1<<why.Bit):
		return false
	}
	return !slices.ContainsFunc(gates, func(c ir.Consent) bool { return !consented(p, c.To) })
}

// granted: some rule about reading names the role, and its condition holds.
func (x *reference) granted(rules []*ir.Access, r *row) bool {
	return slices.ContainsFunc(rules, func(a *ir.Access) bool {
		return a.To.Has(ir.Read) && a.Roles.Has(x.role) && x.proved(a) && (a.When == nil || !sealedIn(a.When.Expr, r) && x.truth(a.When.Expr, r) == yes)
	})
}

// proved: the session has what the rule asks of it. How long ago somebody signed in that nobody knows, or that is yet to come, is
// too long.
func (x *reference) proved(a *ir.Access) bool {
	at := x.viewer.AuthenticatedAt
	fresh := !at.IsZero() && at.Before(x.now.Add(time.Minute)) && !at.Add(time.Duration(a.StepUp.FreshWithin)).Before(x.now)
	return x.viewer.AAL >= a.StepUp.AAL && (a.StepUp.FreshWithin == 0 || fresh)
}

// raised is the viewer after every step-up.
func (x *reference) raised() *reference {
	up := *x
	up.viewer.AAL, up.viewer.AuthenticatedAt = 2, x.now
	return &up
}

// mayRead: some rule about reading lets the role read some row of the type, for the purpose.
func (x *reference) mayRead(t *ir.Type) bool {
	return (t.Purposes.Empty() || t.Purposes.Has(x.purpose)) && slices.ContainsFunc(t.Access, func(a *ir.Access) bool { return a.To.Has(ir.Read) && a.Roles.Has(x.role) && x.proved(a) })
}

// sealedIn: a condition is about a plain field whose value in this row is still sealed. SQL cannot read it, so nothing is
// granted.
func sealedIn(e *ir.Expr, r *row) bool {
	for i, f := range e.Path {
		if i == len(e.Path)-1 && r.left[f] {
			return true
		}
		if r = r.links[f]; r == nil {
			break
		}
	}
	return slices.ContainsFunc(e.Args, func(a *ir.Expr) bool { return sealedIn(a, r) })
}

func aboutReading(rules []*ir.Access) bool {
	return slices.ContainsFunc(rules, func(a *ir.Access) bool { return a.To.Has(ir.Read) })
}

// over: one of the periods has ended. One that has not begun has not. Of one whose beginning is still sealed nobody knows.
func (x *reference) over(rules []*ir.Retain, r *row) bool {
	return slices.ContainsFunc(rules, func(rule *ir.Retain) bool {
		if r.left[rule.After] {
			return true
		}
		begun, ok := r.cells[rule.After].(time.Time)
		return ok && !rule.For.End(begun).After(x.now)
	})
}

// ---- cells -------------------------------------------------------------------------------------------------------

// cell decides about one field of a row that exists. What is hidden whoever the row is about is withheld; of the rest the
// strictest holds.
func (x *reference) cell(f *ir.Field, r *row) outcome {
	if !x.open(f) {
		return withheld
	}
	best := shown
	if aboutReading(f.Access) && !x.granted(f.Access, r) || x.over(f.Retains, r) {
		best = withheld
	}
	if f.Kind == ir.Computed {
		for _, from := range f.Computed.From {
			best = min(best, x.cell(from, r))
		}
	}
	if x.selfService() {
		return best
	}
	for _, c := range f.Consents {
		switch {
		case consented(r, c.To):
		case f.Pii == nil: // what is not classified has no mask
			best = min(best, withheld, without(c.Otherwise))
		default:
			best = min(best, without(c.Otherwise))
		}
	}
	if f.Pii == nil {
		return best
	}
	for _, c := range f.Owner.Consents {
		if c.Otherwise != ir.OtherwiseHideRow && !consented(r, c.To) {
			best = min(best, without(c.Otherwise))
		}
	}
	if p := x.purpose; p.Basis == ir.BasisConsent && p.Otherwise != ir.OtherwiseHideRow && !consented(r, p) {
		best = min(best, without(p.Otherwise))
	}
	if !x.cleared(f.Pii) {
		best = min(best, masked)
	}
	return best
}

// open: nobody's consent aside, the viewer could be shown something of the field in some row, for this purpose.
func (x *reference) open(f *ir.Field) bool {
	named := slices.ContainsFunc(f.Access, func(a *ir.Access) bool { return a.To.Has(ir.Read) && a.Roles.Has(x.role) && x.proved(a) })
	if aboutReading(f.Access) && !named || !f.Purposes.Empty() && !f.Purposes.Has(x.purpose) {
		return false
	}
	return f.Kind != ir.Computed || !slices.ContainsFunc(f.Computed.From, func(from *ir.Field) bool { return !x.open(from) })
}

func (x *reference) cleared(p *ir.Pii) bool {
	return slices.ContainsFunc(x.role.Clearances, func(c ir.Clearance) bool {
		return c.Purposes.Has(x.purpose) && slices.Contains(c.Categories, p.Category) && p.Sensitivity <= c.UpTo
	})
}

// askable: some row could show the field, so it may be asked about.
func (x *reference) askable(f *ir.Field) bool {
	named := slices.ContainsFunc(f.Access, func(a *ir.Access) bool { return a.To.Has(ir.Read) && a.Roles.Has(x.role) && x.proved(a) })
	switch {
	case f.Kind == ir.ID:
		return true
	case aboutReading(f.Access) && !named, !f.Purposes.Empty() && !f.Purposes.Has(x.purpose):
		return false
	}
	return f.Pii == nil || x.selfService() || x.cleared(f.Pii)
}

// hidden: why a field may not be asked about.
func (x *reference) hidden(f *ir.Field) error {
	if x.raised().askable(f) {
		return errStepUp
	}
	return errHidden
}

// ---- answers -----------------------------------------------------------------------------------------------------

// picked is a response key with everything selected under it.
type picked struct {
	field *ast.Field
	under ast.SelectionSet
}

// collect flattens fragments that fit one of the names, and gathers what is selected under each response key.
func (x *reference) collect(set ast.SelectionSet, names ...string) []*picked {
	var out []*picked
	add := func(f *ast.Field, under ast.SelectionSet) {
		for _, p := range out {
			if p.field.Alias == f.Alias {
				p.under = append(slices.Clone(p.under), under...)
				return
			}
		}
		out = append(out, &picked{f, under})
	}
	inside := func(on string, set ast.SelectionSet) {
		if on == "" || slices.Contains(names, on) {
			for _, p := range x.collect(set, names...) {
				add(p.field, p.under)
			}
		}
	}
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if x.included(s.Directives) {
				add(s, s.SelectionSet)
			}
		case *ast.InlineFragment:
			if x.included(s.Directives) {
				inside(s.TypeCondition, s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if x.included(s.Directives) {
				f := x.doc.Fragments.ForName(s.Name)
				inside(f.TypeCondition, f.SelectionSet)
			}
		}
	}
	return out
}

func (x *reference) included(ds ast.DirectiveList) bool {
	for _, d := range ds {
		if on, _ := d.ArgumentMap(x.vars)["if"].(bool); on == (d.Name == "skip") {
			return false
		}
	}
	return true
}

// writer writes JSON in the order of the selection.
type writer struct {
	bytes.Buffer
	err error
	at  []string // where in the answer
}

// within writes what stands one step further into the answer.
func (w *writer) within(step string, write func()) {
	w.at = append(w.at, step)
	write()
	w.at = w.at[:len(w.at)-1]
}

func (w *writer) text(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Write(b)
}

// each writes an object with one member per response key.
func (w *writer) each(keys []*picked, member func(*picked)) {
	w.WriteByte('{')
	for i, p := range keys {
		if i > 0 {
			w.WriteByte(',')
		}
		w.text(p.field.Alias)
		w.WriteByte(':')
		w.within(p.field.Alias, func() { member(p) })
	}
	w.WriteByte('}')
}

// root answers a root field.
func (x *reference) root(p *picked) (string, error) {
	w := &writer{}
	args := p.field.ArgumentMap(x.vars)
	x.denials = &denials{known: map[string]bool{}}
	w.at = []string{p.field.Alias}
	switch name := p.field.Name; name {
	case "__typename":
		w.text("Query")
	case "node":
		x.byID(w, nil, args["id"], p.under)
	case "nodes":
		w.WriteByte('[')
		for i, id := range args["ids"].([]any) {
			if i > 0 {
				w.WriteByte(',')
			}
			w.within(strconv.Itoa(i), func() { x.byID(w, nil, id, p.under) })
		}
		w.WriteByte(']')
	case "me":
		x.me(w, p.under)
	default:
		for _, t := range x.schema.Entities() {
			if (name == api.AggregateField(t) || name == t.Singular || name == t.Plural) && !x.mayRead(t) && x.raised().mayRead(t) {
				return "", errStepUp
			}
			switch name {
			case api.AggregateField(t):
				x.aggregate(w, t, p)
			case t.Singular:
				x.byID(w, t, args["id"], p.under)
			case t.Plural:
				x.list(w, t, p, x.passed, func(r *row) bool { return x.listed(r) })
			}
		}
	}
	return w.String(), w.err
}

func (x *reference) byID(w *writer, want *ir.Type, id any, set ast.SelectionSet) {
	for t, rows := range x.rows {
		for _, r := range rows {
			if r.globalID() == id && (want == nil || t == want) && x.listed(r) {
				x.object(w, r, set)
				return
			}
		}
	}
	w.WriteString("null")
}

func (x *reference) me(w *writer, set ast.SelectionSet) {
	w.each(x.collect(set, "Me"), func(p *picked) {
		switch p.field.Name {
		case "__typename":
			w.text("Me")
		case "role":
			w.text(x.role.Name)
		}
		for _, t := range x.schema.Entities() {
			if t.Plural == p.field.Name {
				x.list(w, t, p, 0, func(r *row) bool { return x.exists(r) && x.viewer.IsSubject() && r.subject == x.viewer.Subject })
			}
		}
	})
}

func (x *reference) object(w *writer, r *row, set ast.SelectionSet) {
	w.each(x.collect(set, r.typ.Name, "Node"), func(p *picked) {
		f := r.typ.Field(p.field.Name)
		if f != nil && f.Kind != ir.ToMany && f.Kind != ir.ID && x.cell(f, r) == denied {
			x.denials.note(r.typ, w.at)
		}
		switch {
		case f == nil:
			w.text(r.typ.Name) // __typename
		case f.Kind == ir.ID:
			w.text(r.globalID())
		case f.Kind == ir.ToOne:
			if to := r.links[f]; to != nil && x.cell(f, r) == shown && x.exists(to) {
				x.object(w, to, p.under)
			} else {
				w.WriteString("null")
			}
		case f.Kind == ir.ToMany:
			// A list shows what the keys at its other end say, so their rules hold too.
			key := f.Edge.Inverse
			x.list(w, f.Edge.Target, p, 0, func(child *row) bool {
				if child.links[key] != r || x.cell(f, r) != shown || x.cell(key, child) != shown || !x.listed(child) {
					return false
				}
				reached := f.Edge.Audience == nil || x.contactable(child, f.Edge.Audience.Enum, r.cells[f.Edge.Audience])
				if f.Edge.Audience != nil && reached {
					counts.reached.Add(1)
				} else if !reached {
					counts.spared.Add(1)
				}
				return reached
			})
		default:
			w.WriteString(x.value(f, r))
		}
	})
}

// closed: there is a value, and no key to open it.
func (x *reference) closed(f *ir.Field, r *row) bool {
	return r.cells[f] != nil && !x.vault.opens(r, f)
}

// plain is what is stored, if it can be read at all. In place of a text that is never null there is a veil.
func (x *reference) plain(f *ir.Field, r *row) any {
	if !x.closed(f, r) {
		return r.cells[f]
	}
	if f.Type.NonNull && f.Scalar == ir.String {
		return policy.Veil
	}
	return nil
}

// showsValue: the mask is made from the value.
func showsValue(m ir.Mask) bool { return m != ir.Redact && m != ir.MaskNull }

// mayOpen: the viewer is shown the cell, or something made from it.
func (x *reference) mayOpen(f *ir.Field, r *row) bool {
	c := x.cell(f, r)
	return x.exists(r) && (c == shown || c == masked && showsValue(f.Pii.Mask))
}

// value is a cell as JSON.
func (x *reference) value(f *ir.Field, r *row) string {
	v := x.plain(f, r)
	switch x.cell(f, r) {
	case denied, withheld:
		return "null"
	case masked:
		switch {
		case f.Kind == ir.Computed && f.Pii != nil && f.Pii.Mask == ir.MaskNull:
			return "null"
		case f.Kind == ir.Computed: // of the parts nothing shows
			v = policy.Veil
		case x.closed(f, r) && showsValue(f.Pii.Mask): // no mask is made from a veil
		default:
			v = x.masker.Mask(f.Pii.Mask, f, x.purpose, v)
		}
	case shown:
		if f.Kind == ir.Computed {
			var parts []string
			for _, from := range f.Computed.From {
				if s, _ := x.plain(from, r).(string); s != "" {
					parts = append(parts, s)
				}
			}
			if v = nil; parts != nil {
				v = strings.Join(parts, f.Computed.Join)
			}
		}
	}
	switch v := v.(type) {
	case time.Time:
		if f.Scalar == ir.Date {
			return `"` + v.Format(time.DateOnly) + `"`
		}
		return `"` + v.Format(time.RFC3339Nano) + `"`
	case int64:
		if f.Scalar == ir.Decimal {
			return `"` + decimalText(v) + `"`
		}
	case string:
		if f.Scalar == ir.JSON {
			return v
		}
	}
	w := &writer{}
	w.text(v)
	return w.String()
}

func decimalText(v int64) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%s%d.%04d", sign, v/10000, v%10000), "0"), ".")
}

// ---- lists -------------------------------------------------------------------------------------------------------

// pageSize is less than there are rows of some types, and keeps answers far below what the engine grants.
const pageSize = 4

// list answers with a page of the rows of t that belong into it, beyond the passed ones.
func (x *reference) list(w *writer, t *ir.Type, p *picked, passed int, belongs func(*row) bool) {
	args := p.field.ArgumentMap(x.vars)
	where, _ := args["where"].(map[string]any)
	order := x.order(w, t, args["orderBy"])
	if w.err = errors.Join(w.err, x.refuses(t, where)); w.err != nil {
		return
	}
	var all []*row
	for _, r := range x.rows[t] {
		sorts := !slices.ContainsFunc(order, func(o term) bool { return x.cell(o.field, r) != shown })
		if belongs(r) && sorts && x.passes(r, where) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *row) int { return x.compare(order, a, b) })

	size := pageSize
	last, backward := args["last"].(int64)
	if first, ok := args["first"].(int64); ok {
		size = int(first)
	}
	if backward {
		size = int(last)
		slices.Reverse(all)
	}
	page := all[min(passed, len(all)):]
	more := len(page) > size
	page = page[:min(size, len(page))]
	next, previous := more, passed > 0
	if backward {
		slices.Reverse(page)
		next, previous = previous, next
	}
	x.connection(w, p.under, t, page, len(all), next, previous)
}

func (x *reference) connection(w *writer, set ast.SelectionSet, t *ir.Type, page []*row, total int, next, previous bool) {
	rows := func(each func(*row)) {
		w.WriteByte('[')
		for i, r := range page {
			if i > 0 {
				w.WriteByte(',')
			}
			w.within(strconv.Itoa(i), func() { each(r) })
		}
		w.WriteByte(']')
	}
	w.each(x.collect(set, t.Name+"Connection"), func(p *picked) {
		switch p.field.Name {
		case "__typename":
			w.text(t.Name + "Connection")
		case "totalCount":
			w.text(total)
		case "nodes":
			rows(func(r *row) { x.object(w, r, p.under) })
		case "edges":
			rows(func(r *row) {
				w.each(x.collect(p.under, t.Name+"Edge"), func(p *picked) {
					switch p.field.Name {
					case "__typename":
						w.text(t.Name + "Edge")
					case "cursor":
						w.text(aCursor)
					case "node":
						x.object(w, r, p.under)
					}
				})
			})
		case "pageInfo":
			w.each(x.collect(p.under, "PageInfo"), func(p *picked) {
				switch p.field.Name {
				case "__typename":
					w.text("PageInfo")
				case "hasNextPage":
					w.text(next)
				case "hasPreviousPage":
					w.text(previous)
				default:
					if len(page) == 0 {
						w.text(nil)
					} else {
						w.text(aCursor)
					}
				}
			})
		}
	})
}

// aggregate answers with one group, of all rows. Of nobody there is nothing to say.
func (x *reference) aggregate(w *writer, t *ir.Type, p *picked) {
	where, _ := p.field.ArgumentMap(x.vars)["where"].(map[string]any)
	if w.err = x.refuses(t, where); w.err != nil {
		return
	}
	n := 0
	for _, r := range x.rows[t] {
		if x.listed(r) && x.passes(r, where) {
			n++
		}
	}
	if !x.mayRead(t) || n == 0 && personal(t) || x.ownOnly() && !personal(t) {
		w.WriteString("[]")
		return
	}
	fmt.Fprintf(w, `[{"count":%d}]`, n)
}

// aCursor stands for any cursor: what they say is a matter of the tests of graph/read.
const aCursor = "(a cursor)"

// mentioned are the fields a filter is about, those of other rows excepted. A null condition is none.
func mentioned(t *ir.Type, where map[string]any) (out []*ir.Field) {
	for key, v := range where {
		switch v := v.(type) {
		case []any: // and, or
			for _, e := range v {
				out = append(out, mentioned(t, e.(map[string]any))...)
			}
		case map[string]any:
			if f := t.Field(key); f != nil {
				out = append(out, f)
			} else { // not
				out = append(out, mentioned(t, v)...)
			}
		}
	}
	return out
}

// refuses a filter that is about a field, of whatever row, that the viewer can never see or that moves. All its reasons are
// in the error: which one the engine gives does not matter.
func (x *reference) refuses(t *ir.Type, where map[string]any) (err error) {
	for key, v := range where {
		f := t.Field(key)
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				err = errors.Join(err, x.refuses(t, e.(map[string]any)))
			}
		case map[string]any:
			switch {
			case f == nil:
				err = errors.Join(err, x.refuses(t, v))
			case !x.askable(f):
				err = errors.Join(err, x.hidden(f))
			case f.Kind == ir.ToOne:
				err = errors.Join(err, x.refuses(f.Edge.Target, v))
			case x.unsettled(f):
				err = errors.Join(err, errMoving)
			}
		}
	}
	return err
}

// unsettled: the field is plain, and some of its values are still sealed.
func (x *reference) unsettled(f *ir.Field) bool { return !f.Sealed() && x.vault.moving[f] }

// passes: a row takes part in a question only if it shows everything the question is about.
func (x *reference) passes(r *row, where map[string]any) bool {
	for _, f := range mentioned(r.typ, where) {
		if f.Kind != ir.ID && x.cell(f, r) != shown {
			return false
		}
	}
	return x.matches(r, where) == yes
}

func (x *reference) matches(r *row, where map[string]any) truth {
	all := yes
	for key, v := range where {
		f := r.typ.Field(key)
		switch v := v.(type) {
		case []any:
			parts := map[string]truth{"and": yes, "or": no}[key]
			for _, e := range v {
				if part := x.matches(r, e.(map[string]any)); key == "and" {
					parts = min(parts, part)
				} else {
					parts = max(parts, part)
				}
			}
			all = min(all, parts)
		case map[string]any:
			switch {
			case f == nil:
				all = min(all, -x.matches(r, v))
			case f.Kind == ir.ToOne:
				to := r.links[f]
				all = min(all, truthOf(to != nil && x.exists(to) && x.passes(to, v)))
			default:
				for op, than := range v {
					all = min(all, x.compares(r, f, op, than))
				}
			}
		}
	}
	return all
}

// compares is one comparison of a filter. With an unknown value it is unknown.
func (x *reference) compares(r *row, f *ir.Field, op string, than any) truth {
	v := r.cells[f]
	if f.Kind == ir.ID {
		v = r.globalID()
	}
	switch {
	case op == "isNull":
		return truthOf(than == nil || (v == nil) == than.(bool))
	case than == nil && op == "eq":
		return truthOf(v == nil)
	case than == nil && op == "ne":
		return truthOf(v != nil)
	case than == nil:
		return yes
	case v != nil && !x.vault.opens(r, f):
		return x.comparesClosed(r, f, than)
	}
	if list, ok := than.([]any); ok {
		found := no
		for _, e := range list {
			found = max(found, compared(folded(f, v), folded(f, literal(f, e)), "eq"))
		}
		if len(list) == 0 {
			found = no // even for null
		}
		if op == "notIn" {
			return -found
		}
		return found
	}
	is := compared(folded(f, v), folded(f, literal(f, than)), op)
	if is == no && x.vault.indexed(r, f) && x.exists(r) && x.cell(f, r) == shown && x.vault.index(f, v) == x.vault.index(f, literal(f, than)) {
		counts.strays.Add(1)
	}
	return is
}

// comparesClosed compares what cannot be read: it differs from everything. Once its index is cleared nothing is known of it.
func (x *reference) comparesClosed(r *row, f *ir.Field, than any) truth {
	if list, ok := than.([]any); x.vault.indexed(r, f) || ok && len(list) == 0 {
		return no
	}
	return unknown
}

// taken: another row has the value of r, and one that the viewer sees has it.
func (x *reference) taken(f *ir.Field, r *row) (taken, seen bool) {
	for _, other := range x.rows[r.typ] {
		if other == r || x.closed(f, other) || compared(folded(f, other.cells[f]), folded(f, r.cells[f]), "eq") != yes {
			continue
		}
		taken = true
		seen = seen || x.listed(other) && x.askable(f) && x.cell(f, other) == shown
	}
	return taken, seen
}

// folded: addresses are compared without case while they are sealed.
func folded(f *ir.Field, v any) any {
	if text, ok := v.(string); ok && f.Sealed() && f.Format == "EMAIL" {
		return strings.ToLower(text)
	}
	return v
}

// literal is a value of a filter in the form cells have.
func literal(f *ir.Field, v any) any {
	switch f.Scalar {
	case ir.Float:
		if n, ok := v.(int64); ok {
			return float64(n)
		}
	case ir.DateTime:
		t, err := time.Parse(time.RFC3339Nano, v.(string))
		if err != nil {
			panic(err)
		}
		return t
	case ir.Date:
		t, err := time.Parse(time.DateOnly, v.(string))
		if err != nil {
			panic(err)
		}
		return t
	case ir.Decimal:
		n, err := strconv.ParseFloat(v.(string), 64)
		if err != nil {
			panic(err)
		}
		return int64(n * 10000)
	}
	return v
}

type term struct {
	field *ir.Field
	desc  bool
}

func (x *reference) order(w *writer, t *ir.Type, by any) (out []term) {
	list, _ := by.([]any)
	for _, e := range list {
		m := e.(map[string]any)
		for _, f := range t.Fields {
			if strings.EqualFold(f.Name, m["field"].(string)) {
				if !x.askable(f) {
					w.err = errors.Join(w.err, x.hidden(f))
				} else if x.unsettled(f) {
					w.err = errors.Join(w.err, errMoving)
				}
				out = append(out, term{f, m["direction"] == "DESC"})
			}
		}
	}
	return out
}

// compare orders two rows: nulls last either way, and the id breaks ties.
func (x *reference) compare(order []term, a, b *row) int {
	for _, o := range order {
		v, u := a.cells[o.field], b.cells[o.field]
		switch {
		case v == nil && u == nil:
			continue
		case v == nil:
			return 1
		case u == nil:
			return -1
		}
		if n := compareValues(v, u); n != 0 && o.desc {
			return -n
		} else if n != 0 {
			return n
		}
	}
	return cmp.Compare(a.id.String(), b.id.String())
}
