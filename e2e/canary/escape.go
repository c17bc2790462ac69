package canary

import (
	"bytes"
	"strconv"
	"strings"
)

// verdict is what an escape's reader says of the characters so far.
type verdict int

const (
	more    verdict = iota
	yields          // a byte
	nothing         // complete, and stands for nothing: a soft line break
	bad             // no escape
)

// escape is a way to write single characters of a text otherwise left as it is.
type escape struct {
	name string
	lead byte
	read func(p []byte) (byte, verdict)
}

var escapes = []escape{
	{"backslash escapes", '\\', readBackslash},
	{"percent encoding", '%', readPercent},
	{"quoted-printable", '=', readQuotedPrintable},
	{"character references", '&', readReference},
}

// escaped finds text with escapes in it. A window without one is raw; so it sleeps until the next lead, and from there to
// six characters behind the last escape reads what is meant.
type escaped struct {
	escape
	bytewise
	awake   bool
	plain   int // characters since the last escape
	pending []byte
	begin   int64
}

func newEscaped(st *stream, e escape) *escaped {
	return &escaped{escape: e, bytewise: bytewise{finder: finder{st: st, form: e.name}}}
}

func (e *escaped) write(p []byte, off int64) {
	for i := 0; i < len(p); i++ {
		if !e.awake {
			j := bytes.IndexByte(p[i:], e.lead)
			if j < 0 {
				return
			}
			i += j
			e.wake(e.st.before(p, i), off+int64(i))
		}
		e.char(p[i], off+int64(i))
		e.awake = e.plain < window || len(e.pending) > 0
	}
}

// wake takes the five characters before the first escape; they are no window yet.
func (e *escaped) wake(before uint64, at int64) {
	e.restart()
	for back := window - 1; back > 0; back-- {
		e.keep(byte(before>>(8*(back-1))), at-int64(back))
	}
	e.plain = window
}

func (e *escaped) char(b byte, at int64) {
	if len(e.pending) == 0 && b != e.lead {
		e.literal(b, at)
		return
	}
	if len(e.pending) == 0 {
		e.begin = at
	}
	if b == '\\' && len(e.pending) == 1 && e.lead == b {
		return // JSON inside JSON doubles them
	}
	e.pending = append(e.pending, b)
	switch v, verdict := e.read(e.pending); verdict {
	case more:
	case yields:
		e.pending = e.pending[:0]
		e.plain = 0
		e.push(v, e.begin)
	case nothing:
		e.pending = e.pending[:0]
		e.plain = 0
	case bad:
		// Only the lead is surely a character: what follows may hold another lead.
		rest := append([]byte(nil), e.pending[1:]...)
		e.pending = e.pending[:0]
		e.literal(e.lead, e.begin)
		for i, b := range rest {
			e.char(b, at-int64(len(rest)-1-i))
		}
	}
}

func (e *escaped) literal(b byte, at int64) {
	if e.plain++; e.plain < window {
		e.push(b, at)
	} else {
		e.keep(b, at) // six without an escape among them are raw's to find
	}
}

func (e *escaped) gap() {
	e.flush()
	e.restart()
	e.awake, e.pending = false, e.pending[:0]
}

func readBackslash(p []byte) (byte, verdict) {
	switch {
	case len(p) == 1:
		return 0, more
	case p[1] == 'u':
		return hexEscape(p[2:], 4)
	case p[1] == 'x':
		return hexEscape(p[2:], 2)
	case p[1] >= '0' && p[1] <= '3': // bytea's old format: three octal digits
		if last := p[len(p)-1]; last < '0' || last > '7' {
			return 0, bad
		}
		if len(p) < 4 {
			return 0, more
		}
		return (p[1]-'0')<<6 | (p[2]-'0')<<3 | (p[3] - '0'), yields
	}
	return p[1], yields // \" and \/; for \n it is wrong, but no canary has a line feed
}

func readPercent(p []byte) (byte, verdict) { return hexEscape(p[1:], 2) }

func readQuotedPrintable(p []byte) (byte, verdict) {
	switch string(p[1:]) {
	case "\r":
		return 0, more
	case "\n", "\r\n":
		return 0, nothing
	}
	return hexEscape(p[1:], 2)
}

// hexEscape reads n hexadecimal digits.
func hexEscape(p []byte, n int) (byte, verdict) {
	v := 0
	for _, c := range p {
		d := hexDigits[c]
		if d >= 16 {
			return 0, bad
		}
		v = v<<4 | int(d)
	}
	switch {
	case len(p) < n:
		return 0, more
	case v > 0xff:
		return 0, bad // a character no canary has
	}
	return byte(v), yields
}

var references = map[string]byte{"&amp;": '&', "&lt;": '<', "&gt;": '>', "&quot;": '"', "&apos;": '\'', "&commat;": '@', "&plus;": '+', "&period;": '.'}

func readReference(p []byte) (byte, verdict) {
	const longest = len("&#x0000040;")
	last := p[len(p)-1]
	switch {
	case len(p) == 1:
		return 0, more
	case last != ';':
		if len(p) >= longest || last != '#' && listClass[last] != listToken {
			return 0, bad
		}
		return 0, more
	}
	if b, ok := references[string(p)]; ok {
		return b, yields
	}
	number, ok := strings.CutPrefix(string(p[1:len(p)-1]), "#")
	if !ok {
		return 0, bad
	}
	base := 10
	if rest, ok := strings.CutPrefix(strings.ToLower(number), "x"); ok {
		number, base = rest, 16
	}
	v, err := strconv.ParseUint(number, base, 8)
	if err != nil {
		return 0, bad
	}
	return byte(v), yields
}
