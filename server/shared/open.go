package shared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// Options of Open.
type Options struct {
	Redis string // URL, see Parse; empty: in this process
	Key   []byte // of the deployment: graph.Keys.Shared
	Rates Rates
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default()
}

// Shared is what replicas share.
type Shared struct {
	Limiter graph.Limiter
	Events  graph.Events

	link  *link // nil in process
	close []func()
}

// Open connects to Redis, or makes the parts of one process. A Redis that does not answer is an error here: it is a mistake
// of the configuration until it has answered once.
func Open(ctx context.Context, o Options) (*Shared, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	keys, err := derive(o.Key)
	if err != nil {
		return nil, err
	}
	local := newMeter(o.Rates, o.Now)
	if o.Redis == "" {
		hub := newHub()
		return &Shared{Limiter: local, Events: hub, close: []func(){hub.stop}}, nil
	}
	target, err := Parse(o.Redis)
	if err != nil {
		return nil, err
	}
	quiet(o.Log)
	l := newLink(target, "cloakroom:"+keys.deployment+":", o.Log)
	if err := l.first(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	b := newBus(l, keys.notices, o.Now)
	return &Shared{
		Limiter: &redisMeter{link: l, local: local, key: keys.names},
		Events:  b,
		link:    l,
		close:   []func(){b.stop, func() { _ = l.stop() }},
	}, nil
}

// OnRedis reports whether replicas share anything.
func (s *Shared) OnRedis() bool { return s.link != nil }

// Check says in words what is missing while Redis is away. It asks Redis, and the log has had the cause.
func (s *Shared) Check(ctx context.Context) (words string) {
	if s.link == nil {
		return ""
	}
	if err := s.link.do(ctx, s.link.probe); err != nil {
		return "Redis does not answer: limits count for each replica alone, and notices reach no other"
	}
	return ""
}

// Close ends subscriptions and connections.
func (s *Shared) Close() {
	for _, f := range s.close {
		f()
	}
}

// first waits for Redis to answer for the first time.
func (l *link) first(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	for {
		err := l.client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		var answer redis.Error
		if errors.As(err, &answer) && !starting(answer) {
			return fmt.Errorf("redis: the server refuses: see that user, password and kind of the URL are right: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redis: no answer: start it, or see that the URL in the setting `redis` is right: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

const firstAnswer = 5 * time.Second

// quiet sends what the client library says of itself to the log, where nobody looks without a reason.
func quiet(log *slog.Logger) {
	once.Do(func() { redis.SetLogger(libraryLog{log}) })
}

var once sync.Once

type libraryLog struct{ *slog.Logger }

// Printf logs. Its arguments are addresses and errors of the network.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, "redis", "what", fmt.Sprintf(format, v...))
}
