package shared

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// redisMeter limits over all replicas. One script reads and writes one key, by the clock of Redis, so that replicas whose
// clocks differ agree and a cluster finds the key. When Redis is away each replica limits by itself, at the same rate:
// more passes then, by the number of replicas, and never without a limit.
type redisMeter struct {
	link  *link
	local *meter
	key   []byte
}

// gcra keeps in a key until when its account has spent, in microseconds. What is not a number, or further ahead than a
// budget goes, was not written by this script: it counts as a budget that is spent, and heals with time.
var gcra = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local cost, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local owes = redis.call('GET', KEYS[1])
owes = owes and (tonumber(owes) or now + ahead) or now
if not (owes >= now) then owes = now end
if owes > now + ahead then owes = now + ahead end
local next = owes + cost
local wait = next - ahead - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil((next - now) / 1000) + 1000)
return 0
`)

// Spend implements graph.Limiter.
func (m *redisMeter) Spend(ctx context.Context, s graph.Spending) time.Duration {
	b := m.local.rates.budget(s)
	var wait int64
	err := m.link.do(ctx, func(ctx context.Context) (err error) {
		keys := []string{m.link.prefix + "rate:" + name(m.key, account(s)...)}
		wait, err = gcra.Run(ctx, m.link.client, keys, micro(b.cost(s.Points)), micro(b.ahead())).Int64()
		return err
	})
	if err != nil {
		return m.local.Spend(ctx, s)
	}
	return min(time.Duration(wait)*time.Microsecond, b.ahead())
}

// micro are microseconds, with what is left of one.
func micro(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 3, 64)
}
