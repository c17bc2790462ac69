package importer

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// problem is why a row was rejected. It names no value.
type problem struct {
	column string // header, or the field's number where the row as such is broken
	field  string // Type.field
	reason string
	detail string // what is different from row to row; not part of a tally
}

func (p problem) kind() string { return p.reason }

func (p problem) text() string { return p.reason + p.detail }

// Rejects takes rejected rows: the first Write is the header, each one after it a row. Close ends it.
type Rejects interface {
	io.WriteCloser
}

// rejectWriter writes rejected rows as CSV: four columns of ours, then the row as it was in the file, byte for byte. The
// file can be corrected and imported again with the same map: columns it does not know are not read.
type rejectWriter struct {
	out     Rejects
	header  *header
	started bool
}

var rejectColumns = []string{"_line", "_column", "_field", "_reason"}

func (w *rejectWriter) write(line int, raw []byte, broken bool, p problem) error {
	if w.out == nil {
		return nil
	}
	if !w.started {
		w.started = true
		if err := w.row(rejectColumns, w.header.raw); err != nil {
			return err
		}
	}
	if broken {
		// As it is, its quotes would break this file too.
		raw = []byte(w.cell(string(raw)))
	}
	return w.row([]string{strconv.Itoa(line), p.column, p.field, p.text()}, raw)
}

func (w *rejectWriter) row(cells []string, raw []byte) error {
	var b bytes.Buffer
	for _, c := range cells {
		b.WriteString(w.cell(c))
		b.WriteByte(w.header.comma)
	}
	b.Write(raw)
	b.WriteByte('\n')
	if _, err := w.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the rejects file: %w", err)
	}
	return nil
}

func (w *rejectWriter) cell(s string) string {
	if strings.ContainsAny(s, "\"\r\n") || strings.IndexByte(s, w.header.comma) >= 0 {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
