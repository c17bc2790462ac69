package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/process"
)

func sleeper(t *testing.T, dir string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Command{Path: "/bin/sh", Args: []string{"-c", "echo awake; exec sleep 60"}, Dir: dir, Own: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAServerIsStoppedByItsPid(t *testing.T) {
	p := sleeper(t, t.TempDir())
	if err := p.Await(5*time.Second, func() error {
		if strings.Contains(p.Log(), "awake") {
			return nil
		}
		return errors.New("asleep")
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	_ = p.Stop(syscall.SIGTERM, 5*time.Second) // it ended by a signal, and says so
	if alive(p.Pid()) {
		t.Error("it is still there")
	}
}

func TestAServerThatEndsIsNoticed(t *testing.T) {
	p, err := process.Start(process.Command{Path: "/bin/sh", Args: []string{"-c", "echo no config; exit 3"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	err = p.Await(30*time.Second, func() error { return errors.New("no answer") })
	if err == nil || !strings.Contains(err.Error(), "no config") || time.Since(begin) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

// TestAServerGoesWithItsTest runs this test once more as a program that is killed.
func TestAServerGoesWithItsTest(t *testing.T) {
	if dir := os.Getenv("PROCESS_TEST_DIR"); dir != "" {
		p := sleeper(t, dir)
		_, _ = os.Stdout.WriteString(fmt.Sprintln("pid", p.Pid()))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := filepath.Join(t.TempDir(), "own")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	self := exec.Command(os.Args[0], "-test.run", "^TestAServerGoesWithItsTest$")
	self.Env = append(os.Environ(), "PROCESS_TEST_DIR="+dir)
	out, _ := self.Output()
	_, text, _ := strings.Cut(string(out), "pid ")
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	for range 200 {
		if _, err := os.Stat(dir); !alive(pid) && errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("server %d or its directory outlived the test", pid)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
