package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// RejectsFile is the file that rejected rows go to. It is made once there is something to write, and takes its name in one
// step, on Close. It holds personal data, so it can be read by its owner only; and nothing that somebody may still need is
// lost to it: neither the file that is imported, nor corrections that wait in an older rejects file.
type RejectsFile struct {
	path    func() (string, error) // settles the name, and refuses one that must not be taken
	dir     string
	older   []string // rejects files of the same input that were there before
	beside  bool     // the name is ours to choose
	tmp     *os.File
	err     error
	written string
}

// RejectsAt returns the rejects file at path. What is there already is replaced only if it is a rejects file: everything
// else is refused at once, before anything is imported, and first of all the input. Beside is the path of the input, for
// finding older rejects files of it; empty if it has none.
func RejectsAt(path string, input fs.FileInfo, beside string) (*RejectsFile, error) {
	f := &RejectsFile{dir: filepath.Dir(path), path: func() (string, error) { return path, replaceable(path, input) }}
	if beside != "" {
		f.older = olderRejects(beside)
	}
	if IsRejects(path) && !slices.ContainsFunc(f.older, func(o string) bool { return filepath.Clean(o) == filepath.Clean(path) }) {
		f.older = append(f.older, path)
	}
	if _, err := f.path(); err != nil {
		return nil, err
	}
	return f, f.probe()
}

// RejectsBeside returns the rejects file of an input that has a name: INPUT.rejects.csv or, where that is taken,
// INPUT.rejects-2.csv and so on. Rejects that are the same as in an older file are not written a second time.
func RejectsBeside(input string) (*RejectsFile, error) {
	f := &RejectsFile{dir: filepath.Dir(input), older: olderRejects(input), beside: true}
	f.path = func() (string, error) {
		for n := 1; ; n++ {
			path := rejectsName(input, n)
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				return path, nil
			} else if err != nil {
				return "", err
			}
		}
	}
	return f, f.probe()
}

func rejectsName(input string, n int) string {
	if n == 1 {
		return input + ".rejects.csv"
	}
	return fmt.Sprintf("%s.rejects-%d.csv", input, n)
}

// olderRejects are the rejects files of an input, by their number.
func olderRejects(input string) []string {
	entries, err := os.ReadDir(filepath.Dir(input))
	if err != nil {
		return nil // whoever writes there will say so
	}
	var numbers []int
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), filepath.Base(input)+".rejects")
		rest, csv := strings.CutSuffix(rest, ".csv")
		if !ours || !csv {
			continue
		}
		n := 1
		if rest != "" {
			if n, err = strconv.Atoi(strings.TrimPrefix(rest, "-")); err != nil || n < 2 || rest != "-"+strconv.Itoa(n) {
				continue
			}
		}
		if IsRejects(rejectsName(input, n)) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, rejectsName(input, n))
	}
	return out
}

// Where is the path the rejects would take now.
func (f *RejectsFile) Where() string {
	path, _ := f.path()
	return path
}

// Written is the path that holds the rejected rows; empty while there are none.
func (f *RejectsFile) Written() string { return f.written }

// Older are the rejects files of the same input that were there before this import and still are.
func (f *RejectsFile) Older() []string {
	return slices.DeleteFunc(slices.Clone(f.older), func(o string) bool { return f.written != "" && filepath.Clean(o) == filepath.Clean(f.written) })
}

// probe sees that a file can be made, so that an import does not fail after all its rows are in.
func (f *RejectsFile) probe() error {
	tmp, err := f.create()
	if err != nil {
		return err
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// create makes a file with mode 0600.
func (f *RejectsFile) create() (*os.File, error) {
	tmp, err := os.CreateTemp(f.dir, ".rejects-*")
	var because *fs.PathError
	if errors.As(err, &because) {
		err = because.Err // the name says nothing to anybody
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Where(), err)
	}
	return tmp, nil
}

// Write takes the header, and then a row each time.
func (f *RejectsFile) Write(b []byte) (int, error) {
	if f.tmp == nil && f.err == nil {
		f.tmp, f.err = f.create()
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.tmp.Write(b)
	f.err = err
	return n, err
}

// Close gives the file its name, if anything was written. What Write failed with it does not repeat.
func (f *RejectsFile) Close() error {
	if f.tmp == nil {
		return nil
	}
	tmp := f.tmp.Name()
	defer func() { _ = os.Remove(tmp) }() // gone, if all went well
	closed := f.tmp.Close()
	if f.err != nil {
		return nil
	}
	if closed != nil {
		return fmt.Errorf("write the rejects file: %w", closed)
	}
	if f.beside {
		for _, o := range f.older {
			if same(tmp, o) {
				f.written = o
				return nil
			}
		}
	}
	path, err := f.settle()
	if err == nil {
		if err = os.Rename(tmp, path); err != nil && f.beside {
			_ = os.Remove(path) // empty, and ours
		}
	}
	if err != nil {
		return fmt.Errorf("write the rejects file: %w", err)
	}
	f.tmp, f.written = nil, path
	return nil
}

// settle makes sure that the name is ours: a long time may have passed since it was looked at.
func (f *RejectsFile) settle() (string, error) {
	for {
		path, err := f.path()
		if err != nil || !f.beside {
			return path, err
		}
		claim, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return path, claim.Close()
	}
}

// Errors of RejectsAt.
var (
	ErrRejectsInput   = errors.New("this is the file that is imported: the rejects would replace it")
	ErrRejectsNotOurs = errors.New("there is another file already, and it is no rejects file")
	ErrRejectsKind    = errors.New("not a regular file")
)

// replaceable refuses a path that holds anything but an older rejects file. A link is not followed: what it leads to
// might be anything. An empty file has nothing to lose.
func replaceable(path string, input fs.FileInfo) error {
	refuse := func(err error) error { return fmt.Errorf("%s: %w", path, err) }
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if to, err := os.Stat(path); err == nil && os.SameFile(to, input) {
		return refuse(ErrRejectsInput)
	}
	switch {
	case info.IsDir():
		return refuse(fmt.Errorf("a directory is %w", ErrRejectsKind))
	case info.Mode()&fs.ModeSymlink != 0:
		return refuse(fmt.Errorf("a link is %w", ErrRejectsKind))
	case !info.Mode().IsRegular():
		return refuse(ErrRejectsKind)
	case info.Size() > 0 && !beginsAsRejects(path, false):
		return refuse(ErrRejectsNotOurs)
	}
	return nil
}

// IsRejects reports whether a rejects file lies there, also one that went through a spreadsheet since.
func IsRejects(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && beginsAsRejects(path, true)
}

// beginsAsRejects looks for our columns at the beginning, under any delimiter. Lenient takes the byte order mark and the
// quotes that other programs add.
func beginsAsRejects(path string, lenient bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	head = head[:n]
	if lenient {
		head = bytes.ReplaceAll(bytes.TrimPrefix(head, []byte("\ufeff")), []byte{'"'}, nil)
	}
	first := len(rejectColumns[0])
	if len(head) <= first {
		return false
	}
	comma := string(head[first])
	return bytes.HasPrefix(head, []byte(strings.Join(rejectColumns, comma)+comma))
}

// same reports whether two files hold the same bytes.
func same(a, b string) bool {
	x, errX := os.Open(a)
	if errX != nil {
		return false
	}
	defer func() { _ = x.Close() }()
	y, errY := os.Open(b)
	if errY != nil {
		return false
	}
	defer func() { _ = y.Close() }()
	p, q := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errX := io.ReadFull(x, p)
		m, errY := io.ReadFull(y, q)
		if !bytes.Equal(p[:n], q[:m]) || (errX == nil) != (errY == nil) {
			return false
		}
		if errX != nil {
			return errors.Is(errX, io.EOF) || errors.Is(errX, io.ErrUnexpectedEOF)
		}
	}
}
