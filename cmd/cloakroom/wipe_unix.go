//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// clobber is the setting under which Go's garbage collector overwrites what it frees (package runtime, GODEBUG).
const clobber = "clobberfree=1"

// overwriteFreed starts the program over with memory that is overwritten when it is freed: what was opened for an answer then
// does not lie around in the process, and in its core dumps, until chance writes something else there. The setting is read
// before main begins, so there is no other way. The process keeps its number.
func overwriteFreed() error {
	have := os.Getenv("GODEBUG")
	if strings.Contains(have, "clobberfree=") { // it is set, or somebody decided against it
		return nil
	}
	if have != "" {
		have += ","
	}
	if err := os.Setenv("GODEBUG", have+clobber); err != nil {
		return fmt.Errorf("set GODEBUG: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	if err := syscall.Exec(self, os.Args, os.Environ()); err != nil { //nolint:gosec // the program itself, as it was called
		return fmt.Errorf("start over with GODEBUG=%s: %w", clobber, err)
	}
	return nil
}
