package read

import "sync"

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

// release wipes the memory and gives it back.
func (m *memory) release() {
	m.cells.reset(keepCells)
	m.rows.reset(keepRows)
	m.texts.reset(keepTexts)
	memories.Put(m)
}

// slab hands out pieces of one allocation, and makes a larger one when that is used up.
type slab[T any] struct{ all, free []T }

// take returns n zero values.
func (s *slab[T]) take(n, least int) []T {
	if len(s.free) < n {
		s.all = make([]T, max(n, 2*len(s.all), least))
		s.free = s.all
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

func (s *slab[T]) reset(keep int) {
	if len(s.all) > keep {
		s.all, s.free = nil, nil
	}
	clear(s.all[:len(s.all)-len(s.free)])
	s.free = s.all
}
