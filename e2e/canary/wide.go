package canary

import "bytes"

// wide finds text whose characters take two or four bytes: UTF-16 and UTF-32 (JavaScript, ICU, wchar_t), in either byte
// order. Printable ASCII is then one byte with one or three zeros up to the next, whichever end comes first.
type wide struct {
	two, four bytewise
	zeros     int
}

func newWide(st *stream) *wide {
	return &wide{two: bytewise{finder: finder{st: st, form: "utf-16"}}, four: bytewise{finder: finder{st: st, form: "utf-32"}}}
}

func (w *wide) write(p []byte, off int64) {
	for i := 0; i < len(p); i++ {
		if p[i] == 0 {
			w.zeros++
			continue
		}
		if w.zeros == 0 { // two bytes without a zero between: only the last before the next zero can matter
			if j := bytes.IndexByte(p[i:], 0); j < 0 {
				i = len(p) - 1
			} else {
				i += j - 1
			}
		}
		at := off + int64(i)
		w.step(&w.two, 1, p[i], at)
		w.step(&w.four, 3, p[i], at)
		w.zeros = 0
	}
}

func (w *wide) step(f *bytewise, zeros int, b byte, at int64) {
	if w.zeros != zeros {
		f.restart()
	}
	f.push(b, at)
}

func (w *wide) gap() {
	w.two.flush()
	w.two.restart()
	w.four.flush()
	w.four.restart()
	w.zeros = 0
}
