package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes, see the package's documentation.
const (
	exitDone     = 0
	exitFindings = 1
	exitFailed   = 2
)

// errFindings ends a command that did its work and has said what it found.
var errFindings = errors.New("there are findings")

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" { // it lives long, the other commands do not
		if err := overwriteFreed(); err != nil {
			_, _ = fmt.Fprintf(os.Stderr, "cloakroom: %v\n", err)
			os.Exit(exitFailed)
		}
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever interrupts a second time does not want to wait
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	}
	_, _ = fmt.Fprintf(errOut, "cloakroom: %v\n", err)
	return exitFailed
}
