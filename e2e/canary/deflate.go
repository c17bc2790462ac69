package canary

import "encoding/binary"

// hopeless tells from its first bytes that a deflate stream is none, or gives fewer than six bytes (RFC 1951 §3.2). zlib's
// two bytes turn up everywhere, and in programs most of all: 48 89 is how x86 moves registers. Setting up a decompressor
// for each would take most of a scan. Where too few bytes are there to tell, there is hope.
func hopeless(p []byte) bool {
	const enough = 3 + 14 + 19*3 // bits of the longest header that is read here
	if len(p) < enough/8+1 {
		return false
	}
	b := bitReader{p: p}
	switch b.take(1); b.take(2) {
	case 0: // stored: a length, and the same inverted
		return binary.LittleEndian.Uint16(p[1:]) != ^binary.LittleEndian.Uint16(p[3:])
	case 1:
		return hopelessFixed(&b)
	case 2:
		return hopelessDynamic(&b)
	}
	return true
}

// hopelessDynamic checks what describes the codes: at most 286 literals and 30 distances, and code lengths whose own code
// uses up all bit patterns.
func hopelessDynamic(b *bitReader) bool {
	literals, distances := b.take(5), b.take(5)
	if literals > 29 || distances > 29 {
		return true
	}
	used, codes := 0, 0
	for range b.take(4) + 4 {
		if length := b.take(3); length > 0 {
			used += 128 >> length
			codes++
		}
	}
	single := codes == 1 && used == 64
	return used != 128 && !single
}

// hopelessFixed reads symbols of the fixed code until six bytes came out, or until one repeats what was never there.
func hopelessFixed(b *bitReader) bool {
	for out := 0; out < window; {
		code := b.code(7)
		if code == 0 { // the block ends, another may follow
			return false
		}
		symbol := 256 + code
		if code > 0b0010111 {
			code = code<<1 | b.take(1)
			switch {
			case code < 0b11000000:
				out++
				continue
			case code > 0b11000111:
				b.take(1)
				out++
				continue
			}
			symbol = 280 + code&7
		}
		if symbol > 285 || out == 0 {
			return true
		}
		if symbol >= 265 && symbol < 285 {
			b.take((symbol - 261) / 4)
		}
		distance := b.code(5) + 1
		if distance == 5 {
			distance += b.take(1)
		}
		if distance > out { // those above 6 are too far in any case
			return true
		}
		if symbol > 259 {
			return false // six or more
		}
		out += symbol - 254
	}
	return false
}

// bitReader takes bits as deflate packs them: the lowest of a byte first. Behind the end it gives zeros.
type bitReader struct {
	p  []byte
	at int
}

func (b *bitReader) take(n int) int {
	v := 0
	for i := range n {
		if b.at/8 < len(b.p) {
			v |= int(b.p[b.at/8]>>(b.at%8)&1) << i
		}
		b.at++
	}
	return v
}

// code takes bits of a Huffman code, which are packed the other way round.
func (b *bitReader) code(n int) int {
	v := 0
	for range n {
		v = v<<1 | b.take(1)
	}
	return v
}
