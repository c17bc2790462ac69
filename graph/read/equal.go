package read

import (
	"fmt"
	"strconv"
	"strings"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/directives/predicate"
)

// equality is a comparison of a sealed field with values. The database compares blind indexes, and those are cut short: rows
// with another value may share one. So the rows the viewer sees are opened first, and the strays among them are left out by
// their ids. What SQL then compares is exact, under `not` and in counts too.
type equality struct {
	field  *ir.Field
	values []any
	most   int        // candidates that are opened
	st     *statement // of rows that may be strays: their id, whose key seals them, their cell
	typ    *ir.Type
}

// equalities is what one comparison comes to in one execution.
type equalities struct {
	indexes []int64
	strays  []string // keys of rows
}

// maxCandidates bounds the rows that are opened for a comparison, for each value of a list up to ten times. More rows than that
// with one value are not opened: among n rows with an index of 32 bits there are n/2^32 strays.
const maxCandidates = 1000

// maxEqualities bounds the comparisons of one root field: each is a statement, and opens cells.
const maxEqualities = 50

var errEqualities = Fail(CodeCostExceeded, fmt.Sprintf("this compares sealed fields more than %d times: list values with `in`", maxEqualities))

// equal compiles the comparison of a sealed field at alias with storage values.
func (p *planner) equal(f *ir.Field, alias string, values []any) fragment {
	at := len(p.plan.equals)
	if at == maxEqualities {
		p.fail(errEqualities)
		return fragment{}
	}
	eq := &equality{field: f, values: values, typ: f.Owner, most: maxCandidates * min(len(values), 10)}
	p.plan.equals = append(p.plan.equals, eq)
	var err error
	if eq.st, err = p.candidates(eq, at); err != nil {
		p.fail(err)
	}
	match := and(p.sql.indexed(f, alias, at), not(p.sql.among(column(alias, "id"), func(r *run) []string { return r.equals[at].strays })))
	if !p.e.opener.Moving(f) {
		return match
	}
	plain := make([]fragment, len(values))
	for i, v := range values {
		plain[i] = unsealed(f, alias, v)
	}
	sealed := column(alias, f.Column)
	// A row that has not moved has no index. Its comparison must not be unknown: under `not` it would be left out.
	return or(and(match, text(sealed+" IS NOT NULL")), and(text(sealed+" IS NULL"), or(plain...)))
}

// unsealed compares a value that has not moved yet as it will be compared once it is sealed. Where SQL knows lower case of
// ASCII alone, other letters have to be written alike until then.
func unsealed(f *ir.Field, alias string, v any) fragment {
	col := column(alias, f.PlainColumn())
	same := text(col+" = ?", constant{v})
	if s, ok := v.(string); ok && f.Format == "EMAIL" {
		return or(same, text("LOWER("+col+") = ?", constant{strings.ToLower(s)}))
	}
	return same
}

// indexed holds where the blind index is one of those the comparison at a place looks for.
func (s sqlFor) indexed(f *ir.Field, alias string, at int) fragment {
	return s.anyIndex(f, alias, func(r *run) []int64 { return r.equals[at].indexes })
}

func (s sqlFor) anyIndex(f *ir.Field, alias string, indexes func(*run) []int64) fragment {
	col := column(alias, f.IndexColumn())
	if s.dialect == predicate.Postgres {
		return text(col+" = ANY(CAST(? AS bigint[]))", argFunc(func(r *run) any { return numberList(indexes(r), "{", "}") }))
	}
	return text(col+" IN (SELECT value FROM json_each(?))", argFunc(func(r *run) any { return numberList(indexes(r), "[", "]") }))
}

func numberList(list []int64, open, shut string) string {
	b := append(make([]byte, 0, 2+21*len(list)), open...)
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, shut...))
}

// candidates is the statement of the rows that the viewer sees and whose index matches. What is hidden is not opened: how long
// that takes would tell how much of it there is.
func (p *planner) candidates(eq *equality, at int) (*statement, error) {
	t := eq.typ
	rows, c := policy.RowsOf(t, ir.Read, p.req), policy.CellOf(eq.field, p.req)
	lv := &level{typ: t, rows: rows, alias: p.sql.alias("b")}
	lv.where = []fragment{p.sql.exist(rows, lv.alias), p.sql.shown(&c, lv.alias), p.sql.indexed(eq.field, lv.alias, at)}
	lv.selects = candidateColumns(eq.field, lv.alias)
	return p.e.build(lv, nil, func(s *entsql.Selector) { s.Limit(eq.most + 1) })
}

func candidateColumns(f *ir.Field, alias string) []fragment {
	return []fragment{text(column(alias, "id")), text(column(alias, f.Owner.SealedBy())), text(column(alias, f.Column))}
}

// compare finds out what the comparisons of the plan come to.
func (r *run) compare() error {
	if len(r.plan.equals) == 0 {
		return nil
	}
	r.equals = make([]equalities, len(r.plan.equals))
	for i, eq := range r.plan.equals {
		for _, v := range eq.values {
			indexes, err := r.e.opener.Blind(r.ctx, eq.field, v)
			if err != nil {
				if r.ctx.Err() != nil {
					return r.ctx.Err()
				}
				return errKeys
			}
			r.equals[i].indexes = append(r.equals[i].indexes, indexes...)
		}
	}
	for i, eq := range r.plan.equals {
		rows, err := r.query(eq.st, 3)
		if err != nil {
			return err
		}
		if len(rows) > eq.most {
			continue
		}
		same, err := r.same(eq.field, rows, eq.values)
		if err != nil {
			return err
		}
		for j, row := range rows {
			if !same[j] {
				r.equals[i].strays = append(r.equals[i].strays, row[0].key())
			}
		}
	}
	return nil
}

// same opens candidates, and reports which of them have one of the values.
func (r *run) same(f *ir.Field, rows [][]cell, values []any) ([]bool, error) {
	out := make([]bool, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	wanted := make(map[string]bool, len(values))
	for _, v := range values {
		normal, err := format.AppendNormal(nil, f, v)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", f.Coordinate(), err)
		}
		wanted[string(normal)] = true
	}
	subjects, longest := make([]uuid.UUID, len(rows)), 0
	for i, row := range rows {
		subjects[i], longest = uuidOf(row[1].key()), max(longest, len(row[2].s))
	}
	keys, err := r.e.opener.Keys(r.ctx, subjects)
	if err != nil {
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		return nil, errKeys
	}
	defer keys.Close()
	// Room for every cell, so that nothing is left behind in memory that was too small. Lower case can be longer.
	buf, normal := make([]byte, 0, longest), make([]byte, 0, 2*longest)
	defer func() {
		clear(buf[:cap(buf)])
		clear(normal[:cap(normal)])
	}()
	for i, row := range rows {
		if row[2].null() {
			continue
		}
		plain, ok := keys.Open(buf[:0], subjects[i], uuidOf(row[0].key()), f, []byte(row[2].s))
		if !ok {
			continue
		}
		buf = plain
		v, err := format.PlainValue(plain)
		if err != nil {
			continue // withheld where it is shown, too
		}
		if normal, err = format.AppendNormal(normal[:0], f, v); err != nil {
			return nil, fmt.Errorf("compare %s: %w", f.Coordinate(), err)
		}
		out[i] = wanted[string(normal)]
	}
	return out, nil
}
