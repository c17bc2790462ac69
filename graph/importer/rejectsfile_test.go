package importer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// put writes a file and returns what the system knows of it.
func put(t *testing.T, path, text string) fs.FileInfo {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s: %q, %v, want %q", path, b, err, want)
	}
}

const rejectsHead = "_line,_column,_field,_reason,Id\n"

// reject sends rows to a rejects file as an import does.
func rejectInto(t *testing.T, f *RejectsFile, err error, rows string) *RejectsFile {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{rejectsHead, rows} {
		if _, err := f.Write([]byte(part)); err != nil && rows != "" {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRejectsReplaceNothingButRejects(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	input := put(t, at("in.csv"), "Id\n1\n")
	put(t, at("letter.txt"), "Dear Ada,\n")
	put(t, at("almost.csv"), "_line,_column,_field,why\n")
	if err := errors.Join(os.Mkdir(at("dir"), 0o755), os.Link(at("in.csv"), at("hard")), os.Symlink(at("in.csv"), at("soft")),
		os.Symlink(at("old.csv"), at("link")), os.Symlink(at("nowhere"), at("dangling"))); err != nil {
		t.Fatal(err)
	}
	put(t, at("old.csv"), rejectsHead+"2,,,no,1\n")
	for name, want := range map[string]error{
		"in.csv": ErrRejectsInput, "hard": ErrRejectsInput, "soft": ErrRejectsInput, "dir": ErrRejectsKind, "link": ErrRejectsKind,
		"dangling": ErrRejectsKind, "letter.txt": ErrRejectsNotOurs, "almost.csv": ErrRejectsNotOurs, "missing/x.csv": fs.ErrNotExist,
	} {
		if _, err := RejectsAt(at(name), input, at("in.csv")); !errors.Is(err, want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	holds(t, at("in.csv"), "Id\n1\n")

	put(t, at("empty.csv"), "")
	put(t, at("semicolon.csv"), strings.ReplaceAll(rejectsHead, ",", ";"))
	for _, name := range []string{"new.csv", "empty.csv", "semicolon.csv", "old.csv"} {
		f, err := RejectsAt(at(name), input, at("in.csv"))
		rejectInto(t, f, err, "3,,,no,2\n")
		holds(t, at(name), rejectsHead+"3,,,no,2\n")
		if info, err := os.Lstat(at(name)); err != nil || info.Mode() != 0o600 || f.Written() != at(name) || len(f.Older()) > 0 {
			t.Errorf("%s: %v %v, written %q, older %v", name, info.Mode(), err, f.Written(), f.Older())
		}
	}

	// What came to the path while the import ran is not lost either.
	f, err := RejectsAt(at("late.csv"), input, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(rejectsHead)); err != nil {
		t.Fatal(err)
	}
	put(t, at("late.csv"), "Dear Ada,\n")
	if err := f.Close(); !errors.Is(err, ErrRejectsNotOurs) {
		t.Errorf("a file that came late: %v", err)
	}
	holds(t, at("late.csv"), "Dear Ada,\n")
	if left, _ := filepath.Glob(at(".rejects-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRejectsBesideTheInputKeepOlderOnes(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.csv")
	put(t, in, "Id\n1\n")

	f, err := RejectsBeside(in)
	if err := errors.Join(err, f.Close()); err != nil || f.Written() != "" {
		t.Fatalf("nothing was rejected: %v, written %q", err, f.Written())
	}
	f, err = RejectsBeside(in)
	if f = rejectInto(t, f, err, "2,,,no,1\n"); f.Written() != in+".rejects.csv" || len(f.Older()) > 0 {
		t.Errorf("the first: %q, older %v", f.Written(), f.Older())
	}
	// The same rows a second time are no second copy of personal data.
	f, err = RejectsBeside(in)
	if f = rejectInto(t, f, err, "2,,,no,1\n"); f.Written() != in+".rejects.csv" || len(f.Older()) > 0 {
		t.Errorf("the same again: %q, older %v", f.Written(), f.Older())
	}
	put(t, in+".rejects.csv", "\ufeff\"_line\",\"_column\",\"_field\",\"_reason\",\"Id\"\n2,,,no,corrected\n") // by a spreadsheet
	f, err = RejectsBeside(in)
	if f = rejectInto(t, f, err, "2,,,no,1\n"); f.Written() != in+".rejects-2.csv" || !slices.Equal(f.Older(), []string{in + ".rejects.csv"}) {
		t.Errorf("beside corrections: %q, older %v", f.Written(), f.Older())
	}
	if b, _ := os.ReadFile(in + ".rejects.csv"); !strings.Contains(string(b), "corrected") {
		t.Error("the corrections are gone")
	}
	// A file of somebody else's in the way stays, and is not called one of ours.
	if err := os.Rename(in+".rejects.csv", in+".rejects-3.csv"); err != nil {
		t.Fatal(err)
	}
	put(t, in+".rejects.csv", "Dear Ada,\n")
	f, err = RejectsBeside(in)
	want := []string{in + ".rejects-2.csv", in + ".rejects-3.csv"}
	if f = rejectInto(t, f, err, "3,,,no,1\n"); f.Written() != in+".rejects-4.csv" || !slices.Equal(f.Older(), want) {
		t.Errorf("a gap: %q, older %v", f.Written(), f.Older())
	}
	holds(t, in+".rejects.csv", "Dear Ada,\n")
	if info, err := os.Lstat(f.Written()); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	f, err = RejectsBeside(in)
	if err := errors.Join(err, f.Close()); err != nil || len(f.Older()) != 3 {
		t.Errorf("a clean run: %v, older %v", err, f.Older())
	}
}

func TestNowhereToPutRejectsIsSaidFirst(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "in.csv")
	put(t, in, "Id\n1\n")
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	if _, err := RejectsBeside(in); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), in+".rejects.csv") {
		t.Errorf("a folder that cannot be written: %v", err)
	}
}

// interrupting ends the context in its nth write, and fails as a database does then.
type interrupting struct {
	Store
	left int
	stop context.CancelFunc
}

func (s *interrupting) Upsert(ctx context.Context, t *ir.Type, rows []Row) (Result, error) {
	if s.left--; s.left < 0 {
		s.stop()
		return Result{}, errors.Join(context.Canceled, context.Canceled)
	}
	return s.Store.Upsert(ctx, t, rows)
}

func TestInterruptedImportSaysSo(t *testing.T) {
	s := crm()
	ctx, stop := context.WithCancel(context.Background())
	text := peopleHeader
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		text += id + ",Ada Lovelace,ACME,ada" + id + "@example.com,,Germany,buyer,31.12.1980\n"
	}
	store := &interrupting{newMemory(), 2, stop} // a batch writes companies, then people
	rep, err := Run(ctx, plan(t, s, peopleMap), strings.NewReader(text), Options{Store: store, Batch: 2})
	if !errors.Is(err, ErrStopped) || strings.Contains(err.Error(), "context") {
		t.Errorf("err: %v, want %v alone", err, ErrStopped)
	}
	if !rep.Stopped || !strings.HasPrefix(rep.String(), "stopped after 4 rows: imported 2 as Person") {
		t.Errorf("report: %s", rep)
	}
}
