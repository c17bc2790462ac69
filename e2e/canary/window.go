package canary

// window is the shortest remnant that counts: 6 bytes, which fit one machine word.
const window = 6

const windowMask = 1<<(8*window) - 1

// place is a window of a canary.
type place struct {
	canary int
	at     int
	exact  uint64 // as planted, before case is folded
}

// index knows every window of every canary, case folded. Every form is brought down to the question "are these six bytes
// a window?", so that no form needs patterns of its own. A bitmap answers no for all but about one in a hundred; it fits
// the first-level cache.
type index struct {
	names []string
	exact map[uint64][]place
	bits  []uint64
	shift uint
}

func newIndex(names []string, canaries map[string]string) *index {
	x := &index{names: names, exact: map[uint64][]place{}}
	for c, name := range names {
		var w uint64
		for i, b := range []byte(canaries[name]) {
			w = (w<<8 | uint64(b)) & windowMask
			if i >= window-1 {
				key := fold(w)
				x.exact[key] = append(x.exact[key], place{c, i - window + 1, w})
			}
		}
	}
	size := uint(16)
	for len(x.exact)*64 > 1<<size && size < 26 {
		size++
	}
	x.bits, x.shift = make([]uint64, 1<<size/64), 64-size
	for w := range x.exact {
		h := x.hash(w)
		x.bits[h>>6] |= 1 << (h & 63)
	}
	return x
}

// hash looks at the last six bytes of w and no others.
func (x *index) hash(w uint64) uint64 { return (w << 16) * 0x9e3779b97f4a7c15 >> x.shift }

// maybe is false for what cannot be a window; w is folded.
func (x *index) maybe(w uint64) bool {
	h := x.hash(w)
	return x.bits[h>>6]>>(h&63)&1 != 0
}

// lower is ASCII's lower case.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(fold(uint64(i)))
	}
	return t
}()

// fold lowers the ASCII letters among eight bytes at once.
func fold(w uint64) uint64 {
	const each = 0x0101010101010101
	low := w & (0x7f * each)
	fromA := low + (0x80-'A')*each
	aboveZ := low + (0x7f-'Z')*each
	return w | (fromA^aboveZ)&^w&(0x80*each)>>2
}

// finder joins windows that follow one another in one decoded sequence to hits.
type finder struct {
	st   *stream
	form string
	open []remnant
}

// remnant is a hit that may still grow.
type remnant struct {
	Hit
	canary, at int
	end        int64 // index of its last byte
}

// window takes six decoded bytes that the bitmap let through. end is the last one's index in the decoded sequence, offset
// the first one's in the stream.
func (f *finder) window(w uint64, end, offset int64) {
	w &= windowMask
	places := f.st.s.index.exact[fold(w)]
	if len(places) == 0 {
		return
	}
	keep := f.open[:0]
	for _, r := range f.open {
		if r.end >= end-1 {
			keep = append(keep, r)
		} else {
			f.st.report(r.Hit)
		}
	}
	f.open = keep
	before := len(f.open)
next:
	for _, p := range places {
		for i := range f.open[:before] {
			r := &f.open[i]
			if r.end == end-1 && r.canary == p.canary && r.at+r.Length-window+1 == p.at {
				r.end, r.Length, r.Folded = end, r.Length+1, r.Folded || w != p.exact
				continue next
			}
		}
		f.open = append(f.open, remnant{Hit{"", f.st.s.index.names[p.canary], f.form, offset, window, w != p.exact}, p.canary, p.at, end})
	}
}

// flush reports what is open.
func (f *finder) flush() {
	for _, r := range f.open {
		f.st.report(r.Hit)
	}
	f.open = f.open[:0]
}

// bytewise is a finder for forms whose bytes take up differing room: it remembers where the last ones were.
type bytewise struct {
	finder
	last  uint64
	run   int   // bytes since restart
	count int64 // bytes ever
	at    [8]int64
}

func (f *bytewise) push(b byte, offset int64) {
	f.keep(b, offset)
	if f.run >= window && f.st.s.index.maybe(fold(f.last)) {
		f.window(f.last, f.count, f.at[(f.count-window)&7])
	}
}

// keep adds a byte and asks nothing.
func (f *bytewise) keep(b byte, offset int64) {
	f.last = f.last<<8 | uint64(b)
	f.at[f.count&7] = offset
	f.count++
	f.run++
}

// restart forgets: what comes next does not follow what was.
func (f *bytewise) restart() { f.run = 0 }
