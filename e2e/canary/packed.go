package canary

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
)

// packed looks for compressed streams that begin anywhere: gzip, zlib, members of ZIP archives, bzip2, and zlib in the
// blocks of pg_dump's custom format. Nearly all beginnings are accidents and end within a few bytes; what comes out of
// the others is scanned like any stream, as it comes, whether or not the compressed stream is whole.
type packed struct {
	st   *stream
	open []*unpacking
}

// maxOpen bounds memory: each takes about 100 kB. So many overlap only in a file made for it, and such a file can hold
// streams within streams without end: when there are too many, or too much comes out of them, a scan gives up unpacking.
const maxOpen = 1000

func newPacked(st *stream) *packed { return &packed{st: st} }

// Last pairs of the bytes that compressed streams begin with. zlib has a pair of its own: a method of 8, a window, and a
// checksum that makes the pair a multiple of 31 (RFC 1950 §2.2).
var beginnings = func() (t [1 << 16]bool) {
	for pair := range t {
		t[pair] = zlibPair(uint64(pair))
	}
	t[0x8b08], t[0x0304], t['S'<<8|'Y'] = true, true, true
	return t
}()

func zlibPair(pair uint64) bool {
	pair &= 0xffff
	preset := pair&0x20 != 0 // a dictionary that is not in the stream
	return pair>>8&0x8f == 8 && pair%31 == 0 && !preset
}

func (k *packed) write(p []byte, off int64) {
	alive := k.open[:0]
	for _, u := range k.open {
		if u.resume(p) {
			alive = append(alive, u)
		}
	}
	k.open = alive
	pair := uint16(k.st.tail)
	for i, b := range p {
		pair = pair<<8 | uint16(b)
		if beginnings[pair] {
			k.begin(k.st.before(p, i+1), p[i+1:], off+int64(i)+1)
		}
	}
}

// begin starts what the last bytes announce; rest is what is there of the stream behind them, at is where that lies.
func (k *packed) begin(last uint64, rest []byte, at int64) {
	switch {
	case zlibPair(last):
		if hopeless(rest) {
			break
		}
		k.start("zlib", at-2, rest, nil, func(f *feed) io.Reader { return deflated(f) })
		if n, ok := dumpBlock(last >> 16); ok {
			k.start("pg_dump", at-2, rest, new(true), func(f *feed) io.Reader { return deflated(&blocks{feed: f, left: n - 2}) })
		}
	case last&0xffffff == 0x1f8b08:
		k.start("gzip", at-3, rest, nil, func(f *feed) io.Reader {
			if err := skipGzipHeader(f); err != nil {
				return empty
			}
			return deflated(f)
		})
	case last&0xffffffff == 'P'<<24|'K'<<16|0x0304:
		k.start("zip", at-4, rest, nil, func(f *feed) io.Reader {
			if err := skipZipHeader(f); err != nil {
				return empty
			}
			return deflated(f)
		})
	case last&^(0xff<<48) == 'h'<<56|'1'<<40|'A'<<32|'Y'<<24|'&'<<16|'S'<<8|'Y': // BZh9, and the digits of π
		k.start("bzip2", at-10, rest, nil, func(f *feed) io.Reader {
			return bzip2.NewReader(io.MultiReader(bytes.NewReader([]byte("BZh91AY&SY")), f))
		})
	}
}

var empty = bytes.NewReader(nil)

// unpacking is one compressed stream that is being read. Decompressors pull and a stream is pushed, so each is a coroutine
// that rests whenever its input is used up.
type unpacking struct {
	feed   *feed
	next   func() (struct{}, bool)
	stop   func()
	parent *stream
}

func (k *packed) start(kind string, at int64, rest []byte, mute *bool, open func(*feed) io.Reader) {
	found := k.st.found
	if found.open >= maxOpen {
		found.giveUp(fmt.Errorf("scan %s: more than %d compressed streams overlap at %d: no more are looked into", k.st.where(at), maxOpen, at))
	}
	if found.gaveUp {
		return
	}
	found.open++
	u := &unpacking{feed: &feed{mute: mute}, parent: k.st}
	u.next, u.stop = iter.Pull(func(yield func(struct{}) bool) {
		u.feed.more = func() bool { return yield(struct{}{}) }
		u.unpack(kind, at, open(u.feed))
		found.open--
	})
	if u.resume(rest) {
		k.open = append(k.open, u)
	}
}

func (u *unpacking) unpack(kind string, at int64, r io.Reader) {
	defer recycle(r)
	buf := unpacked.Get().(*[32 << 10]byte)
	defer unpacked.Put(buf)
	var st *stream
	found := u.parent.found
	for !found.gaveUp {
		n, err := r.Read(buf[:])
		if n > 0 && st == nil {
			st = unwrapped(u.parent, kind, &at)
			if u.feed.mute != nil {
				st.mute = u.feed.mute
			}
		}
		if n > 0 {
			st.write(buf[:n])
		}
		if found.unpacked += int64(n); found.unpacked > u.parent.s.limit {
			found.giveUp(fmt.Errorf("scan %s: more than %d bytes were unpacked: no more are, so unpack it yourself and scan what comes out",
				st.where(0), u.parent.s.limit))
		}
		if err != nil {
			break // the end, or an accident that did not turn out to be a stream: what came out was looked at
		}
	}
	if st != nil {
		st.gap()
	}
}

// resume hands on the next piece and tells whether the stream wants more.
func (u *unpacking) resume(p []byte) bool {
	u.feed.p = p
	_, alive := u.next()
	return alive
}

// gap ends what is open. A stream cut off has been read up to there.
func (k *packed) gap() {
	for _, u := range k.open {
		u.stop() // its input ends here
	}
	k.open = k.open[:0]
}

// feed is the input of one coroutine.
type feed struct {
	p     []byte
	more  func() bool
	ended bool
	mute  *bool
}

func (f *feed) wait() error {
	for len(f.p) == 0 {
		if f.ended || !f.more() {
			f.ended = true
			return io.EOF
		}
	}
	return nil
}

func (f *feed) ReadByte() (byte, error) {
	if err := f.wait(); err != nil {
		return 0, err
	}
	b := f.p[0]
	f.p = f.p[1:]
	return b, nil
}

func (f *feed) Read(p []byte) (int, error) {
	if err := f.wait(); err != nil {
		return 0, err
	}
	n := copy(p, f.p)
	f.p = f.p[n:]
	return n, nil
}

func (f *feed) skip(n int) error {
	_, err := io.CopyN(io.Discard, f, int64(n))
	return err
}

// blocks is the data of pg_dump's custom format: one zlib stream, cut into blocks that each begin with their length. Until
// the first border the stream is whole for everybody, and zlib reports what it holds.
type blocks struct {
	*feed
	left int
}

func (b *blocks) ReadByte() (byte, error) {
	for b.left == 0 {
		var header [5]byte
		if _, err := io.ReadFull(b.feed, header[:]); err != nil {
			return 0, err
		}
		n, ok := dumpBlock(uint64(header[0])<<32 | uint64(binary.BigEndian.Uint32(header[1:])))
		if !ok {
			return 0, io.ErrUnexpectedEOF
		}
		b.left = n
		*b.mute = false
	}
	b.left--
	return b.feed.ReadByte()
}

func (b *blocks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// dumpBlock reads the length of a block from five bytes: a sign and four bytes, the least one first.
func dumpBlock(header uint64) (int, bool) {
	n := int64(header>>24&0xff | header>>16&0xff<<8 | header>>8&0xff<<16 | header&0xff<<24)
	return int(n), header>>32&0xff == 0 && n > 2 && n < 1<<24
}

// skipGzipHeader reads on behind the method (RFC 1952 §2.3). Checksums are left alone: a broken header must hide nothing.
func skipGzipHeader(f *feed) error {
	var h [7]byte // flags, time, extra flags, system
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return err
	}
	const headerCRC, extra, name, comment, reserved = 2, 4, 8, 16, 0xe0
	flags := h[0]
	if flags&reserved != 0 {
		return errors.New("not gzip")
	}
	if flags&extra != 0 {
		var n [2]byte
		if _, err := io.ReadFull(f, n[:]); err != nil {
			return err
		}
		if err := f.skip(int(binary.LittleEndian.Uint16(n[:]))); err != nil {
			return err
		}
	}
	for _, text := range []byte{name, comment} {
		for flags&text != 0 {
			b, err := f.ReadByte()
			if err != nil {
				return err
			}
			if b == 0 {
				break
			}
		}
	}
	if flags&headerCRC != 0 {
		return f.skip(2)
	}
	return nil
}

// skipZipHeader reads on behind the signature of a member. Stored members are raw already, and method 12 is bzip2.
func skipZipHeader(f *feed) error {
	var h [26]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return err
	}
	if method := binary.LittleEndian.Uint16(h[4:]); method != 8 {
		return errors.New("not deflated")
	}
	return f.skip(int(binary.LittleEndian.Uint16(h[22:])) + int(binary.LittleEndian.Uint16(h[24:])))
}

// Decompressors and buffers are used again: accidents are frequent, and a decompressor is large.
var (
	inflaters sync.Pool
	unpacked  = sync.Pool{New: func() any { return new([32 << 10]byte) }}
)

func deflated(r flate.Reader) io.Reader {
	if z, ok := inflaters.Get().(flate.Resetter); ok {
		if err := z.Reset(r, nil); err == nil {
			return z.(io.Reader)
		}
	}
	return flate.NewReader(r)
}

func recycle(r io.Reader) {
	if z, ok := r.(flate.Resetter); ok {
		inflaters.Put(z)
	}
}
