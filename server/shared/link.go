package shared

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// link is the connection to Redis, and knows whether it holds. While it does not, nobody waits: what is asked fails at
// once, and one goroutine looks whether Redis is back.
type link struct {
	client  redis.UniversalClient
	cluster bool
	prefix  string // of every key
	log     *slog.Logger
	done    context.CancelFunc
	ctx     context.Context // until stop
	wg      sync.WaitGroup

	mu   sync.Mutex
	away bool
	back []func() // called when Redis is back
}

// errAway says that Redis does not answer at the moment.
var errAway = errors.New("redis does not answer")

func newLink(t Target, prefix string, log *slog.Logger) *link {
	l := &link{client: t.open(), cluster: t.kind == "redis-cluster", prefix: prefix, log: log}
	l.ctx, l.done = context.WithCancel(context.Background())
	return l
}

// do runs one question to Redis. An answer is no failure, redis.Nil and errors of scripts included; the lack of one is.
func (l *link) do(ctx context.Context, fn func(ctx context.Context) error) error {
	l.mu.Lock()
	away := l.away
	l.mu.Unlock()
	if away {
		return errAway
	}
	asked, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	err := fn(asked)
	if err == nil || ctx.Err() != nil { // whoever asked has left: that says nothing about Redis
		return err
	}
	var answer redis.Error
	if errors.As(err, &answer) && !starting(answer) {
		return err
	}
	l.lost(err)
	return errors.Join(errAway, err)
}

// starting reports whether an answer means that there will be a better one soon: the server reads its data, a master was
// lost and none is chosen yet, or memory is full.
func starting(err redis.Error) bool {
	for _, p := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "OOM", "BUSY", "MISCONF", "MOVED", "ASK"} {
		if strings.HasPrefix(err.Error(), p) {
			return true
		}
	}
	return false
}

// lost begins to look for Redis.
func (l *link) lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away || l.ctx.Err() != nil {
		return
	}
	l.away = true
	l.log.Warn("redis does not answer: limits count for each replica alone, and notices reach no other", "err", err)
	l.wg.Go(l.look)
}

func (l *link) look() {
	since := time.Now()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(wait):
		}
		ctx, cancel := context.WithTimeout(l.ctx, 2*patience)
		err := l.probe(ctx)
		cancel()
		if err == nil {
			break
		}
	}
	l.mu.Lock()
	l.away = false
	back := l.back
	l.mu.Unlock()
	l.log.Info("redis answers again", "after", time.Since(since).Round(time.Millisecond))
	for _, f := range back {
		f()
	}
}

// probe writes, because a replica that is no master yet answers PING, and a server without memory does too.
func (l *link) probe(ctx context.Context) error {
	return l.client.Set(ctx, l.prefix+"probe", "", time.Minute).Err()
}

// onBack has fn called whenever Redis is back.
func (l *link) onBack(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = append(l.back, fn)
}

func (l *link) stop() error {
	l.mu.Lock() // after this nobody begins to look
	l.done()
	l.mu.Unlock()
	l.wg.Wait()
	return l.client.Close()
}
