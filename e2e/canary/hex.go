package canary

// Classes of bytes in encoded text, beside its digits.
const (
	lineBreak = 0xf0 + iota // carriage return, line feed: encoders wrap lines
	backslash               // a line break may be written \n
	foreign
)

// digits makes a table of classes from alphabets.
func digits(alphabets ...string) (t [256]byte) {
	for i := range t {
		t[i] = foreign
	}
	for _, a := range alphabets {
		for v, c := range []byte(a) {
			t[c] = byte(v)
		}
	}
	t['\r'], t['\n'], t['\\'] = lineBreak, lineBreak, backslash
	return t
}

var hexDigits = digits("0123456789abcdef", "0123456789ABCDEF")

// hexDeep is the shortest run of hexadecimal digits that can hold another form: eight digits of Base64.
const hexDeep = 16

// hexText finds two hexadecimal digits per byte, as bytea is dumped, in either case, with line breaks or without. Every
// digit may end a byte, because digits before it may belong to something else.
type hexText struct {
	find    [2]finder // by whether bytes end at even or at odd digits
	inner   nested
	last    uint64
	run     int
	count   int64
	escaped bool
}

func newHex(st *stream) *hexText {
	f := finder{st: st, form: "hex"}
	return &hexText{
		find:  [2]finder{f, f},
		inner: nested{parent: st, kind: "hex", bits: 4, group: 2, shortest: hexDeep, accident: func([]byte) bool { return false }},
	}
}

func (h *hexText) write(p []byte, off int64) {
	x := h.find[0].st.s.index
	for i := 0; i < len(p); i++ {
		// Between runs: unless the twelfth byte belongs to a run, none of twelve digits begins here or before it.
		for h.run == 0 && outside(&hexDigits, p, i+2*window-1) {
			i += 2 * window
		}
		if i >= len(p) {
			break
		}
		v := hexDigits[p[i]]
		if h.run > 0 && (v >= 16 || h.escaped) {
			if broken(&h.escaped, v, p[i]) {
				continue
			}
			h.end()
		}
		if v >= 16 {
			continue
		}
		h.last = h.last<<4 | uint64(v)
		h.run++
		h.count++
		h.inner.push(v, off+int64(i))
		if h.run >= 2*window && x.maybe(fold(h.last)) {
			h.find[h.run&1].window(h.last, h.count/2, off+int64(i)-2*window+1)
		}
	}
}

// outside tells that p[i] belongs to no run; a letter behind a backslash may stand for a line break.
func outside(class *[256]byte, p []byte, i int) bool {
	return i < len(p) && class[p[i]] == foreign && p[i-1] != '\\'
}

// broken tells whether encoded text goes on behind b, which is a line break or part of one written \n.
func broken(escaped *bool, class, b byte) bool {
	switch {
	case *escaped:
		*escaped = false
		return b == 'n' || b == 'r'
	case class == backslash:
		*escaped = true
		return true
	}
	return class == lineBreak
}

func (h *hexText) end() {
	h.inner.end()
	h.run, h.escaped = 0, false
}

func (h *hexText) gap() {
	h.end()
	h.find[0].flush()
	h.find[1].flush()
}
