package canary

// raw finds the bytes themselves, in any mix of upper and lower case.
type raw struct {
	finder
	folded uint64
}

func newRaw(st *stream) *raw { return &raw{finder: finder{st: st, form: "raw"}} }

func (r *raw) write(p []byte, off int64) {
	x, w := r.st.s.index, r.folded
	bits, shift := x.bits, x.shift
	for i, b := range p {
		w = w<<8 | uint64(lower[b])
		h := (w << 16) * 0x9e3779b97f4a7c15 >> shift // index.maybe, spelt out: the call would take as long as the work
		if bits[h>>6]>>(h&63)&1 != 0 {
			end := off + int64(i)
			r.window(r.st.before(p, i+1), end, end-window+1)
		}
	}
	r.folded = w
}

func (r *raw) gap() {
	r.flush()
	r.folded = 0
}
