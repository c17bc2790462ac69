package canary

// nested looks at what a run of encoded text holds. Short runs are words and numbers by the thousand, so it looks only into
// those that are long enough to hold another form. A run may begin in the middle of a byte, with digits that belong to
// something else: it is decoded from each possible start.
type nested struct {
	parent   *stream
	kind     string
	bits     int // of a digit
	group    int // digits that make up whole bytes
	shortest int
	accident func(digits []byte) bool // text of another kind
	digits   []byte
	open     bool
	inner    [4]*stream // by where groups begin
	begin    [4]int64
	out      []byte
}

// nestedBlock is how many digits are decoded at a time.
const nestedBlock = 4 << 10

func (n *nested) push(digit byte, at int64) {
	if n.parent.depth >= maxDepth {
		return
	}
	if len(n.digits) == 0 && !n.open {
		for i := range n.begin {
			n.begin[i] = at + int64(i)
		}
	}
	n.digits = append(n.digits, digit)
	if len(n.digits) == nestedBlock+n.group-1 {
		n.deliver(false)
		n.digits = append(n.digits[:0], n.digits[nestedBlock:]...)
	}
}

// deliver decodes and scans. Every start but the first needs a digit more than there are in whole groups; so those stay
// for the next time, unless it is the last.
func (n *nested) deliver(last bool) {
	if !n.open && n.accident(n.digits) {
		for i := range n.begin {
			n.begin[i] += nestedBlock
		}
		return
	}
	for i := range n.group {
		digits := n.digits[min(i, len(n.digits)):]
		if !last {
			digits = digits[:nestedBlock]
		}
		if n.inner[i] == nil {
			n.inner[i] = decoded(n.parent, n.kind, &n.begin[i])
		}
		if !n.open {
			n.inner[i].off = 0
		}
		n.out = n.out[:0]
		var bits uint
		var w uint32
		for _, d := range digits {
			w, bits = w<<n.bits|uint32(d), bits+uint(n.bits)
			if bits >= 8 {
				bits -= 8
				n.out = append(n.out, byte(w>>bits))
			}
		}
		n.inner[i].write(n.out)
	}
	n.open = true
}

// end closes the run. What was kept of one too short is dropped.
func (n *nested) end() {
	if len(n.digits) >= n.shortest || n.open {
		n.deliver(true)
	}
	n.digits = n.digits[:0]
	if n.open {
		for _, st := range n.inner[:n.group] {
			st.gap()
		}
		n.open = false
	}
}
