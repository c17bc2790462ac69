package read

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// encoder writes an answer from rows.
type encoder struct {
	r   *run
	buf []byte
	err error
	// cursors holds the cursor of each row that has one: in one answer a row has one cursor.
	cursors map[*cell]string
	// trail is where in the answer the encoder is: what leads to a field that is denied.
	trail []step
	// own collects what Mark is made from, of the row and of the rows its keys lead to: as deep as near says.
	own  *[]byte
	near int
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// object writes one row.
func (e *encoder) object(o *object, row []cell, res *results) {
	state := e.state(o, row)
	e.buf = append(e.buf, '{')
	for i := range o.items {
		it := &o.items[i]
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, it.key...)
		start := len(e.buf)
		switch it.kind {
		case itemTypename:
			e.buf = append(e.buf, '"')
			e.buf = append(e.buf, o.typ.Name...)
			e.buf = append(e.buf, '"')
		case itemID:
			e.id(o, row)
		case itemCell:
			e.cell(o, it, row, state)
		case itemComputed:
			e.computed(o, it, row, state)
		case itemObject:
			if it.cell.ByRow() {
				e.outcome(it, state)
			}
			e.trail = append(e.trail, step{key: it.key})
			e.edge(it, row, res)
			e.trail = e.trail[:len(e.trail)-1]
		case itemConnection:
			e.trail = append(e.trail, step{key: it.key})
			e.connection(it.conn, row[it.conn.owner.id].key(), res.below[it.conn])
			e.trail = e.trail[:len(e.trail)-1]
		}
		if e.own != nil && (it.kind == itemCell || it.kind == itemComputed) {
			*e.own = append(append(*e.own, it.key...), e.buf[start:]...)
		}
	}
	e.buf = append(e.buf, '}')
}

// edge writes the row at the other end of a key.
func (e *encoder) edge(it *item, row []cell, res *results) {
	there := it.child != nil && !row[it.child.id].null()
	own := e.own
	defer func() { e.own = own }()
	switch {
	case own == nil:
	case e.near == 0:
		e.own = nil
	default:
		e.near--
		defer func() { e.near++ }()
		*own = append(*own, it.key...)
		if there {
			*own = append(*own, row[it.child.id].key()...)
		}
		*own = append(*own, ';')
	}
	if !there {
		e.buf = append(e.buf, "null"...)
		return
	}
	e.object(it.child, row, res)
}

func (e *encoder) id(o *object, row []cell) {
	key := row[o.id].key()
	if key == "" {
		e.fail(fmt.Errorf("row of %s without an id", o.typ.Name))
	}
	e.buf = append(e.buf, '"')
	e.buf = appendID(e.buf, o.typ.Name, uuidOf(key))
	e.buf = append(e.buf, '"')
}

// state combines the owners' privacy state. Without an owner nobody has consented.
func (e *encoder) state(o *object, row []cell) policy.State {
	if o.states == nil {
		return 0
	}
	var states [8]policy.State
	have := states[:0]
	for _, col := range o.states {
		if c := row[col]; c.kind == cellInt {
			have = append(have, policy.State(c.n))
		}
	}
	state := policy.Combine(e.r.e.consentBits, have...)
	if o.ends >= 0 && !row[o.ends].null() {
		state &^= policy.OverIn(row[o.ends].s, e.r.session.Now.UnixMicro()) & e.r.e.consentBits
	}
	return state
}

// outcome decides a cell, and keeps what there is to tell of it.
func (e *encoder) outcome(it *item, state policy.State) policy.Outcome {
	outcome := it.cell.Decide(state)
	e.r.saw[it.note].mark(outcome)
	if outcome == policy.Deny {
		e.deny(it)
	}
	return outcome
}

func (e *encoder) cell(o *object, it *item, row []cell, state policy.State) {
	outcome := e.outcome(it, state)
	if outcome == policy.Mask && it.open >= 0 && row[it.open].null() {
		outcome = policy.Withhold
	}
	switch outcome {
	case policy.Reveal:
		c, _ := e.open(o, it.field, row, it.at)
		e.value(it.field, c)
	case policy.Mask:
		var v any
		if it.cell.NeedsMasked() {
			c, ok := e.open(o, it.field, row, it.at)
			if !ok { // a mask made from what stands there instead would pass for one of the value
				e.value(it.field, c)
				return
			}
			v = c.value(it.field.Scalar)
		}
		e.masked(it.cell.Mask, it.field, v)
	default:
		e.buf = append(e.buf, "null"...)
	}
}

// masked writes what a mask shows of v.
func (e *encoder) masked(m ir.Mask, f *ir.Field, v any) {
	e.value(f, cellOf(e.r.e.masker.Mask(m, f, e.r.session.Request.Purpose, v)))
}

// open returns the value at a place, opened if it is sealed. One that does not open is withheld, like a missing one; then it
// is not ok, and what stands in its place.
func (e *encoder) open(o *object, f *ir.Field, row []cell, at spot) (c cell, ok bool) {
	v, sealed := row[at.col], f.Sealed()
	if v.null() && at.other >= 0 {
		v, sealed = row[at.other], !sealed
	}
	if v.null() || !sealed {
		return v, true
	}
	if e.r.keys == nil {
		e.fail(fmt.Errorf("open %s: no keys were loaded", f.Coordinate()))
		return cell{}, false
	}
	opened, ok := e.r.open(uuidOf(row[o.subject].key()), uuidOf(row[o.id].key()), f, v)
	if !ok && f.Type.NonNull { // there is always something to show: the compiler has seen to it
		return cellOf(e.r.e.masker.Mask(ir.Redact, f, e.r.session.Request.Purpose, nil)), false
	}
	return opened, ok
}

// open decrypts a cell within the memory of the run.
func (r *run) open(subject, row uuid.UUID, f *ir.Field, v cell) (cell, bool) {
	sealed := unsafe.Slice(unsafe.StringData(v.s), len(v.s)) //nolint:gosec // it is read only
	plain, ok := r.keys.Open(r.mem.texts.take(len(v.s), 4<<10)[:0], subject, row, f, sealed)
	if !ok {
		return cell{}, false
	}
	return plainCell(plain)
}

func (e *encoder) computed(o *object, it *item, row []cell, state policy.State) {
	outcome := e.outcome(it, state)
	if outcome == policy.Mask && it.open >= 0 && row[it.open].null() {
		outcome = policy.Withhold
	}
	switch outcome {
	case policy.Reveal:
		var parts []string
		for i, at := range it.from {
			if c, _ := e.open(o, it.field.Computed.From[i], row, at); c.kind == cellText && c.s != "" {
				parts = append(parts, c.s)
			}
		}
		if parts == nil {
			e.buf = append(e.buf, "null"...)
			return
		}
		e.buf = appendString(e.buf, strings.Join(parts, it.field.Computed.Join))
	case policy.Mask:
		// The parts are hidden, so nothing but a veil can stand for the whole, or not even that.
		m := ir.Redact
		if it.cell.Mask == ir.MaskNull {
			m = ir.MaskNull
		}
		e.masked(m, it.field, nil)
	default:
		e.buf = append(e.buf, "null"...)
	}
}

// connection writes a page.
func (e *encoder) connection(c *connection, parent string, res *results) {
	if res == nil {
		res = newResults()
	}
	own := e.own
	e.own = nil
	defer func() { e.own = own }()
	p := res.pages[parent]
	if p == nil {
		p = &page{after: c.after != ""}
	}
	e.connItems(c, c.items, p, res.counts[parent], nil, res)
}

func (e *encoder) connItems(c *connection, items []connItem, p *page, count int64, row []cell, res *results) {
	e.buf = append(e.buf, '{')
	for i := range items {
		it := &items[i]
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, it.key...)
		e.trail = append(e.trail, step{key: it.key})
		switch it.kind {
		case connTypename:
			e.buf = appendString(e.buf, it.text)
		case connNodes:
			e.list(p, func(row []cell) { e.object(it.node, row, res) })
		case connEdges:
			e.list(p, func(row []cell) { e.connItems(c, it.items, p, count, row, res) })
		case edgeNode:
			e.object(it.node, row, res)
		case edgeCursor:
			e.cursor(c, row)
		case connPageInfo:
			e.connItems(c, it.items, p, count, nil, res)
		case connTotalCount:
			e.buf = strconv.AppendInt(e.buf, count, 10)
		case pageHasNext:
			e.buf = strconv.AppendBool(e.buf, p.next(c))
		case pageHasPrevious:
			e.buf = strconv.AppendBool(e.buf, p.previous(c))
		case pageStart, pageEnd:
			if len(p.rows) == 0 {
				e.buf = append(e.buf, "null"...)
				break
			}
			at := 0
			if it.kind == pageEnd {
				at = len(p.rows) - 1
			}
			e.cursor(c, p.rows[at])
		}
		e.trail = e.trail[:len(e.trail)-1]
	}
	e.buf = append(e.buf, '}')
}

// next and previous tell whether there are rows after and before the page. Against the direction of paging there are
// some when the page begins at a cursor.
func (p *page) next(c *connection) bool {
	if c.backward {
		return p.after
	}
	return p.more
}

func (p *page) previous(c *connection) bool {
	if c.backward {
		return p.more
	}
	return p.after
}

func (e *encoder) list(p *page, each func(row []cell)) {
	e.buf = append(e.buf, '[')
	for i, row := range p.rows {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.trail = append(e.trail, step{index: i})
		each(row)
		e.trail = e.trail[:len(e.trail)-1]
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) cursor(c *connection, row []cell) {
	if s, ok := e.cursors[&row[0]]; ok {
		e.buf = appendString(e.buf, s)
		return
	}
	k := keyset{ID: uuidOf(row[c.level.object.id].key()).String()}
	for _, t := range c.level.order {
		k.Values = append(k.Values, row[t.col].value(t.field.Scalar))
	}
	s, err := e.r.e.cursors.seal(k, c.bind+e.r.session.Principal.ID, e.r.session.Now)
	if err != nil {
		e.fail(fmt.Errorf("seal cursor: %w", err))
	}
	if e.cursors == nil {
		e.cursors = map[*cell]string{}
	}
	e.cursors[&row[0]] = s
	e.buf = appendString(e.buf, s)
}

// value writes a cell as the field's scalar.
func (e *encoder) value(f *ir.Field, c cell) {
	switch c = c.as(f.Scalar); c.kind {
	case cellNull:
		e.buf = append(e.buf, "null"...)
	case cellText:
		if f.Scalar == ir.JSON {
			e.buf = append(e.buf, c.s...)
			return
		}
		e.buf = appendString(e.buf, c.s)
	case cellInt:
		if f.Scalar == ir.Decimal {
			e.buf = appendDecimal(e.buf, c.n)
			return
		}
		e.buf = strconv.AppendInt(e.buf, c.n, 10)
	case cellFloat:
		v := c.float()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			e.buf = append(e.buf, "null"...)
			return
		}
		e.buf = strconv.AppendFloat(e.buf, v, 'g', -1, 64)
	case cellBool:
		e.buf = strconv.AppendBool(e.buf, c.n != 0)
	case cellTime:
		e.buf = append(e.buf, '"')
		e.buf = appendTime(e.buf, c.n, f.Scalar == ir.Date)
		e.buf = append(e.buf, '"')
	default:
		e.fail(fmt.Errorf("%s holds a value of an unknown kind", f.Coordinate()))
		e.buf = append(e.buf, "null"...)
	}
}

// appendDecimal writes ten-thousandths as a JSON string without trailing zeros.
func appendDecimal(dst []byte, v int64) []byte {
	dst = append(dst, '"')
	u := uint64(v)
	if v < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/10000, 10)
	if frac := u % 10000; frac != 0 {
		digits := []byte{'0' + byte(frac/1000), '0' + byte(frac/100%10), '0' + byte(frac/10%10), '0' + byte(frac%10)}
		n := 4
		for digits[n-1] == '0' {
			n--
		}
		dst = append(dst, '.')
		dst = append(dst, digits[:n]...)
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// plain are the ASCII characters that stand for themselves.
var plain = func() (t [utf8.RuneSelf]bool) {
	for b := byte(0x20); b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return t
}()

// appendString writes a JSON string. Invalid UTF-8 becomes U+FFFD, and what would end a script in HTML is escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if plain[b] {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch b {
			case '"', '\\':
				dst = append(dst, '\\', b)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&0xf])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			if r == utf8.RuneError {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&0xf])
			}
			i += size
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
