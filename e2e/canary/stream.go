package canary

import "fmt"

// maxDepth is how many layers are taken off: a gzip inside a gzip is two, a gzip as hexadecimal inside a gzip three.
const maxDepth = 3

// form is a way to write bytes. It sees a sequence piece by piece and keeps its state in between, so that where the pieces
// are cut makes no difference.
type form interface {
	write(p []byte, off int64)
	gap() // what follows does not follow what was
}

// stream looks for all forms in one sequence of bytes.
type stream struct {
	s     *Scanner
	found *findings
	where func(offset int64) string
	mute  *bool // while true, hits are another stream's to report
	depth int
	off   int64
	tail  uint64 // the last eight bytes before the piece that is being written
	forms []form
}

func newStream(s *Scanner, found *findings, where func(int64) string) *stream {
	st := &stream{s: s, found: found, where: where}
	st.forms = append(st.setup(), newRaw(st))
	return st
}

// unwrapped is the stream of what came out of parent; begin tells where that starts there.
func unwrapped(parent *stream, kind string, begin *int64) *stream {
	st := decoded(parent, kind, begin)
	st.forms = append(st.forms, newRaw(st))
	return st
}

// decoded is the same without the raw form, for wrappings that are forms themselves.
func decoded(parent *stream, kind string, begin *int64) *stream {
	st := &stream{s: parent.s, found: parent.found, mute: parent.mute, depth: parent.depth + 1}
	st.where = func(int64) string { return fmt.Sprintf("%s!%s@%d", parent.where(*begin), kind, *begin) }
	st.forms = st.setup()
	return st
}

func (st *stream) setup() []form {
	forms := []form{newWide(st), newHex(st), newBase64(st), newList(st)}
	for _, e := range escapes {
		forms = append(forms, newEscaped(st, e))
	}
	if st.depth < maxDepth {
		forms = append(forms, newPacked(st))
	}
	return forms
}

func (st *stream) write(p []byte) {
	if len(p) == 0 {
		return
	}
	for _, f := range st.forms {
		f.write(p, st.off)
	}
	for _, b := range p[max(0, len(p)-8):] {
		st.tail = st.tail<<8 | uint64(b)
	}
	st.off += int64(len(p))
}

// gap ends a run of bytes: the end of the stream, or a hole in a process's memory.
func (st *stream) gap() {
	for _, f := range st.forms {
		f.gap()
	}
	st.tail = 0 // no canary has zero bytes
}

func (st *stream) report(h Hit) {
	if st.mute != nil && *st.mute || len(st.found.hits) >= maxHits {
		return
	}
	h.Where = st.where(h.Offset)
	st.found.hits = append(st.found.hits, h)
}

// before is the eight bytes before p[i].
func (st *stream) before(p []byte, i int) uint64 {
	w := st.tail
	for _, b := range p[max(0, i-8):i] {
		w = w<<8 | uint64(b)
	}
	return w
}
