// Package trial runs the benchmark: it starts the variants, lets them take turns, and keeps the medians.
package trial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/house"
	"github.com/cloakroom-crm/cloakroom/bench/load"
	"github.com/cloakroom-crm/cloakroom/bench/question"
)

// Options of a run.
type Options struct {
	Database    string // an empty database
	Data        string // an empty directory, for Cloakroom's keys
	People      int
	Rounds      int
	Duration    time.Duration // of one turn
	Connections int
	Only        []string // names of questions; none: all
	Log         io.Writer
}

// Figure is what one variant needs for one question: medians over the rounds.
type Figure struct {
	RPS    float64 `json:"rps"`
	CPU    float64 `json:"cpu_us"`
	Allocs float64 `json:"allocs"`
	RSS    float64 `json:"rss_mb"`
	Bytes  int     `json:"bytes"` // of one answer
}

// Results are figures by question and variant.
type Results map[string]map[question.Variant]Figure

// Run loads the data and asks everything of everybody.
func Run(ctx context.Context, o Options) (Results, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	if err := house.Prepare(ctx, o.Database, o.Data, o.People, true, false); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Log, "loaded %d contacts in %s\n", o.People, time.Since(began).Round(time.Second))
	running := map[question.Variant]*process{}
	for _, v := range question.Variants {
		p, err := start(ctx, v, o.Database, o.Data)
		if err != nil {
			return nil, err
		}
		defer func() { _ = p.stop() }()
		running[v] = p
	}
	results := Results{}
	for _, q := range question.All {
		if len(o.Only) > 0 && !slices.Contains(o.Only, q.Name) {
			continue
		}
		figures, err := o.ask(ctx, q, running)
		if err != nil {
			return nil, err
		}
		results[q.Name] = figures
	}
	return results, nil
}

// contestant is a variant with its requests for one question.
type contestant struct {
	variant  question.Variant
	process  *process
	requests []question.Request
	bytes    int
	turns    []Figure
}

// ask lets the variants take turns at a question.
func (o Options) ask(ctx context.Context, q question.Question, running map[question.Variant]*process) (map[question.Variant]Figure, error) {
	token, err := house.Token(o.Data, q.Role)
	if err != nil {
		return nil, err
	}
	var list []*contestant
	for _, v := range question.Variants {
		c := &contestant{variant: v, process: running[v]}
		bearer := ""
		if v == question.C {
			bearer = token
		}
		c.requests = q.Requests(v, c.process.Answers, bearer, o.People)
		c.bytes, err = o.check(ctx, q, c)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	for range o.Rounds {
		for _, c := range list {
			f, err := o.turn(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", q.Name, c.variant, err)
			}
			c.turns = append(c.turns, f)
		}
	}
	figures := map[question.Variant]Figure{}
	for _, c := range list {
		f := medians(c.turns)
		f.Bytes = c.bytes
		figures[c.variant] = f
		fmt.Fprintf(o.Log, "%s %-5s %8.0f req/s %8.0f µs CPU %8.0f allocs %6.1f MB %7d bytes\n", q.Name, c.variant, f.RPS, f.CPU, f.Allocs, f.RSS, f.Bytes)
	}
	return figures, nil
}

// check asks once and looks at the answer: an empty one would be fast.
func (o Options) check(ctx context.Context, q question.Question, c *contestant) (int, error) {
	conn, err := load.Dial(ctx, c.process.Answers)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	var body bytes.Buffer
	if _, err := conn.Ask(c.requests[0], &body); err != nil {
		return 0, fmt.Errorf("%s of %s: %w", q.Name, c.variant, err)
	}
	if bytes.Contains(body.Bytes(), []byte(`"errors"`)) {
		return 0, fmt.Errorf("%s of %s: %s", q.Name, c.variant, &body)
	}
	if n := bytes.Count(body.Bytes(), []byte(q.Contains)); n != q.Times {
		return 0, fmt.Errorf("%s of %s: the answer has %s %d times instead of %d: %.2000s", q.Name, c.variant, q.Contains, n, q.Times, &body)
	}
	return body.Len(), nil
}

// warmUp fills caches, pools and PostgreSQL's prepared statements before a turn is measured.
const warmUp = 300 * time.Millisecond

func (o Options) turn(ctx context.Context, c *contestant) (Figure, error) {
	if _, err := load.Run(ctx, c.process.Answers, c.requests, o.Connections, warmUp); err != nil {
		return Figure{}, err
	}
	before, err := c.process.reading(ctx, false)
	if err != nil {
		return Figure{}, err
	}
	memory := c.process.watch(ctx)
	r, err := load.Run(ctx, c.process.Answers, c.requests, o.Connections, o.Duration)
	most := memory()
	if err != nil {
		return Figure{}, err
	}
	after, err := c.process.reading(ctx, false)
	if err != nil {
		return Figure{}, err
	}
	n := float64(max(r.Answers, 1))
	return Figure{RPS: n / r.Took.Seconds(), CPU: float64(after.CPU-before.CPU) / n, Allocs: float64(after.Mallocs-before.Mallocs) / n,
		RSS: float64(most) / 1024}, nil
}

func medians(turns []Figure) Figure {
	of := func(get func(Figure) float64) float64 {
		values := make([]float64, len(turns))
		for i, f := range turns {
			values[i] = get(f)
		}
		slices.Sort(values)
		n := len(values)
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	return Figure{RPS: of(func(f Figure) float64 { return f.RPS }), CPU: of(func(f Figure) float64 { return f.CPU }),
		Allocs: of(func(f Figure) float64 { return f.Allocs }), RSS: of(func(f Figure) float64 { return f.RSS })}
}
