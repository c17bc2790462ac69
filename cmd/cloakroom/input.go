package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// openInput opens a file for reading more than once. What can be read only once, standard input (-) and pipes, goes to a
// temporary file without a name first. Named is false for these: nothing can be put beside them.
func openInput(ctx context.Context, path string, stdin io.Reader) (f *os.File, named bool, err error) {
	if path == "-" {
		f, err = spool(ctx, stdin)
		return f, false, err
	}
	f, err = os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("read the file: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, false, errors.Join(fmt.Errorf("read the file: %w", err), f.Close())
	case info.IsDir():
		return nil, false, errors.Join(fmt.Errorf("read the file: %s is a directory: name a file in it", path), f.Close())
	case info.Mode().IsRegular():
		return f, true, nil
	}
	pipe := f
	f, err = spool(ctx, pipe)
	return f, false, errors.Join(err, pipe.Close())
}

// spool copies r to a file that nobody else can open: its mode is 0600 and its name is gone before the first byte is in it.
func spool(ctx context.Context, r io.Reader) (*os.File, error) {
	tmp, err := os.CreateTemp("", "cloakroom-*")
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	if err := os.Remove(tmp.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("keep standard input: %w", err), tmp.Close())
	}
	if err := until(ctx, func() error { _, err := io.Copy(tmp, r); return err }); err != nil {
		return nil, errors.Join(fmt.Errorf("read standard input: %w", err), tmp.Close())
	}
	return tmp, nil
}

// readAll reads standard input to its end, or until the person gives up.
func readAll(ctx context.Context, r io.Reader) (all []byte, err error) {
	err = until(ctx, func() (err error) { all, err = io.ReadAll(r); return err })
	return all, err
}

// readLine reads one line, or until the person gives up.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	var line string
	err := until(ctx, func() (err error) { line, err = bufio.NewReader(r).ReadString('\n'); return err })
	if err != nil {
		return "", err
	}
	return line, nil
}

var errInterrupted = errors.New("interrupted")

// until runs a reader that cannot be told to stop, and leaves it behind when ctx ends.
func until(ctx context.Context, read func() error) error {
	done := make(chan error, 1)
	go func() { done <- read() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errInterrupted
	}
}
