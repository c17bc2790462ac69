package stack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Stream is a subscription. It collects what it is told until either side ends it.
type Stream struct {
	Done <-chan struct{} // closed when nothing more comes

	mu   sync.Mutex
	told []*Answer
	end  context.CancelFunc
}

// Subscribe opens an event stream.
func (g *Gateway) Subscribe(ctx context.Context, who Credential, query string) (*Stream, error) {
	body, err := json.Marshal(Request{Query: query})
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		end()
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	who(req)
	open := http.Client{Transport: client.Transport} // it is to stay open
	resp, err := open.Do(req)                        //nolint:bodyclose // the stream closes it when it ends
	if err != nil {
		end()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // for the message
		_ = resp.Body.Close()
		end()
		return nil, fmt.Errorf("%s is no stream: %s", resp.Status, text)
	}
	done := make(chan struct{})
	s := &Stream{Done: done, end: end}
	go func() {
		defer close(done)
		defer func() { _ = resp.Body.Close() }()
		s.read(resp)
	}()
	return s, nil
}

func (s *Stream) read(resp *http.Response) {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "" {
			continue
		}
		a := &Answer{Status: resp.StatusCode, Header: resp.Header, Raw: data}
		if err := json.Unmarshal([]byte(data), a); err != nil {
			a.Raw += " is no answer: " + err.Error()
		}
		s.mu.Lock()
		s.told = append(s.told, a)
		s.mu.Unlock()
	}
}

// Told is what it was told so far.
func (s *Stream) Told() []*Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Answer(nil), s.told...)
}

// Close leaves.
func (s *Stream) Close() {
	s.end()
	<-s.Done
}
