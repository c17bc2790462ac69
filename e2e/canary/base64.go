package canary

// base64Digits takes both alphabets at once: a run may mix them, which only adds runs.
var base64Digits = digits(
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
)

// base64Deep is the shortest run of Base64 that can hold another form: UTF-16 of a window, 11 bytes.
const base64Deep = 15

// base64Text finds Base64 in the standard and the URL alphabet, padded or not, in lines or in one. Four digits are three
// bytes, and where the first of four stands depends on what stands before the value. So the last digits are kept as bits,
// and the last six whole bytes are asked for at each of the three places where a byte can end: all 48 bits are compared,
// those too whose digit is shared with a stranger's byte, which patterns of whole digits would have to leave out.
type base64Text struct {
	find    [4]finder // by the digit, modulo four, that groups begin with
	inner   nested
	last    uint64
	run     int
	count   int64
	escaped bool
}

func newBase64(st *stream) *base64Text {
	f := finder{st: st, form: "base64"}
	return &base64Text{
		find:  [4]finder{f, f, f, f},
		inner: nested{parent: st, kind: "base64", bits: 6, group: 4, shortest: base64Deep, accident: hexadecimal},
	}
}

// base64Shortest is the least number of digits that six bytes take.
const base64Shortest = 8

func (b *base64Text) write(p []byte, off int64) {
	x := b.find[0].st.s.index
	for i := 0; i < len(p); i++ {
		for b.run == 0 && outside(&base64Digits, p, i+base64Shortest-1) {
			i += base64Shortest
		}
		if i >= len(p) {
			break
		}
		v := base64Digits[p[i]]
		if b.run > 0 && (v >= 64 || b.escaped) {
			if broken(&b.escaped, v, p[i]) {
				continue
			}
			b.end()
		}
		if v >= 64 {
			continue
		}
		b.last = b.last<<6 | uint64(v)
		b.run++
		b.count++
		at := off + int64(i)
		b.inner.push(v, at)
		if b.run < base64Shortest {
			continue
		}
		// This digit is the fourth of its group and ends the third byte, or the third and holds 2 bits more than the
		// second byte, or the second and holds 4 bits more than the first.
		third, second, first := x.maybe(fold(b.last)), x.maybe(fold(b.last>>2)), x.maybe(fold(b.last>>4))
		if !third && !second && !first {
			continue
		}
		if third {
			b.found(3, at)
		}
		if second && b.run > base64Shortest {
			b.found(2, at)
		}
		if first && b.run > base64Shortest {
			b.found(1, at)
		}
	}
}

// found tells of six bytes that end in the digit with this number in its group.
func (b *base64Text) found(digit int, at int64) {
	group := (b.count - 1 - int64(digit)) / 4
	f := &b.find[(b.count-1-int64(digit))&3]
	length := int64(base64Shortest)
	if digit < 3 {
		length++
	}
	f.window(b.last>>(2*(3-digit)), group*3+int64(digit), at-length+1)
}

// hexadecimal tells that digits of Base64 are all hexadecimal ones too. That fifteen of Base64 are by chance happens to one
// text in ten million, and hexadecimal is common.
func hexadecimal(digits []byte) bool {
	for _, d := range digits {
		if d >= 6 && d < 26 || d >= 32 && d < 52 || d >= 62 {
			return false
		}
	}
	return true
}

func (b *base64Text) end() {
	b.inner.end()
	b.run, b.escaped = 0, false
}

func (b *base64Text) gap() {
	b.end()
	for i := range b.find {
		b.find[i].flush()
	}
}
