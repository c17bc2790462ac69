package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// Link is a gateway's way to a service, and can be made bad.
type Link struct {
	Addr  string // host:port where the gateway finds the service
	proxy *toxiproxy.Proxy
}

// open begins to hand everything on to a service.
func open(name, upstream string) (*Link, error) {
	// Its server is only asked for metrics, and has none. What it logs is what the test does anyway.
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(quiet, name, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("link to %s: %w", name, err)
	}
	l.Addr = l.proxy.Listen // the port it got; it gets the same after Refuse
	return l, nil
}

// Delay makes every answer late.
func (l *Link) Delay(by time.Duration) error {
	return l.add("latency", "downstream", fmt.Sprintf(`{"latency": %d}`, by.Milliseconds()))
}

// Reset answers whatever is sent by cutting the connection.
func (l *Link) Reset() error { return l.add("reset_peer", "downstream", `{"timeout": 0}`) }

// Partition swallows everything in both directions; connections stand, and new ones are taken.
func (l *Link) Partition() error {
	if err := l.add("timeout", "upstream", `{"timeout": 0}`); err != nil {
		return err
	}
	return l.add("timeout", "downstream", `{"timeout": 0}`)
}

// Swallow cuts the connection when an answer has a word in it: what was asked is done, and whoever asked never learns.
func (l *Link) Swallow(word string) error {
	attributes, err := json.Marshal(swallow{word})
	if err != nil {
		return err
	}
	return l.add("swallow", "downstream", string(attributes))
}

// Refuse cuts all connections and takes no new ones.
func (l *Link) Refuse() error { l.proxy.Stop(); return nil }

// Mend makes it good again.
func (l *Link) Mend() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.proxy.Toxics.ResetToxics(ctx)
	if l.proxy.Enabled {
		return nil
	}
	return l.proxy.Start()
}

// swallow is what toxiproxy has no toxic for.
type swallow struct {
	Word string `json:"word"`
}

func init() { toxics.Register("swallow", new(swallow)) }

// Pipe hands everything on until the word comes.
func (s *swallow) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			if c == nil || bytes.Contains(c.Data, []byte(s.Word)) {
				stub.Close()
				return
			}
			stub.Output <- c
		}
	}
}

func (l *Link) close() { l.proxy.Stop() }

func (l *Link) add(kind, stream, attributes string) error {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": %s}`, kind, stream, attributes)))
	return err
}
