package shared

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// bus carries notices between replicas over one channel of Redis, sharded where that is a cluster.
//
// Threat: whoever reaches Redis can publish. A notice counts only with a MAC under the key of the deployment, and while it
// is fresh. Sent again within that time it does no harm: a notice changes nothing, it only makes its receiver look again.
// What Redis loses it loses in silence, so subscribers are told of a gap whenever the connection was new: theirs, or that
// of somebody who could not publish.
type bus struct {
	*hub
	link    *link
	key     []byte
	now     func() time.Time
	origin  string // of this process, whose subscribers were told already
	channel string

	done context.CancelFunc
	ctx  context.Context
	wg   sync.WaitGroup

	mu   sync.Mutex
	owed bool // something could not be published

	complained time.Time // of a notice that did not count; only the listening goroutine looks
}

// envelope is what stands on the channel, behind its MAC.
type envelope struct {
	Origin string `json:"o"`
	Topic  string `json:"t"`
	Data   []byte `json:"d,omitempty"`
	Gap    bool   `json:"g,omitempty"`
	At     int64  `json:"at"` // milliseconds
}

// fresh is how old a notice may be, and how far clocks of replicas may differ.
const fresh = 30 * time.Second

func newBus(l *link, key []byte, now func() time.Time) *bus {
	b := &bus{hub: newHub(), link: l, key: key, now: now, origin: rand.Text(), channel: l.prefix + "notices"}
	b.ctx, b.done = context.WithCancel(context.Background())
	l.onBack(b.settle)
	b.wg.Go(b.listen)
	return b
}

// Publish implements graph.Events.
func (b *bus) Publish(ctx context.Context, topic string, notice []byte) error {
	if err := b.hub.Publish(ctx, topic, notice); err != nil {
		return err
	}
	err := b.send(ctx, envelope{Topic: topic, Data: notice})
	if err != nil {
		b.mu.Lock()
		b.owed = true
		b.mu.Unlock()
		if !errors.Is(err, errAway) { // it was the caller who left: nobody else will see to it
			b.settle()
		}
		return errors.Join(errBusAway, err)
	}
	return nil
}

// settle tells the others that they have missed something.
func (b *bus) settle() {
	b.mu.Lock()
	owed := b.owed
	b.owed = false
	b.mu.Unlock()
	if owed && b.send(b.ctx, envelope{Gap: true}) != nil {
		b.mu.Lock()
		b.owed = true
		b.mu.Unlock()
	}
}

func (b *bus) send(ctx context.Context, e envelope) error {
	e.Origin, e.At = b.origin, b.now().UnixMilli()
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode a notice: %w", err)
	}
	sealed := append(sign(b.key, string(text)), text...)
	return b.link.do(ctx, func(ctx context.Context) error {
		if b.link.cluster {
			return b.link.client.SPublish(ctx, b.channel, sealed).Err()
		}
		return b.link.client.Publish(ctx, b.channel, sealed).Err()
	})
}

// listen receives until the bus stops, and connects again when the connection breaks.
func (b *bus) listen() {
	for wait := 50 * time.Millisecond; b.ctx.Err() == nil; {
		began := time.Now()
		err := b.receive()
		if b.ctx.Err() != nil {
			return
		}
		if time.Since(began) > 10*time.Second {
			wait = 50 * time.Millisecond
		}
		b.link.log.Debug("notices of other replicas are not received", "err", err)
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Second)
	}
}

// beat is how long the channel may be silent before we ask whether it still is one.
const beat = time.Second

// receive takes notices until the connection breaks.
func (b *bus) receive() error {
	subscribe := b.link.client.Subscribe
	if b.link.cluster {
		subscribe = b.link.client.SSubscribe
	}
	ps := subscribe(b.ctx, b.channel)
	defer func() { _ = ps.Close() }()
	defer context.AfterFunc(b.ctx, func() { _ = ps.Close() })() // a read does not look at its context
	for asked := false; ; {
		v, err := ps.ReceiveTimeout(b.ctx, beat)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() && !asked && b.ctx.Err() == nil {
			asked = true
			if err := ps.Ping(b.ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		asked = false
		switch v := v.(type) {
		case *redis.Subscription:
			if v.Count == 0 { // the slot of the channel has moved to another node
				return errors.New("the channel has moved")
			}
			b.gap() // of what was published before, we know nothing
		case *redis.Message:
			b.take([]byte(v.Payload))
		}
	}
}

// take believes a notice that is ours and fresh.
func (b *bus) take(sealed []byte) {
	if len(sealed) < sha256.Size || len(sealed) > 3*maxNotice {
		b.complain("it has no size a notice has")
		return
	}
	text := sealed[sha256.Size:]
	if !hmac.Equal(sealed[:sha256.Size], sign(b.key, string(text))) {
		b.complain("it was not made with our key")
		return
	}
	var e envelope
	if json.Unmarshal(text, &e) != nil || len(e.Data) > maxNotice {
		b.complain("it is no notice of this version")
		return
	}
	if e.Origin == b.origin {
		return
	}
	if age := b.now().Sub(time.UnixMilli(e.At)); age > fresh || age < -fresh {
		if b.complain("it is too old, or the clocks of two replicas differ by more than 30 seconds") {
			b.gap() // if it is the clocks, what it said is lost
		}
		return
	}
	if e.Gap {
		b.gap()
		return
	}
	b.tell(noticeOf(e))
}

// complain logs at most once in a while: whoever can publish must not fill the log. It reports whether it did.
func (b *bus) complain(why string) bool {
	now := time.Now()
	if now.Sub(b.complained) < 10*time.Second {
		return false
	}
	b.complained = now
	b.link.log.Warn("a notice on the channel of redis was ignored", "why", why)
	return true
}

func (b *bus) stop() {
	b.done()
	b.wg.Wait()
	b.hub.stop()
}
