package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// header is a file's first record and how to read what follows.
type header struct {
	encoding string
	comma    byte
	names    []string
	raw      []byte
	at       map[string]int // column by headerKey; of names that stand twice the first
	unused   []string       // columns the map does not read
}

// name returns the column's name as the file has it.
func (h *header) name(column string) string {
	if i, ok := h.at[headerKey(column)]; ok {
		return h.names[i]
	}
	return column
}

// delimiters are tried in this order.
var delimiters = []byte{',', ';', '\t', '|'}

// delimiterOf reads an option: a character, "tab", or "auto" for 0.
func delimiterOf(option string) (byte, error) {
	switch {
	case option == "" || option == Auto:
		return 0, nil
	case option == "tab" || option == `\t`:
		return '\t', nil
	case len(option) == 1 && option[0] != '"' && option[0] != '\n' && option[0] != '\r' && option[0] < 0x7f:
		return option[0], nil
	}
	return 0, errors.New(`delimiter: give one character, "tab" or "auto"`)
}

// readHeader finds the delimiter under which most of the plan's columns are there, and settles where they are. It leaves
// the reader after the header.
func (p *Plan) readHeader(src io.ReadSeeker, skip int64, encoding string, comma byte) (*header, *recordReader, error) {
	try := delimiters
	if comma != 0 {
		try = []byte{comma}
	}
	open := func(comma byte) (*header, *recordReader, error) {
		if _, err := src.Seek(skip, io.SeekStart); err != nil {
			return nil, nil, fmt.Errorf("read the header: %w", err)
		}
		r := newRecordReader(src, comma)
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil, nil, errors.New("the file is empty")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the header: %w", err)
		}
		if rec.fault != nil {
			return nil, nil, fmt.Errorf("the header (line %d) is broken: %s", rec.line, rec.fault.reason)
		}
		h := &header{encoding: encoding, comma: comma, raw: slices.Clone(rec.raw), at: map[string]int{}}
		for i, c := range rec.cells {
			name := strings.TrimSpace(decode(c, encoding))
			h.names = append(h.names, name)
			if _, twice := h.at[headerKey(name)]; !twice {
				h.at[headerKey(name)] = i
			}
		}
		return h, r, nil
	}
	best, score, firstErr := byte(0), -1, error(nil)
	for _, d := range try {
		h, _, err := open(d)
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		n := 0
		for _, c := range p.needed {
			if _, ok := h.at[headerKey(c.name)]; ok {
				n += 1000
			}
		}
		if n += min(len(h.names), 999); n > score {
			best, score = d, n
		}
	}
	if score < 0 {
		return nil, nil, firstErr
	}
	h, r, err := open(best)
	if err != nil {
		return nil, nil, err
	}
	return h, r, p.fit(h)
}

// fit refuses a header that lacks a column, or has one twice so that nobody knows which is meant.
func (p *Plan) fit(h *header) error {
	var missing, twice []string
	used := map[string]bool{}
	for _, c := range p.needed {
		key := headerKey(c.name)
		used[key] = true
		n := 0
		for _, name := range h.names {
			if headerKey(name) == key {
				n++
			}
		}
		switch {
		case n == 0 && !c.optional:
			missing = append(missing, quote(c.name))
		case n > 1:
			twice = append(twice, quote(c.name))
		}
	}
	if len(missing) > 0 {
		// The first line of a file without a header is a person's: what stands in it is repeated only when most of it was
		// recognised as a header.
		text := fmt.Sprintf("the file lacks %s of %s", columns(len(missing)), p.m.Name) + ": " + strings.Join(missing, ", ")
		if known := len(p.needed) - len(missing); known*2 < len(p.needed) {
			return fmt.Errorf("%s; its first line has %d fields, of which %d are known: is it a header, and the right map?", text, len(h.names), known)
		}
		var others []string
		for _, name := range h.names {
			if !used[headerKey(name)] {
				others = append(others, quote(name))
			}
		}
		if len(others) > 0 {
			text += "; not in the map are " + strings.Join(others, ", ")
		}
		return errors.New(text)
	}
	if len(twice) > 0 {
		return fmt.Errorf("the file has more than one column named %s: rename all but one", strings.Join(twice, ", "))
	}
	for _, name := range h.names {
		if !used[headerKey(name)] {
			h.unused = append(h.unused, name)
		}
	}
	return nil
}

func quote(s string) string { return `"` + s + `"` }

func columns(n int) string {
	if n == 1 {
		return "a column"
	}
	return fmt.Sprintf("%d columns", n)
}
