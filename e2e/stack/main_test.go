package stack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// scratch holds what all tests share: the program, built once.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "cloakroom-built-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "cloakroom")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/cloakroom-crm/cloakroom/cmd/cloakroom").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return binary, err
})

// program is the program as it is now.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program")
	}
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
