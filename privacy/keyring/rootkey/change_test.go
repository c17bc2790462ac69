//go:build unix

package rootkey

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestCreateFile(t *testing.T) {
	path := newFile(t)
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %s, want 0600", info.Mode())
	}
	before, err := os.ReadFile(path)
	must(t, err)
	must(t, CreateFile(path))
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("a second creation changed the key")
	}
	if err := CreateFile(filepath.Join(t.TempDir(), "not-mounted", "root.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
}

// TestCreateFileSideBySide: of many that start at once, all have the key of the first.
func TestCreateFileSideBySide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.json")
	wrapped := make([][]byte, 16)
	var all sync.WaitGroup
	for i := range wrapped {
		all.Go(func() {
			if err := CreateFile(path); err != nil {
				t.Error(err)
				return
			}
			root, err := Open("file:" + path)
			if err != nil {
				t.Error(err)
				return
			}
			wrapped[i], err = root.Wrap(t.Context(), kek, ad)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, w := range wrapped {
		mustUnwrap(t, mustOpen(t, "file:"+path), w)
	}
	wantFiles(t, path, "root.json", "root.json.lock")
}

// TestCreateFileLosesTheRace: whatever appears while a key is made stays.
func TestCreateFileLosesTheRace(t *testing.T) {
	theirs, path := newFile(t), filepath.Join(t.TempDir(), "root.json")
	want, err := os.ReadFile(theirs)
	must(t, err)
	must(t, create(path, func(tmp, path string) error {
		must(t, os.Rename(theirs, path))
		return os.Link(tmp, path)
	}))
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the file of the first was replaced")
	}
	wantFiles(t, path, "root.json", "root.json.lock")
}

func TestRotateAndRetire(t *testing.T) {
	path := newFile(t)
	root := mustOpen(t, "file:"+path) // as a server that runs while an operator rotates
	first := mustWrap(t, root)
	must(t, Rotate(path))
	second := mustWrap(t, root)
	mustUnwrap(t, root, first)
	mustUnwrap(t, root, second)
	if bytes.Equal(first[:5], second[:5]) { // Tink's prefix: which key of the set it was
		t.Error("after a rotation the old key wraps on")
	}
	must(t, Rotate(path))
	third := mustWrap(t, root)
	if n := keys(t, path); n != 3 {
		t.Errorf("%d keys after two rotations, want 3", n)
	}
	refused := errors.New("something is still wrapped with an older key")
	if err := Retire(path, func(open Opens) error {
		if _, err := open(first, []byte("ad")); err == nil {
			t.Error("an older key is asked")
		}
		return refused
	}); !errors.Is(err, refused) {
		t.Error(err)
	}
	must(t, retireAll(path))
	must(t, retireAll(path)) // nothing left to do
	mustUnwrap(t, root, third)
	for _, w := range [][]byte{first, second} {
		if _, err := root.Unwrap(t.Context(), w, ad); !errors.Is(err, ErrWrongKey) {
			t.Errorf("wrapped by a key that is retired: %v", err)
		}
	}
	if n := keys(t, path); n != 1 {
		t.Errorf("%d keys after retiring, want 1", n)
	}
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %s, want 0600", info.Mode())
	}
}

// TestRotateKeepsTheOwner: root rotates, and the service can still read its key.
func TestRotateKeepsTheOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := newFile(t)
	must(t, os.Chown(path, 65534, 65533))
	must(t, Rotate(path))
	info, err := os.Lstat(path)
	must(t, err)
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != 65534 || s.Gid != 65533 || info.Mode() != 0o600 {
		t.Errorf("after a rotation by root: %+v", info.Sys())
	}
}

func TestRotateSideBySide(t *testing.T) {
	path := newFile(t)
	wrapped := mustWrap(t, mustOpen(t, "file:"+path))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := Rotate(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := keys(t, path); n != 9 {
		t.Errorf("%d keys after 8 rotations at once, want 9: one overwrote another", n)
	}
	mustUnwrap(t, mustOpen(t, "file:"+path), wrapped)
}

// TestChangeStopsHalfway: a change that fails at its last step leaves the file as it was, and the next one works.
func TestChangeStopsHalfway(t *testing.T) {
	errPower := errors.New("no power")
	path := newFile(t)
	wrapped := mustWrap(t, mustOpen(t, "file:"+path))
	before, err := os.ReadFile(path)
	must(t, err)
	stop := func(tmp, _ string) error {
		if info, err := os.Lstat(tmp); err != nil || info.Mode() != 0o600 || info.Size() <= int64(len(before)) {
			t.Errorf("the new keyset: %v, %v", info, err)
		}
		return errPower
	}
	if err := change(path, addPrimary, stop); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
	must(t, Rotate(path))
	mustUnwrap(t, mustOpen(t, "file:"+path), wrapped)

	fresh := filepath.Join(t.TempDir(), "root.json")
	if err := create(fresh, func(_, _ string) error { return errPower }); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	wantFiles(t, fresh, "root.json.lock")
	must(t, CreateFile(fresh))
}

// TestLeftover: what a crash leaves behind is not read, and goes with the next change.
func TestLeftover(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, path string){
		"half a keyset":           func(t *testing.T, path string) { put(`{"primaryKeyId":`)(t, leftover(path)) },
		"another keyset":          func(t *testing.T, path string) { must(t, os.Rename(newFile(t), leftover(path))) },
		"a second name of it":     func(t *testing.T, path string) { must(t, os.Link(path, leftover(path))) },
		"a link to another place": func(t *testing.T, path string) { must(t, os.Symlink("/dev/null", leftover(path))) },
	} {
		for what, change := range map[string]func(string) error{"rotate": Rotate, "retire": retireAll} {
			t.Run(name+"/"+what, func(t *testing.T) {
				path := newFile(t)
				wrapped := mustWrap(t, mustOpen(t, "file:"+path))
				leave(t, path)
				mustUnwrap(t, mustOpen(t, "file:"+path), wrapped)
				must(t, change(path))
				mustUnwrap(t, mustOpen(t, "file:"+path), wrapped)
				wantFiles(t, path, "root.json", "root.json.lock")
			})
		}
	}
	path := filepath.Join(t.TempDir(), "root.json")
	put("half")(t, leftover(path))
	must(t, CreateFile(path))
	wantFiles(t, path, "root.json", "root.json.lock")
}

// TestChangeWaits: a change waits for another, and an abandoned lock file holds nobody up.
func TestChangeWaits(t *testing.T) {
	path := newFile(t)
	held, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- locked(path, func() error {
			close(held)
			time.Sleep(50 * time.Millisecond)
			if n := keys(t, path); n != 1 {
				t.Errorf("%d keys while the lock is held, want 1", n)
			}
			return nil
		})
	}()
	<-held
	must(t, Rotate(path))
	must(t, <-done)
	if n := keys(t, path); n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
}

const victim = "ROOTKEY_TEST_VICTIM"

// TestKilled kills a process that rotates, at many moments. The key of before must open what it wrapped after each.
func TestKilled(t *testing.T) {
	if os.Getenv(victim) != "" {
		for range 100 { // ends by itself, should nobody kill it
			must(t, Rotate("root.json"))
		}
		return
	}
	path := newFile(t)
	wrapped := mustWrap(t, mustOpen(t, "file:"+path))
	self, err := os.Executable()
	must(t, err)
	for i := range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, self, "-test.run=^TestKilled$")
		cmd.Dir = filepath.Dir(path)
		cmd.Env = append(os.Environ(), victim+"=1")
		must(t, cmd.Start())
		n := keys(t, path)
		for keys(t, path) == n && ctx.Err() == nil { // until it is at work
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(i) * 317 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if ctx.Err() != nil {
			t.Fatal("the process did not rotate")
		}
		cancel()
		mustUnwrap(t, mustOpen(t, "file:"+path), wrapped)
	}
	must(t, Rotate(path))
	t.Logf("%d keys at the end", keys(t, path))
	wantFiles(t, path, "root.json", "root.json.lock")
}

func keys(t *testing.T, path string) int {
	t.Helper()
	h, err := readKeyset(path)
	if err != nil {
		t.Error(err)
		return 0
	}
	return h.Len()
}

func wantFiles(t *testing.T, path string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(want) {
		t.Errorf("files %v, want %v", got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("files %v, want %v", got, want)
		}
	}
}

// retireAll is Retire for whoever has made sure already.
func retireAll(path string) error { return Retire(path, func(Opens) error { return nil }) }
