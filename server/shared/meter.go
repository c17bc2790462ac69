package shared

import (
	"context"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// Rates say how much somebody may ask, in points: what operations cost.
type Rates struct {
	PerMinute int            // of one identity in one role; zero: DefaultRate
	Burst     int            // what can be spent at once; zero: a minute's
	Roles     map[string]int // points a minute of roles that differ
}

// DefaultRate is the rate of whoever has none of their own.
const DefaultRate = 60_000

// rightsRate is what exercising rights may cost in a minute, and in one go: a person withdraws some consents, and not a
// thousand.
const rightsRate, rightsBurst = 60, 30

// strangersRate is what may be asked from one address without signing in, and in one go. Many people may be behind one: a proxy.
const strangersRate, strangersBurst = 600, 120

// budget is a rate as the generic cell rate algorithm has it (GCRA, ITU-T I.371): each point takes time, and spending may
// run ahead of time by so much.
type budget struct{ rate, burst int }

func (b budget) ahead() time.Duration { return b.time(b.burst) }

// cost is the time that points take. What costs more than a full budget takes all of it.
func (b budget) cost(points int) time.Duration { return b.time(min(points, b.burst)) }

func (b budget) time(points int) time.Duration {
	return time.Duration(float64(points) / float64(b.rate) * float64(time.Minute))
}

func (r Rates) budget(s graph.Spending) budget {
	rate, burst := r.PerMinute, r.Burst
	if rate <= 0 {
		rate = DefaultRate
	}
	if burst <= 0 {
		burst = rate
	}
	switch own, ok := r.Roles[s.Role]; {
	case s.Rights:
		rate, burst = rightsRate, rightsBurst
	case s.Principal == "":
		rate, burst = strangersRate, strangersBurst
	case ok && own > 0:
		rate, burst = own, max(int(int64(burst)*int64(own)/int64(rate)), 1)
	}
	return budget{rate, burst}
}

// account is whose budget it is.
func account(s graph.Spending) []string {
	if s.Rights {
		return []string{"rights", s.Principal}
	}
	if s.Principal == "" {
		return []string{"address", s.Address}
	}
	return []string{"principal", s.Principal, s.Role}
}

// meter limits in this process. Its memory is bounded: accounts that owe nothing are forgotten, and when all of maxAccounts
// owe something, those it has no room for share one.
type meter struct {
	rates Rates
	now   func() time.Time

	mu    sync.Mutex
	owes  map[string]time.Time // until when an account has spent
	swept time.Time
}

const maxAccounts = 50000

func newMeter(r Rates, now func() time.Time) *meter {
	return &meter{rates: r, now: now, owes: map[string]time.Time{}}
}

// Spend implements graph.Limiter.
func (m *meter) Spend(_ context.Context, s graph.Spending) time.Duration {
	b := m.rates.budget(s)
	key := name(nil, account(s)...)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	until, known := m.owes[key]
	if !known && len(m.owes) >= maxAccounts {
		if m.sweep(now); len(m.owes) >= maxAccounts {
			key = ""
			until = m.owes[key]
		}
	}
	if until.Before(now) {
		until = now
	}
	next := until.Add(b.cost(s.Points))
	if wait := next.Add(-b.ahead()).Sub(now); wait > 0 {
		return wait
	}
	m.owes[key] = next
	return 0
}

// sweep forgets accounts that owe nothing, at most once a second: when all owe something there is nothing to find.
func (m *meter) sweep(now time.Time) {
	if now.Sub(m.swept) < time.Second {
		return
	}
	m.swept = now
	for key, until := range m.owes {
		if !until.After(now) {
			delete(m.owes, key)
		}
	}
}
