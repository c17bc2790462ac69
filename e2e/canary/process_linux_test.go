package canary_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

// hold starts a process that has content in its memory.
func hold(t *testing.T, how string, content []byte) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holder+"="+how)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if _, err := in.Write([]byte(hex.EncodeToString(content) + "\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the child is not ready: %q, %v", line, err)
	}
	return cmd.Process.Pid
}

func TestProcess(t *testing.T) {
	value := canary.RandomValue(24)
	sealed := []byte(value)
	for i := range sealed {
		sealed[i] ^= 0xa5
	}
	for name, c := range map[string]struct {
		content []byte
		form    string // none: nothing is found
	}{
		"a value":          {[]byte(value), "raw"},
		"a remnant":        {[]byte(value[4:10]), "raw"},
		"in UTF-16":        {[]byte(strings.Join(strings.Split(value, ""), "\x00")), "utf-16"},
		"compressed":       {gzipped([]byte(value)), "raw"},
		"sealed":           {sealed, ""},
		"another value":    {[]byte(canary.RandomValue(24)), ""},
		"five bytes alone": {[]byte(value[4:9]), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScanner(t, map[string]string{"it": value})
			hits, err := s.Process(hold(t, "heap", c.content))
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, h := range hits {
				found = found || h.Form == c.form && strings.HasPrefix(h.Where, "process ")
			}
			if c.form == "" && len(hits) > 0 || c.form != "" && !found {
				t.Errorf("want %q, got %v", c.form, hits)
			}
			if s.Scanned() < 1<<20 {
				t.Errorf("only %d bytes of the process were read", s.Scanned())
			}
		})
	}
}

// TestAValueAcrossMappings: the kernel splits mappings where rights change, and a value may lie across.
func TestAValueAcrossMappings(t *testing.T) {
	value := canary.RandomValue(6)
	s := newScanner(t, map[string]string{"it": value})
	if hits, err := s.Process(hold(t, "split", []byte(value))); err != nil || !slices.ContainsFunc(hits, func(h canary.Hit) bool {
		return h.Form == "raw" && h.Offset%int64(os.Getpagesize()) == int64(os.Getpagesize())-3
	}) {
		t.Errorf("want the value at the end of a page, got %v, %v", hits, err)
	}
}

func TestProcessesThatCannotBeRead(t *testing.T) {
	s := newScanner(t, map[string]string{"it": canary.RandomValue(24)})
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = ended.Wait() }()
	zombie := ended.Process.Pid
	for name, c := range map[string]struct {
		pid  int
		want string
	}{
		"the scanner itself": {os.Getpid(), "this is the scanner"},
		"none":               {1 << 30, "no such file"},
		"a zombie":           {awaitZombie(t, zombie), ""},
	} {
		hits, err := s.Process(c.pid)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v, %v", name, c.want, hits, err)
		}
	}
}

// awaitZombie waits until a child has ended and nobody has asked how.
func awaitZombie(t *testing.T, pid int) int {
	t.Helper()
	for t.Context().Err() == nil {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(stat), ") Z ") {
			break
		}
	}
	return pid
}
