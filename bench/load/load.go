// Package load asks over HTTP/1.1 with connections that stay open, as little as possible in the way: requests are written
// as they were prepared, and of answers only the frame is read.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/question"
)

// Conn is an open connection.
type Conn struct {
	c net.Conn
	r *bufio.Reader
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{c: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// Close closes it.
func (c *Conn) Close() error { return c.c.Close() }

// Ask sends a request and writes the answer's body to w. An answer other than 200 is an error that quotes it: the people in
// the data are made up.
func (c *Conn) Ask(r question.Request, w io.Writer) (int64, error) {
	if _, err := c.c.Write(r); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
	status := string(bytes.TrimSpace(line[:min(len(line), 40)]))
	length, chunked := int64(-1), false
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if v, is := header(line, "content-length:"); is {
			if length, err = strconv.ParseInt(string(v), 10, 64); err != nil {
				return 0, err
			}
		}
		if v, is := header(line, "transfer-encoding:"); is {
			chunked = string(v) == "chunked"
		}
	}
	var said bytes.Buffer
	if !ok {
		w = &said
	}
	n, err := c.body(w, length, chunked)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %s", status, &said)
	}
	return n, err
}

func header(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}

func (c *Conn) body(w io.Writer, length int64, chunked bool) (int64, error) {
	if !chunked {
		if length < 0 {
			return 0, errors.New("an answer without a length")
		}
		return c.take(w, length)
	}
	total := int64(0)
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return total, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return total, err
		}
		if n > 0 {
			if _, err := c.take(w, n); err != nil {
				return total, err
			}
			total += n
		}
		if _, err := c.r.Discard(2); err != nil {
			return total, err
		}
		if n == 0 {
			return total, nil
		}
	}
}

func (c *Conn) take(w io.Writer, n int64) (int64, error) {
	if w == io.Discard {
		got, err := c.r.Discard(int(n))
		return int64(got), err
	}
	return io.CopyN(w, c.r, n)
}

// Result is what came back.
type Result struct {
	Answers int64
	Took    time.Duration
}

// Run asks the requests in turn on so many connections until the time is over.
func Run(ctx context.Context, address string, requests []question.Request, connections int, d time.Duration) (Result, error) {
	conns := make([]*Conn, connections)
	for i := range conns {
		c, err := Dial(ctx, address)
		if err != nil {
			return Result{}, err
		}
		defer func() { _ = c.Close() }() // nothing is under way
		conns[i] = c
	}
	var (
		wg     sync.WaitGroup
		counts = make([]int64, connections)
		errs   = make([]error, connections)
	)
	start := time.Now()
	end := start.Add(d)
	for i, c := range conns {
		wg.Go(func() {
			at := i * len(requests) / connections
			for time.Now().Before(end) && ctx.Err() == nil {
				if _, errs[i] = c.Ask(requests[at%len(requests)], io.Discard); errs[i] != nil {
					return
				}
				counts[i]++
				at++
			}
		})
	}
	wg.Wait()
	r := Result{Took: time.Since(start)}
	for _, n := range counts {
		r.Answers += n
	}
	return r, errors.Join(append(errs, ctx.Err())...)
}
