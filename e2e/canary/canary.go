package canary

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Scanner looks for the remnants of a set of canaries. It does not change, so many goroutines may use it at once.
type Scanner struct {
	index   *index
	limit   int64
	scanned atomic.Int64
}

// unpackLimit is how many bytes a scan unpacks. It needs no memory for them, only time; what goes beyond is an error and
// never silence, because the rest was not looked at.
const unpackLimit = 16 << 30

// New takes the planted values by their names, which are what hits print: "Contact.email/17". A value is printable ASCII
// without a backslash, has at least 6 bytes, and no 6 in a row with fewer than 3 different ones: those would be found
// everywhere.
func New(canaries map[string]string) (*Scanner, error) {
	if len(canaries) == 0 {
		return nil, errors.New("no canaries: a scan that looks for nothing finds nothing")
	}
	names := slices.Sorted(maps.Keys(canaries))
	var errs []error
	for _, name := range names {
		errs = append(errs, check(name, canaries[name]))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Scanner{index: newIndex(names, canaries), limit: unpackLimit}, nil
}

// check names the canary and never shows its value.
func check(name, value string) error {
	if len(value) < window {
		return fmt.Errorf("canary %s: %d bytes are too few, want at least %d", name, len(value), window)
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' || value[i] == '\\' {
			return fmt.Errorf("canary %s: byte %d is a backslash or not printable ASCII, and would have forms that are not looked for", name, i)
		}
	}
	for i := range len(value) - window + 1 {
		seen := map[byte]bool{}
		for _, b := range []byte(value[i : i+window]) {
			seen[lower[b]] = true
		}
		if len(seen) < 3 {
			return fmt.Errorf("canary %s: the %d bytes from %d on repeat themselves and would be found everywhere, draw another value", name, window, i)
		}
	}
	return nil
}

// Scanned is how many bytes were looked at so far, what was unpacked not counted. A gate asserts that it is not small: a
// scan of the wrong directory finds nothing either.
func (s *Scanner) Scanned() int64 { return s.scanned.Load() }

// Hit is a remnant of a canary. It tells where to look and never what is there: reports end in build logs.
type Hit struct {
	Where  string // a file, a process and its mapping, and the way in: "backup.zip!zip@0!base64@117"
	Canary string // the name
	Form   string // how it is written there
	Offset int64  // where it begins in Where, an address in a process; line breaks inside encoded text are not counted
	Length int    // how many bytes of the value in a row, at least 6
	Folded bool   // in another case than planted
}

func (h Hit) String() string {
	folded := ""
	if h.Folded {
		folded = ", in another case"
	}
	return fmt.Sprintf("%s: %d bytes of %s at %d, %s%s", h.Where, h.Length, h.Canary, h.Offset, h.Form, folded)
}

// maxHits bounds the list. With sealing off there are as many hits as stored values, and more say nothing new.
const maxHits = 1 << 20

// findings is what one scan brings home.
type findings struct {
	hits     []Hit
	errs     []error
	open     int   // compressed streams
	unpacked int64 // bytes
	gaveUp   bool  // unpacking
}

func (f *findings) giveUp(err error) {
	if !f.gaveUp {
		f.errs = append(f.errs, err)
	}
	f.gaveUp = true
}

func (f *findings) result() ([]Hit, error) {
	slices.SortStableFunc(f.hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Canary, b.Canary), cmp.Compare(a.Form, b.Form))
	})
	return f.hits, errors.Join(f.errs...)
}

// chunkSize fits the second-level cache, because every form passes over the chunk once.
const chunkSize = 256 << 10

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// Reader scans everything r gives. Hits are returned with an error too: what was found before it stays found.
func (s *Scanner) Reader(where string, r io.Reader) ([]Hit, error) {
	var found findings
	st := newStream(s, &found, func(int64) string { return where })
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	for {
		n, err := r.Read(chunk[:])
		s.scanned.Add(int64(n))
		st.write(chunk[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			found.errs = append(found.errs, fmt.Errorf("scan %s: %w", where, err))
			break
		}
	}
	st.gap()
	return found.result()
}
