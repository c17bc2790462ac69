package trial

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/cloakroom-crm/cloakroom/bench/house"
	"github.com/cloakroom-crm/cloakroom/bench/load"
	"github.com/cloakroom-crm/cloakroom/bench/question"
)

// Offered are the loads of Overload, as multiples of what C can do.
var Offered = []float64{0.5, 0.9, 2, 4}

// Load is what became of a load that does not wait for answers.
type Load struct {
	Times      float64 // offered, as a multiple of what C can do
	Cheap      Fate
	Costly     Fate
	Work       float64 // done, as a part of what C does when as many ask as it can answer
	Driver     float64 // processors that sending and receiving kept busy
	Left       float64 // processors left for server and database, as a part of those left while Capacity was measured
	RSS        float64 // MB, the most there was
	Goroutines int     // the most there were
}

// Fate is what became of the requests of one kind.
type Fate struct {
	Offered, Answered float64 // requests each second; answered: while somebody still waits for it
	P50, P99          time.Duration
	Late              int // answered when nobody waits any more
	Refused           int // told to come again: status 429 or 503
	Failed            int // everything else that is no answer
	Told              []string
}

// Capacity is what C does when nobody asks before there is a place, in requests each second: of either kind alone, and of pairs.
type Capacity struct {
	Cheap, Costly, Pairs float64
	Driver               float64 // processors that sending and receiving kept busy, while pairs were asked
	Goroutines           int     // when nothing was asked, before and after everything
	GoroutinesAfter      int
}

// Overload asks C a cheap question and a costly one in equal numbers: first as fast as it answers, then at rates that do not
// depend on its answers, as the world does.
func Overload(ctx context.Context, o Options) (c Capacity, out []Load, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := house.Prepare(ctx, o.Database, o.Data, o.People, true, false); err != nil {
		return c, nil, err
	}
	p, err := start(ctx, question.C, o.Database, o.Data)
	if err != nil {
		return c, nil, err
	}
	defer func() { _ = p.stop() }()
	kinds := []*kind{{question: question.All[0]}, {question: question.All[2]}}
	for _, k := range kinds {
		if k.token, err = house.Token(o.Data, k.question.Role); err != nil {
			return c, nil, err
		}
		k.requests = k.question.Requests(question.C, p.Answers, k.token, o.People)
		if _, err := o.check(ctx, k.question, &contestant{variant: question.C, process: p, requests: k.requests[:1]}); err != nil {
			return c, nil, err
		}
	}
	if c, err = o.capacity(ctx, p, kinds[0], kinds[1]); err != nil {
		return c, nil, err
	}
	fmt.Fprintf(o.Log, "as fast as it answers: %.0f cheap, %.0f costly, or %.0f pairs a second\n", c.Cheap, c.Costly, c.Pairs)
	full := c.Pairs/c.Cheap + c.Pairs/c.Costly
	for _, times := range Offered {
		l, err := o.offer(ctx, p, times, c.Pairs*times, kinds)
		if err != nil {
			return c, nil, err
		}
		l.Work = (l.Cheap.Answered/c.Cheap + l.Costly.Answered/c.Costly) / full
		all := float64(runtime.NumCPU())
		l.Left = (all - l.Driver) / (all - c.Driver)
		fmt.Fprintf(o.Log, "offered %g×: work %.2f with %.2f of the processors, cheap %.0f of %.0f p99 %s, costly %.0f of %.0f p99 %s, refused %d, late %d, failed %d, %.0f MB, %d goroutines\n", times, l.Work, l.Left,
			l.Cheap.Answered, l.Cheap.Offered, l.Cheap.P99.Round(time.Millisecond), l.Costly.Answered, l.Costly.Offered, l.Costly.P99.Round(time.Millisecond),
			l.Cheap.Refused+l.Costly.Refused, l.Cheap.Late+l.Costly.Late, l.Cheap.Failed+l.Costly.Failed, l.RSS, l.Goroutines)
		out = append(out, l)
	}
	time.Sleep(2 * time.Second) // what was under way ends
	r, err := p.reading(ctx, true)
	c.GoroutinesAfter = r.Goroutines
	return c, out, err
}

// cpu is the time for which this process, the driver, has kept processors busy.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// kind is a question with its requests.
type kind struct {
	question question.Question
	token    string
	requests []question.Request
}

// capacity lets C answer as fast as it can.
func (o Options) capacity(ctx context.Context, p *process, cheap, costly *kind) (c Capacity, err error) {
	r, err := p.reading(ctx, true)
	if err != nil {
		return c, err
	}
	c.Goroutines = r.Goroutines
	var pairs []question.Request
	for i := range cheap.requests {
		pairs = append(pairs, cheap.requests[i], costly.requests[i%len(costly.requests)])
	}
	for _, m := range []struct {
		requests []question.Request
		each     float64
		into     *float64
	}{{cheap.requests, 1, &c.Cheap}, {costly.requests, 1, &c.Costly}, {pairs, 2, &c.Pairs}} {
		if _, err := load.Run(ctx, p.Answers, m.requests, o.Connections, warmUp); err != nil {
			return c, err
		}
		began, busy := time.Now(), cpu()
		r, err := load.Run(ctx, p.Answers, m.requests, o.Connections, o.Duration)
		if err != nil {
			return c, err
		}
		c.Driver = (cpu() - busy).Seconds() / time.Since(began).Seconds() // the last are the pairs
		*m.into = float64(r.Answers) / r.Took.Seconds() / m.each
	}
	return c, nil
}

// useful is how long somebody waits for an answer. What comes later was work for nothing.
const useful = time.Second

// Bounds of the driver: whoever gets no answer within patience counts as failed, and what waits for answers is bounded.
const (
	patience   = 10 * time.Second
	maxWorkers = 5000
)

// offer sends each kind at a steady rate, whether or not there are answers.
func (o Options) offer(ctx context.Context, p *process, times, rate float64, kinds []*kind) (Load, error) {
	l := Load{Times: times}
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			if r, err := p.reading(ctx, true); err == nil {
				l.RSS, l.Goroutines = max(l.RSS, float64(r.RSS)/1024), max(l.Goroutines, r.Goroutines)
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	began, busy := time.Now(), cpu()
	var all sync.WaitGroup
	for i, k := range kinds {
		fate := []*Fate{&l.Cheap, &l.Costly}[i]
		all.Go(func() { *fate = k.send(ctx, p.Answers, rate, o.Duration, o.People) })
	}
	all.Wait()
	l.Driver = (cpu() - busy).Seconds() / time.Since(began).Seconds()
	close(stop)
	<-watched
	return l, ctx.Err()
}

func (k *kind) send(ctx context.Context, address string, rate float64, d time.Duration, people int) Fate {
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}, "Authorization": {"Bearer " + k.token}}
	var targets []vegeta.Target
	for _, body := range k.question.Bodies(people) {
		targets = append(targets, vegeta.Target{Method: http.MethodPost, URL: "http://" + address + "/graphql", Header: header, Body: body})
	}
	connections := &http.Transport{MaxIdleConnsPerHost: maxWorkers, MaxConnsPerHost: maxWorkers}
	defer connections.CloseIdleConnections()
	a := vegeta.NewAttacker(vegeta.Client(&http.Client{Transport: connections, Timeout: patience}), vegeta.MaxWorkers(maxWorkers))
	defer context.AfterFunc(ctx, func() { a.Stop() })()
	f := Fate{Offered: rate}
	var took []time.Duration
	for r := range a.Attack(vegeta.NewStaticTargeter(targets...), vegeta.Rate{Freq: int(rate * 100), Per: 100 * time.Second}, d, "") {
		switch {
		case r.Code == http.StatusOK && r.Error == "" && r.Latency > useful:
			f.Late++
		case r.Code == http.StatusOK && r.Error == "":
			took = append(took, r.Latency)
		case r.Code == http.StatusTooManyRequests || r.Code == http.StatusServiceUnavailable:
			f.Refused++
		default:
			f.Failed++
			if told := fmt.Sprintf("%d %s %.200s", r.Code, r.Error, r.Body); len(f.Told) < 3 && !slices.Contains(f.Told, told) {
				f.Told = append(f.Told, told) // the people in the data are made up
			}
		}
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		f.P50, f.P99 = took[n/2], took[n*99/100]
	}
	f.Answered = float64(len(took)) / d.Seconds()
	return f
}
