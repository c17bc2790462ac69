package canary_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// holder makes the test binary a process that holds in memory what it is told, in hexadecimal, until its input ends: "heap",
// or "split" between two mappings.
const holder = "CANARY_TEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(holder) == "" {
		os.Exit(m.Run())
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		os.Exit(1)
	}
	content, err := hex.DecodeString(line[:len(line)-1])
	if err != nil {
		os.Exit(1)
	}
	var held []byte
	if os.Getenv(holder) == "split" {
		held = split(content)
	} else {
		held = make([]byte, 1<<20) // a place of its own on the heap
		copy(held[1<<19:], content)
	}
	clear(content)
	fmt.Fprintln(os.Stdout, "ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(held)
}

// split lays content across two mappings.
func split(content []byte) []byte {
	page := os.Getpagesize()
	p, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		os.Exit(1)
	}
	copy(p[page-len(content)/2:], content)
	if err := syscall.Mprotect(p[page:], syscall.PROT_READ); err != nil {
		os.Exit(1)
	}
	return p
}
