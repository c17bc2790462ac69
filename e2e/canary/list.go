package canary

// list finds bytes that were printed as numbers: [113 120 118] and [113,120,118] in decimal, as Go's %v and encoders of
// byte arrays do, 71 78 76, 71:78:76 and 0x71, 0x78, 0x76 in hexadecimal, as dumps do.
type list struct {
	decimal, hex bytewise
	token        uint32 // the last four characters
	length       int    // of the token
	begin        int64
	idle         bool
}

// listShortest is the least room that six numbers take, two digits each and something between.
const listShortest = 3*window - 1

const (
	listToken     = 1 // letters and digits
	listSeparator = 2
)

var listClass = func() (t [256]byte) {
	for c := range t {
		switch c := byte(c); {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = listToken
		}
	}
	for _, c := range []byte(" ,:;-|\\\"'[](){}\r\n\t") {
		t[c] = listSeparator
	}
	return t
}()

func newList(st *stream) *list {
	return &list{
		decimal: bytewise{finder: finder{st: st, form: "decimal list"}},
		hex:     bytewise{finder: finder{st: st, form: "hex list"}},
		idle:    true,
	}
}

func (l *list) write(p []byte, off int64) {
	for i := 0; i < len(p); i++ {
		for l.idle && i+listShortest-1 < len(p) && listClass[p[i+listShortest-1]] == 0 {
			i += listShortest
		}
		if i >= len(p) {
			break
		}
		switch listClass[p[i]] {
		case listToken:
			if l.length == 0 {
				l.begin = off + int64(i)
			}
			l.token = l.token<<8 | uint32(p[i])
			l.length++
			l.idle = false
		case listSeparator:
			l.number()
		default:
			if !l.idle {
				l.number()
				l.restart()
			}
		}
	}
}

// number ends a token. What is no number ends the list, so that 7 words and 3 numbers are not read as one.
func (l *list) number() {
	if l.length == 0 {
		return
	}
	if v, ok := decimalByte(l.token, l.length); ok {
		l.decimal.push(v, l.begin)
	} else {
		l.decimal.restart()
	}
	if v, ok := hexByte(l.token, l.length); ok {
		l.hex.push(v, l.begin)
	} else {
		l.hex.restart()
	}
	l.length = 0
}

func decimalByte(token uint32, length int) (byte, bool) {
	if length > 3 {
		return 0, false
	}
	v := uint32(0)
	for i := length - 1; i >= 0; i-- {
		d := token>>(8*i)&0xff - '0'
		if d > 9 {
			return 0, false
		}
		v = 10*v + d
	}
	return byte(v), v < 256
}

func hexByte(token uint32, length int) (byte, bool) {
	marked := length == 4 && token>>24 == '0' && token>>16&0xff|0x20 == 'x'
	if length != 2 && !marked {
		return 0, false
	}
	high, low := hexDigits[token>>8&0xff], hexDigits[token&0xff]
	return high<<4 | low, high < 16 && low < 16
}

func (l *list) restart() {
	l.decimal.restart()
	l.hex.restart()
	l.length, l.idle = 0, true
}

func (l *list) gap() {
	l.number()
	l.restart()
	l.decimal.flush()
	l.hex.flush()
}
