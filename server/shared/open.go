package shared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/semaphore"

	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
)

// Options of Open.
type Options struct {
	Redis string       // URL, see Parse; empty: in this process
	Store *store.Store // the database of the data, migrated
	Key   []byte       // of the deployment: graph.Keys.Shared
	Rates Rates
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default slog.Default()
}

// Shared is what replicas share.
type Shared struct {
	Limiter   graph.Limiter
	Events    graph.Events
	Documents *Documents
	Once      graph.Once
	Told      graph.Told

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
	s := &Shared{}
	if err := s.connect(ctx, o, keys); err != nil {
		return nil, err
	}
	if err := s.keep(ctx, o, keys); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connect makes what may be lost: limits and notices.
func (s *Shared) connect(ctx context.Context, o Options, keys secrets) error {
	local := newMeter(o.Rates, o.Now)
	if o.Redis == "" {
		hub := newHub()
		s.Limiter, s.Events = local, hub
		s.close = append(s.close, hub.stop)
		return nil
	}
	target, err := Parse(o.Redis)
	if err != nil {
		return err
	}
	quiet(o.Log)
	l := newLink(target, "cloakroom:"+keys.deployment+":", o.Log)
	if err := l.first(ctx); err != nil {
		return errors.Join(err, l.stop())
	}
	b := newBus(l, keys.notices, o.Now)
	s.Limiter, s.Events, s.link = &redisMeter{link: l, local: local, key: keys.names}, b, l
	s.close = append(s.close, b.stop, func() { _ = l.stop() })
	return nil
}

// keep makes what must not be lost. It lies in the database of the data.
func (s *Shared) keep(ctx context.Context, o Options, keys secrets) error {
	if err := Tables.Migrate(ctx, o.Store); err != nil {
		return err
	}
	t := tableOn(o.Store)
	told, err := newTold(t, keys.names, keys.told, o.Now)
	if err != nil {
		return err
	}
	s.Told = told
	s.Once = &once{table: t, key: keys.records, now: o.Now}
	s.Documents = &Documents{table: t, one: semaphore.NewWeighted(1), key: keys.documents, now: o.Now, log: o.Log, events: s.Events}
	changed, stop := s.Events.Subscribe(graph.TopicDocuments)
	sweeping, done := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.Documents.follow(changed) })
	wg.Go(func() { t.sweep(sweeping, o.Now) })
	s.close = append([]func(){func() { stop(); done(); wg.Wait() }}, s.close...)
	return nil
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

// Reach fails as Open would where Redis does not answer, and leaves nothing behind.
func Reach(ctx context.Context, url string, log *slog.Logger) error {
	if url == "" {
		return nil
	}
	target, err := Parse(url)
	if err != nil {
		return err
	}
	quiet(log)
	l := newLink(target, "", log)
	return errors.Join(l.first(ctx), l.stop())
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
	quieted.Do(func() { redis.SetLogger(libraryLog{log}) })
}

var quieted sync.Once

type libraryLog struct{ *slog.Logger }

// Printf logs. Its arguments are addresses and errors of the network.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, "redis", "what", fmt.Sprintf(format, v...))
}
