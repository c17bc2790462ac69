package read

import (
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// arg is a parameter of a cached statement: its value is found anew for each execution.
type arg interface {
	value(r *run) any
}

// constant is the same in every execution of its plan.
type constant struct{ v any }

func (c constant) value(*run) any { return c.v }

// slot is a parameter of a `when`.
type slot struct{ predicate.Slot }

func (s slot) value(r *run) any { return s.Resolve(r.session.Principal, r.session.Now) }

// argFunc computes its value from the execution.
type argFunc func(r *run) any

func (f argFunc) value(r *run) any { return f(r) }

// ownSubject is the viewer's subject; nil for a viewer without one, and then it equals nothing.
func ownSubject(r *run) any {
	if !r.session.Principal.IsSubject() {
		return nil
	}
	return r.session.Principal.Subject.String()
}

// fragment is a piece of SQL with its parameters, one `?` each.
type fragment struct {
	sql  string
	args []arg
}

func (f fragment) empty() bool { return f.sql == "" }

// querier renders the fragment with the parameter style of the statement it lands in. The parameters stay arg values;
// the executor resolves them.
func (f fragment) querier() entsql.Querier {
	return entsql.ExprFunc(f.write)
}

func (f fragment) predicate() *entsql.Predicate { return entsql.P(f.write) }

func (f fragment) write(b *entsql.Builder) {
	rest := f.sql
	for _, a := range f.args {
		before, after, _ := strings.Cut(rest, "?")
		b.WriteString(before)
		b.Arg(a)
		rest = after
	}
	b.WriteString(rest)
}

func text(sql string, args ...arg) fragment { return fragment{sql: sql, args: args} }

// join combines fragments: sep between, none of them empty.
func join(sep string, fs ...fragment) fragment {
	var b strings.Builder
	var args []arg
	n := 0
	for _, f := range fs {
		if f.empty() {
			continue
		}
		if n > 0 {
			b.WriteString(sep)
		}
		b.WriteString(f.sql)
		args = append(args, f.args...)
		n++
	}
	return fragment{sql: b.String(), args: args}
}

// and and or combine predicates, each in parentheses. Without any, and is empty.
func and(fs ...fragment) fragment { return combine(" AND ", fs) }

func or(fs ...fragment) fragment { return combine(" OR ", fs) }

func combine(op string, fs []fragment) fragment {
	var wrapped []fragment
	for _, f := range fs {
		if !f.empty() {
			wrapped = append(wrapped, fragment{"(" + f.sql + ")", f.args})
		}
	}
	return join(op, wrapped...)
}

func not(f fragment) fragment { return fragment{"NOT (" + f.sql + ")", f.args} }

// moment is the time of the request in microseconds since 1970.
func moment(r *run) any { return r.session.Now.UnixMicro() }

// cutoff is the earliest beginning whose period is still running, at the time of the request.
func cutoff(p interface{ Cutoff(time.Time) time.Time }) arg {
	return argFunc(func(r *run) any { return p.Cutoff(r.session.Now) })
}

// stateLiteral renders bits as an SQL literal.
func stateLiteral(s policy.State) string { return itoa(int64(s)) }
