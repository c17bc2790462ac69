package importer

import (
	"bufio"
	"bytes"
	"errors"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"io"
)

// maxRecord bounds one record, in bytes. It also bounds how far a quote that never closes is followed.
const maxRecord = 1 << 20

// record is one row of a file. Cells are bytes in the file's encoding.
type record struct {
	policy.Withheld

	line  int // the line it begins on, from 1
	cells [][]byte
	raw   []byte // as in the file, without the line end; of a broken record its first line only
	fault *fault // set: the record is broken, and has no cells
}

// fault says where a record is broken.
type fault struct {
	cell   int // the field in question, from 1
	reason string
}

// recordReader reads RFC 4180 with the liberties files take: LF or CRLF, blank lines, quotes inside an unquoted cell.
//
// encoding/csv is not used: it stops at a broken quote or, told to be lazy, swallows what follows into one cell. Here a
// record whose quoting is broken is given up after its first line, and reading goes on with the next line: at worst the
// rest of that record is rejected too, line by line, and no good record disappears.
type recordReader struct {
	src      *bufio.Reader
	comma    byte
	back     []textLine // lines read in vain, to be read again
	line     int        // lines consumed
	consumed int64      // bytes taken from src
}

// textLine is a line with its end. Of one longer than maxRecord only the beginning is kept.
type textLine struct {
	text []byte
	long bool
}

func newRecordReader(r io.Reader, comma byte) *recordReader {
	return &recordReader{src: bufio.NewReaderSize(r, 64<<10), comma: comma}
}

// readLine returns the next line, or io.EOF.
func (r *recordReader) readLine() (textLine, error) {
	if len(r.back) > 0 {
		l := r.back[0]
		r.back = r.back[1:]
		return l, nil
	}
	var l textLine
	for {
		part, err := r.src.ReadSlice('\n')
		r.consumed += int64(len(part))
		if room := maxRecord - len(l.text); len(part) > room {
			part, l.long = part[:room], true
		}
		l.text = append(l.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(l.text) == 0):
			return textLine{}, err
		}
		return l, nil
	}
}

// next returns the next record, or io.EOF. Every other error is one of the source.
func (r *recordReader) next() (record, error) {
	for {
		l, err := r.readLine()
		if err != nil {
			return record{}, err
		}
		r.line++
		switch {
		case l.long:
			return record{line: r.line, raw: l.text[:maxLongRaw], fault: &fault{1, tooLong}}, nil
		case len(cutEnd(l.text)) > 0:
			return r.parse(l.text)
		}
	}
}

const (
	maxLongRaw = 4096 // as much of an overlong line as the rejects file repeats
	tooLong    = "longer than a row may be (1 MiB)"
)

// parse reads a record that begins with the line given, taking further lines while a quote is open.
func (r *recordReader) parse(first []byte) (record, error) {
	rec := record{line: r.line}
	raw, at := first[:len(first):len(first)], 0
	var more []textLine
	broken := func(reason string) (record, error) {
		r.back = append(more, r.back...)
		return record{line: rec.line, raw: cutEnd(first), fault: &fault{len(rec.cells) + 1, reason}}, nil
	}
	for {
		if at == len(raw) || raw[at] != '"' { // an unquoted cell, perhaps empty
			end := at + cellEnd(raw[at:], r.comma)
			rec.cells = append(rec.cells, raw[at:end])
			at = end
		} else {
			var cell []byte
			for at++; ; {
				n := bytes.IndexByte(raw[at:], '"')
				if n < 0 {
					l, err := r.readLine()
					if errors.Is(err, io.EOF) {
						return broken("a quoted field begins here and never ends")
					}
					if err != nil {
						return record{}, err
					}
					more = append(more, l)
					if l.long || len(raw)+len(l.text) > maxRecord {
						return broken("a quoted field begins here and makes the row " + tooLong)
					}
					cell = append(cell, raw[at:]...)
					at = len(raw)
					raw = append(raw, l.text...)
					continue
				}
				cell = append(cell, raw[at:at+n]...)
				at += n + 1
				if at < len(raw) && raw[at] == '"' {
					cell = append(cell, '"')
					at++
					continue
				}
				break
			}
			if rest := cutEnd(raw[at:]); len(rest) > 0 && rest[0] != r.comma {
				return broken("text follows a closing quote (inside a quoted field a quote is written twice)")
			}
			rec.cells = append(rec.cells, cell)
		}
		if at < len(raw) && raw[at] == r.comma {
			at++
			continue
		}
		rec.raw = cutEnd(raw)
		r.line += len(more)
		return rec, nil
	}
}

// cellEnd is the length of the unquoted cell at the beginning of b.
func cellEnd(b []byte, comma byte) int {
	if n := bytes.IndexByte(b, comma); n >= 0 {
		return n
	}
	return len(cutEnd(b))
}

// cutEnd removes the line end.
func cutEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}
