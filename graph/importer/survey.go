package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encodings of a file.
const (
	Auto   = "auto"
	UTF8   = "utf-8"
	Latin1 = "latin1"
)

// survey is what one pass over a file's bytes tells, before any of it is taken for rows.
type survey struct {
	size     int64
	bom      int // bytes of a UTF-8 byte order mark
	valid    int // lines with characters beyond ASCII, all of them UTF-8
	invalid  int // lines with bytes that are not UTF-8
	nul      int64
	newline  bool
	carriage bool
}

// look reads r to its end.
func look(r io.Reader) (survey, error) {
	var s survey
	b := bufio.NewReaderSize(r, maxRecord)
	if head, _ := b.Peek(3); bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		s.bom = 3
	} else if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return s, errors.New("the file is in UTF-16: save it as UTF-8 (in Excel: \"CSV UTF-8\")")
	}
	for {
		line, err := b.ReadSlice('\n')
		s.size += int64(len(line))
		s.nul += int64(bytes.Count(line, []byte{0}))
		if bytes.HasSuffix(line, []byte("\n")) {
			s.newline = true
		}
		s.carriage = s.carriage || bytes.IndexByte(line, '\r') >= 0
		switch {
		case ascii(line):
		case errors.Is(err, bufio.ErrBufferFull): // part of a line no row can be as long as
		case utf8.Valid(line):
			s.valid++
		default:
			s.invalid++
		}
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return s, err
		}
	}
}

// refuse says why a file of these bytes cannot be read as rows, if so.
func (s survey) refuse() error {
	switch {
	case s.size == int64(s.bom):
		return errors.New("the file is empty")
	case s.nul > 0 && s.nul*4 > s.size:
		return errors.New("the file is binary or in UTF-16: save it as CSV in UTF-8")
	case s.carriage && !s.newline && s.size > 0:
		return errors.New("the file's lines end in CR alone: save it with LF or CRLF line ends")
	}
	return nil
}

// encoding settles how cells are decoded, and says so where it is not plainly UTF-8.
func (s survey) encoding(want string) (encoding, note string, err error) {
	switch want {
	case "", Auto:
	case UTF8, Latin1:
		return want, "", nil
	default:
		return "", "", fmt.Errorf("unknown encoding: use %s, %s or %s", Auto, UTF8, Latin1)
	}
	switch {
	case s.invalid == 0:
		return UTF8, "", nil
	case s.valid > s.invalid || s.bom > 0:
		// A few bad bytes in a UTF-8 file: reading all of it as Latin-1 would garble every name that is right.
		return UTF8, fmt.Sprintf("the file is in UTF-8, but not all of it: %d lines have bytes that are not; rows with such values are rejected", s.invalid), nil
	}
	return Latin1, "the file is not in UTF-8; it was read as Latin-1 (Windows-1252)", nil
}

// decode turns the bytes of a cell into text. Latin-1 is read as Windows-1252, its superset that files labelled Latin-1
// are in (WHATWG Encoding §4.2). UTF-8 that is broken stays as it is, for the format to refuse.
func decode(cell []byte, encoding string) string {
	if encoding == Latin1 && !ascii(cell) {
		if out, err := charmap.Windows1252.NewDecoder().Bytes(cell); err == nil {
			return string(out)
		}
	}
	return string(cell)
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
