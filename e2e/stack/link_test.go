package stack

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestALinkIsAsBadAsItIsTold asks a service that answers every line, through a link.
func TestALinkIsAsBadAsItIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	link, err := open("echo", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer link.close()

	// ask returns after a second at most.
	ask := func() error {
		conn, err := net.DialTimeout("tcp", link.Addr, time.Second)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, err = io.WriteString(conn, "coat\n")
		if err != nil {
			return err
		}
		_, err = bufio.NewReader(conn).ReadString('\n')
		return err
	}
	for _, c := range []struct {
		name   string
		worsen func() error
		want   func(error, time.Duration) bool
	}{
		{"good", link.Mend, func(err error, took time.Duration) bool { return err == nil && took < 200*time.Millisecond }},
		{"late", func() error { return link.Delay(300 * time.Millisecond) }, func(err error, took time.Duration) bool {
			return err == nil && took >= 300*time.Millisecond
		}},
		{"reset", link.Reset, func(err error, took time.Duration) bool { return err != nil && took < 500*time.Millisecond }},
		{"partition", link.Partition, func(err error, took time.Duration) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		{"swallowed", func() error { return link.Swallow("coat") }, func(err error, took time.Duration) bool { return err != nil && took < 500*time.Millisecond }},
		{"refused", link.Refuse, func(err error, took time.Duration) bool { return err != nil && took < 500*time.Millisecond }},
	} {
		if err := c.worsen(); err != nil {
			t.Fatal(c.name, err)
		}
		begin := time.Now()
		if err := ask(); !c.want(err, time.Since(begin)) {
			t.Errorf("%s: %v after %s", c.name, err, time.Since(begin))
		}
		if err := link.Mend(); err != nil {
			t.Fatal(c.name, err)
		}
		if err := ask(); err != nil {
			t.Errorf("mended after %s: %v", c.name, err)
		}
	}
}
