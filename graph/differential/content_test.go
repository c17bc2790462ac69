package differential

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// row is one stored record. A cell is a string, int64 (Int, and Decimal in ten-thousandths), float64, bool or time.Time,
// and missing where it is null.
type row struct {
	typ     *ir.Type
	id      uuid.UUID
	cells   map[*ir.Field]any
	links   map[*ir.Field]*row
	left    map[*ir.Field]bool // the value is still in the column of its other storage
	subject uuid.UUID          // of a natural person
	state   int64              // what that person wants
	said    int64              // that, and consents that have run out
	ends    policy.Ends        // when consents run out
	first   int64              // the first of them
}

// globalID is the row's identifier in answers.
func (r *row) globalID() string {
	return base64.RawURLEncoding.EncodeToString(append([]byte(r.typ.Name+":"), r.id[:]...))
}

// String shows a row to whoever reads a failure.
func (r *row) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.typ.Name, r.id, r.globalID())
	if r.typ.Subject {
		fmt.Fprintf(&b, " subject=%s state=%#x, stored %#x, ends %v", r.subject, r.state, r.said, r.ends)
	}
	for _, f := range r.typ.Fields {
		if v, ok := r.cells[f]; ok {
			fmt.Fprintf(&b, " %s=%v", f.Name, v)
			if r.left[f] {
				b.WriteString(" (not moved)")
			}
		}
		if to := r.links[f]; to != nil {
			fmt.Fprintf(&b, " %s→%s", f.Name, to.id)
		}
	}
	return b.String()
}

// content is every row of every type.
type content map[*ir.Type][]*row

// people are the few subjects there are, so that some stand in several rows.
var people = []uuid.UUID{{15: 1}, {15: 2}, {15: 3}}

// moments are when requests are made: at the edges of days, months and leap years.
var moments = []time.Time{
	time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC),
	time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 1, 0, 0, 0, 1000, time.UTC),
	time.Date(2026, 3, 31, 23, 59, 59, 999999000, time.UTC),
	time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC),
}

func (d dice) content(s *ir.Schema, v *vault, now time.Time) content {
	c := content{}
	for _, t := range s.Entities() {
		for i := range 1 + d.upTo(4) {
			r := &row{typ: t, cells: map[*ir.Field]any{}, links: map[*ir.Field]*row{}, left: map[*ir.Field]bool{}}
			// The order of ids must not be that of making.
			r.id = uuid.UUID{0: byte(d.upTo(3) * 70), 6: 0x40, 8: 0x80, 14: byte(len(c)), 15: byte(i)}
			c[t] = append(c[t], r)
			if t.Subject {
				r.subject, r.state = pick(d, people), d.state(s)
			}
			for _, f := range t.Fields {
				if f.Kind == ir.Column && (f.Type.NonNull || !d.odds(3)) {
					r.cells[f] = d.cell(f, now)
					r.left[f] = v.moving[f] && d.odds(8)
				}
			}
		}
	}
	d.runOut(s, c, now)
	for _, t := range s.Entities() {
		for _, r := range c[t] {
			for _, f := range t.Fields {
				if f.Kind == ir.ToOne && (f.Type.NonNull || !d.odds(3)) {
					r.links[f] = pick(d, c[f.Edge.Target])
				}
			}
		}
	}
	return c
}

// runOut has some consents end: the state that is stored still has them, what holds has not.
func (d dice) runOut(s *ir.Schema, c content, now time.Time) {
	for _, who := range people {
		ends := policy.Ends{}
		first := int64(math.MaxInt64)
		for _, p := range s.Purposes {
			if p.Basis == ir.BasisConsent && d.odds(4) {
				at := now.UnixMicro() + pick(d, []int64{0, -1, 1, -1e12, 1e12})
				ends[1<<p.Bit], first = at, min(first, at)
			}
		}
		if d.odds(1) {
			first = math.MinInt64 // nobody has noted it yet
		}
		for _, t := range s.Entities() {
			for _, r := range c[t] {
				if !t.Subject || r.subject != who {
					continue
				}
				r.said, r.ends, r.first = r.state, ends, first
				r.state &^= int64(ends.Over(now.UnixMicro()))
			}
		}
	}
}

// Bits of the whole person, as docs/adr/0001-privacy-state.md numbers them.
const (
	restricted = 1 << 60
	erasing    = 1 << 61
	held       = 1 << 62
)

// state sets bits of purposes whatever they rest on: where a bit has no meaning it must do nothing.
func (d dice) state(s *ir.Schema) (bits int64) {
	for _, p := range s.Purposes {
		if p.Bit != ir.NoBit && d.odds(map[bool]int{true: 9, false: 3}[p.Basis == ir.BasisConsent]) {
			bits |= 1 << p.Bit
		}
	}
	for _, bit := range []int64{restricted, erasing, held} {
		if d.odds(1) {
			bits |= bit
		}
	}
	return bits
}

var words = []string{"EMEA", "x", "ada@one.example", "+44 20 7946 0000", "Ada Lovelace-King", "b", "", "Zoë \"O'Neil\" <&>\u2028", "a_%", "é"}

// addresses are the same for people in different cases, and for SQL if they differ in ASCII alone.
var addresses = []string{"ada@one.example", "Ada@one.example", "bob@one.example", "BOB@one.example", "é@one.example"}

// cell is a value of a column: few different ones, so that comparisons find something and orders have ties.
func (d dice) cell(f *ir.Field, now time.Time) any {
	switch f.Scalar {
	case ir.String:
		if f.Format == "EMAIL" {
			return pick(d, addresses)
		}
		return pick(d, words)
	case ir.Int:
		return pick(d, []int64{0, 1, 2, 5, -13938})
	case ir.Float:
		return pick(d, []float64{0, 0.5, 1, -2.25, 1e21})
	case ir.Boolean:
		return d.odds(8)
	case ir.Decimal:
		return pick(d, []int64{0, 15000, 30000, 12505000, -1})
	case ir.JSON:
		return pick(d, []string{`{"b":1,"a":[null,"<x>"]}`, `"x"`, `[1.5]`, `null`})
	case ir.EnumScalar:
		return pick(d, f.Enum.Values).Name
	}
	// A time: near the ends of the periods that schemas are made of.
	days := pick(d, []int{0, 1, 2, 13, 14, 15, 29, 30, 31, 32, 364, 365, 366, 367, 910, 915, 3000})
	t := now.Truncate(24*time.Hour).AddDate(0, 0, -days)
	if f.Scalar == ir.DateTime {
		t = t.Add(pick(d, []time.Duration{0, 9*time.Hour + 30*time.Minute, 24*time.Hour - time.Microsecond, 1500 * time.Millisecond}))
	}
	return t
}

// columnTypes are those of ent/migrate/sqlite.
var columnTypes = map[ir.Scalar]string{ir.String: "text", ir.Int: "integer", ir.Float: "real", ir.Boolean: "bool", ir.DateTime: "datetime",
	ir.Date: "datetime", ir.Decimal: "integer", ir.JSON: "json", ir.EnumScalar: "text", ir.UUID: "uuid"}

// store keeps the content in a database in memory, as the vault seals it.
func (c content) store(s *ir.Schema, v *vault) (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:?_time_format=sqlite")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // every connection to :memory: is a database of its own
	if err := c.fill(db, s, v); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func (c content) fill(db *sql.DB, s *ir.Schema, v *vault) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, t := range s.Entities() {
		if _, err := tx.Exec("CREATE TABLE " + t.Table + " (" + strings.Join(v.columns(t), ", ") + ")"); err != nil {
			return err
		}
		for _, r := range c[t] {
			names, args := v.stored(r)
			marks := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
			if _, err := tx.Exec("INSERT INTO "+t.Table+" ("+strings.Join(names, ", ")+") VALUES ("+marks+")", args...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// keeps reports whether rows of t say whose key seals them.
func (v *vault) keeps(t *ir.Type) bool {
	return !t.Subject && (t.HasSealed() || slices.ContainsFunc(t.Fields, v.Moving))
}

// columns are those of a type's table.
func (v *vault) columns(t *ir.Type) []string {
	columns := []string{"id uuid PRIMARY KEY"}
	if t.Subject {
		columns = append(columns, "subject_id uuid NOT NULL", "privacy_state integer NOT NULL", "consent_until integer NOT NULL", "consent_ends text")
	}
	if v.keeps(t) {
		columns = append(columns, "sealed_by uuid")
	}
	for _, f := range t.Fields {
		if f.Kind == ir.ToOne {
			columns = append(columns, f.Column+" uuid")
		}
		if f.Kind != ir.Column {
			continue
		}
		if !f.Sealed() || v.moving[f] {
			columns = append(columns, f.PlainColumn()+" "+columnTypes[f.Scalar])
		}
		if f.Sealed() || v.moving[f] {
			columns = append(columns, f.SealedColumn()+" blob")
		}
		if f.Blind() {
			columns = append(columns, f.IndexColumn()+" integer")
		}
	}
	return columns
}

// stored is a row with the names of its columns.
func (v *vault) stored(r *row) (names []string, args []any) {
	add := func(name string, arg any) { names, args = append(names, name), append(args, arg) }
	add("id", r.id.String())
	if r.typ.Subject {
		add("subject_id", r.subject.String())
		add("privacy_state", r.said)
		add("consent_until", r.first)
		if text := r.ends.String(); text != "" {
			add("consent_ends", text)
		}
	}
	if by := sealer(r); v.keeps(r.typ) && by != uuid.Nil {
		add("sealed_by", by.String())
	}
	for _, f := range r.typ.Fields {
		if to := r.links[f]; to != nil {
			add(f.Column, to.id.String())
		}
		value, ok := r.cells[f]
		switch {
		case !ok:
		case inSealed(r, f):
			add(f.SealedColumn(), v.seal(r, f, value))
			if v.indexed(r, f) {
				add(f.IndexColumn(), v.index(f, value))
			}
		default:
			add(f.PlainColumn(), value)
		}
	}
	return names, args
}

// source stands in for Ent: it begins a query of a type's table. What a policy would have to say is not the matter here.
type source struct{ schema *ir.Schema }

func (s source) PlanSQL(_ context.Context, typ string, mod func(*entsql.Selector)) (string, []any, error) {
	sel := entsql.Dialect(dialect.SQLite).Select().From(entsql.Table(s.schema.Type(typ).Table))
	mod(sel)
	query, args := sel.Query()
	return query, args, sel.Err()
}
