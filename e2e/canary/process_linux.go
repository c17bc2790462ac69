package canary

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Process scans the memory of another process: every readable mapping, heap, stack and shared memory alike, as a debugger
// or a core dump would show it. It needs the right to trace the process: to be its user or root, and where Yama restricts
// that, its parent. The process is not stopped; stop it first for a picture of one moment.
//
// Pages that cannot be read are passed over, but a process of which nothing could be read is an error. So is the scanner's
// own, which holds the canaries in order to look for them.
func (s *Scanner) Process(pid int) ([]Hit, error) {
	if pid == os.Getpid() {
		return nil, fmt.Errorf("scan process %d: this is the scanner, which holds every canary: run what is to be scanned in a process of its own", pid)
	}
	maps, err := mappings(pid)
	if err != nil {
		return nil, fmt.Errorf("scan process %d: %w", pid, err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, fmt.Errorf("scan process %d: %w", pid, err)
	}
	defer func() { _ = mem.Close() }()
	var found findings
	r := &memory{s: s, mem: mem, page: int64(os.Getpagesize())}
	r.st = newStream(s, &found, func(at int64) string { return fmt.Sprintf("process %d%s", pid, nameOf(maps, at)) })
	// Where the page map cannot be opened, pages that were never touched are read too.
	if r.pagemap, err = os.Open(fmt.Sprintf("/proc/%d/pagemap", pid)); err == nil {
		defer func() { _ = r.pagemap.Close() }()
	}
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	for _, m := range maps {
		for _, present := range r.touched(m) {
			r.scan(present, chunk[:])
		}
	}
	r.st.gap()
	if r.read == 0 {
		found.errs = append(found.errs, fmt.Errorf("scan process %d: nothing of its memory could be read: %w", pid, cmp.Or(r.err, errNoMemory)))
	}
	return found.result()
}

// errNoMemory is what a process has that has ended, or that is a part of the kernel.
var errNoMemory = errors.New("it has none")

// mapping is a line of /proc/PID/maps.
type mapping struct {
	from, to  int64
	anonymous bool // private memory that no file is behind: what was never touched is zeros
	name      string
}

func mappings(pid int) ([]mapping, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var all []mapping
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// 7f494d97a000-7f494d97b000 r--p 00000000 fe:00 316532     /usr/lib/…
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			return nil, fmt.Errorf("cannot read its maps: a line has %d fields", len(fields))
		}
		from, to, _ := strings.Cut(fields[0], "-")
		low, err1 := strconv.ParseUint(from, 16, 64)
		high, err2 := strconv.ParseUint(to, 16, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("cannot read its maps: %w", err)
		}
		m := mapping{from: int64(low), to: int64(high), name: strings.Join(fields[5:], " ")}
		m.anonymous = fields[4] == "0" && strings.HasSuffix(fields[1], "p")
		// The kernel's own pages hold clocks and code, and reading some of them fails.
		kernel := strings.HasPrefix(m.name, "[vvar") || m.name == "[vsyscall]" || m.from < 0
		if strings.HasPrefix(fields[1], "r") && !kernel {
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

func nameOf(maps []mapping, at int64) string {
	for _, m := range maps {
		if at >= m.from && at < m.to && m.name != "" {
			return " " + m.name
		}
	}
	return ""
}

// memory reads a process's pages into one stream. Neighbouring mappings are one run of bytes: the kernel splits and joins
// them as it likes, and a value may lie across.
type memory struct {
	s            *Scanner
	st           *stream
	mem, pagemap *os.File
	page         int64
	read         int64
	err          error // the last
}

type span struct{ from, to int64 }

// touched is what there is of a mapping. Runtimes reserve far more than they use; reading untouched private memory would
// give zeros, take hours under a race detector, and make the kernel set up tables for it in the process looked at.
func (r *memory) touched(m mapping) []span {
	whole := []span{{m.from, m.to}}
	if r.pagemap == nil || !m.anonymous {
		return whole
	}
	var out []span
	entries := make([]byte, 64<<10)
	for from := m.from; from < m.to; {
		want := min(int64(len(entries)), (m.to-from)/r.page*8)
		n, err := r.pagemap.ReadAt(entries[:want], from/r.page*8)
		n -= n % 8
		if n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return whole
			}
			return append(out, span{from, m.to})
		}
		for e := range slices.Chunk(entries[:n], 8) {
			const present, swapped = 1 << 63, 1 << 62
			if binary.NativeEndian.Uint64(e)&(present|swapped) != 0 {
				if last := len(out) - 1; last >= 0 && out[last].to == from {
					out[last].to += r.page
				} else {
					out = append(out, span{from, from + r.page})
				}
			}
			from += r.page
		}
	}
	return out
}

func (r *memory) scan(m span, chunk []byte) {
	for at := m.from; at < m.to; {
		want := min(int64(len(chunk)), m.to-at)
		n, err := r.mem.ReadAt(chunk[:want], at)
		if n == 0 && want > r.page { // one bad page fails them all
			want = r.page
			n, err = r.mem.ReadAt(chunk[:want], at)
		}
		if n == 0 {
			r.err = err
			at += want
			continue
		}
		r.take(chunk[:n], at)
		at += int64(n)
	}
}

func (r *memory) take(p []byte, at int64) {
	if r.st.off != at {
		r.st.gap()
		r.st.off = at
	}
	r.st.write(p)
	r.read += int64(len(p))
	r.s.scanned.Add(int64(len(p)))
}
