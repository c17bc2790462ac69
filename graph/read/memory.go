package read

import (
	"encoding/binary"
	"sync"
	"unsafe"

	"github.com/cloakroom-crm/cloakroom/directives/format"
)

// memory is what the rows of one run lie in. It serves one run after the other, and is wiped in between: what was read for
// one viewer is gone when the answer is, and nothing that outlives the run may point into it.
type memory struct {
	cells slab[cell]
	rows  slab[[]cell]
	texts slab[byte]
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// What is kept of a run's memory. A page as large as allowed takes more, and is rare.
const (
	keepCells = 16 << 10
	keepRows  = 2 << 10
	keepTexts = 256 << 10
)

// plainCell takes what was under a seal for a cell. The bytes lie in the memory of the run.
func plainCell(b []byte) (cell, bool) {
	kind, p, err := format.Plain(b)
	if err != nil {
		return cell{}, false
	}
	switch kind {
	case format.PlainInt:
		return cell{kind: cellInt, n: int64(binary.BigEndian.Uint64(p))}, true
	case format.PlainFloat:
		return cell{kind: cellFloat, n: int64(binary.BigEndian.Uint64(p))}, true
	case format.PlainBoolean:
		return cell{kind: cellBool, n: int64(p[0])}, true
	case format.PlainTime:
		return cell{kind: cellTime, n: int64(binary.BigEndian.Uint64(p))}, true
	case format.PlainUUID:
		return cell{kind: cellUUID, s: string(p)}, true
	}
	if len(p) == 0 {
		return cell{kind: cellText}, true
	}
	return cell{kind: cellText, s: unsafe.String(&p[0], len(p))}, true //nolint:gosec // see memory.text
}

// release wipes the memory and gives it back.
func (m *memory) release() {
	m.cells.reset(keepCells)
	m.rows.reset(keepRows)
	m.texts.reset(keepTexts)
	memories.Put(m)
}

// slab hands out pieces of one allocation, and makes a larger one when that is used up.
type slab[T any] struct {
	all, free []T
	full      [][]T // used up, and still in use
}

// take returns n zero values.
func (s *slab[T]) take(n, least int) []T {
	if len(s.free) < n {
		if len(s.all) > 0 {
			s.full = append(s.full, s.all)
		}
		s.all = make([]T, max(n, 2*len(s.all), least))
		s.free = s.all
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

func (s *slab[T]) reset(keep int) {
	for i, f := range s.full {
		clear(f)
		s.full[i] = nil
	}
	s.full = s.full[:0]
	clear(s.all[:len(s.all)-len(s.free)])
	if len(s.all) > keep {
		s.all = nil
	}
	s.free = s.all
}
