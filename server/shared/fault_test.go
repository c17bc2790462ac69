package shared

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/redis"
	"github.com/cloakroom-crm/cloakroom/graph"
)

func TestWithoutRedisEachReplicaGoesOnAlone(t *testing.T) {
	r := redis.Start(t)
	log := &said{}
	s := []*Shared{
		open(t, Options{Redis: r.URL, Rates: Rates{PerMinute: 60, Burst: 5}, Log: log.log()}),
		open(t, Options{Redis: r.URL, Rates: Rates{PerMinute: 60, Burst: 5}}),
	}
	here, stop := s[0].Events.Subscribe("coats")
	defer stop()
	there, stop := s[1].Events.Subscribe("coats")
	defer stop()
	channels := []<-chan graph.Notice{here, there}
	settled(t, s, "coats", channels)

	r.Stop(t)
	passed, began := 0, time.Now()
	for range 50 {
		if s[0].Limiter.Spend(t.Context(), graph.Spending{Principal: "ann", Points: 1}) == 0 {
			passed++
		}
	}
	if passed < 5 || passed > 7 {
		t.Errorf("%d of 50 passed without Redis, want 5", passed)
	}
	if wait := s[0].Limiter.Spend(t.Context(), graph.Spending{Principal: "ann", Points: 1, Rights: true}); wait != 0 {
		t.Errorf("who exercises a right waits %s because Redis is gone", wait)
	}
	if err := s[0].Events.Publish(t.Context(), "coats", []byte("alone")); err == nil {
		t.Error("others were told without Redis")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("without Redis it took %s", took)
	}
	for n := next(t, here); string(n.Data) != "alone"; n = next(t, here) {
	}
	if s[0].Check(t.Context()) == "" {
		t.Error("nothing is said to be amiss")
	}

	began = time.Now()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	for _, c := range channels { // both may have missed something
		for !next(t, c).Gap {
		}
	}
	eventually(t, func() bool { return s[0].Check(t.Context()) == "" })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to notice that Redis is back", took)
	}
	settled(t, s, "coats", channels)
	for _, want := range []string{"redis does not answer", "redis answers again"} {
		if n := strings.Count(log.String(), want); n != 1 {
			t.Errorf("the log says %d times that %s:\n%s", n, want, log)
		}
	}
}

// TestAGapOfThePublisher is about a replica that could not publish while the others were connected all along.
func TestAGapOfThePublisher(t *testing.T) {
	r := redis.Start(t)
	s := []*Shared{open(t, Options{Redis: r.URL}), open(t, Options{Redis: r.URL})}
	there, stop := s[1].Events.Subscribe("coats")
	defer stop()
	settled(t, s, "coats", []<-chan graph.Notice{there})
	s[0].link.lost(errAway) // as a broken connection of its own would do
	if err := s[0].Events.Publish(t.Context(), "coats", []byte("x")); err == nil {
		t.Fatal("published without a connection")
	}
	if n := next(t, there); !n.Gap {
		t.Errorf("the other replica heard %+v, want a gap", n)
	}
}

func TestForgedAndForeignNoticesAreNotHeard(t *testing.T) {
	r := redis.Start(t)
	log := &said{}
	s := open(t, Options{Redis: r.URL, Log: log.log()})
	foreign := open(t, Options{Redis: r.URL, Key: []byte("the key of a deployment elsewhere")})
	c, stop := s.Events.Subscribe("coats")
	defer stop()
	settled(t, []*Shared{s}, "coats", []<-chan graph.Notice{c})
	client := client(t, r)
	b, ok := s.Events.(*bus)
	if !ok {
		t.Fatal("no bus")
	}
	said := func(e envelope, key []byte) []byte {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return append(sign(key, string(text)), text...)
	}
	now := time.Now().UnixMilli()
	good := envelope{Origin: "elsewhere", Topic: "coats", Data: []byte("good"), At: now}
	altered := said(good, b.key)
	altered[len(altered)-3]++
	for what, message := range map[string][]byte{
		"nothing":     nil,
		"noise":       []byte(strings.Repeat("x", 100)),
		"no JSON":     append(sign(b.key, "x"), 'x'),
		"another key": said(envelope{Origin: "elsewhere", Topic: "coats", Data: []byte("forged"), At: now}, make([]byte, 32)),
		"altered":     altered,
		"huge":        make([]byte, 1<<20),
		"stale":       said(envelope{Origin: "elsewhere", Topic: "coats", Data: []byte("stale"), At: now - 31000}, b.key),
		"of tomorrow": said(envelope{Origin: "elsewhere", Topic: "coats", Data: []byte("soon"), At: now + 86400000}, b.key),
		"of our own":  said(envelope{Origin: b.origin, Topic: "coats", Data: []byte("own"), At: now}, b.key),
	} {
		if err := client.Publish(t.Context(), b.channel, message).Err(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if err := foreign.Events.Publish(t.Context(), "coats", []byte("foreign")); err != nil {
		t.Fatal(err)
	}
	if err := client.Publish(t.Context(), b.channel, said(good, b.key)).Err(); err != nil {
		t.Fatal(err)
	}
	for {
		n := next(t, c)
		if n.Gap { // what is out of time may mean that clocks differ
			continue
		}
		if string(n.Data) != "good" {
			t.Errorf("heard %q", n.Data)
		}
		break
	}
	if n := strings.Count(log.String(), "ignored"); n != 1 {
		t.Errorf("the log complains %d times of what somebody sent at once", n)
	}
}

// TestForgedLimits: whoever writes to Redis can change how much is asked, and nothing else; a budget heals by itself.
func TestForgedLimits(t *testing.T) {
	r := redis.Start(t)
	client := client(t, r)
	s := open(t, Options{Redis: r.URL, Rates: Rates{PerMinute: 60, Burst: 3}})
	ann := graph.Spending{Principal: "ann", Points: 1}
	spend := func() time.Duration { return s.Limiter.Spend(t.Context(), ann) }
	spend()
	keys, err := client.Keys(t.Context(), "*rate:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	for what, forge := range map[string]func() error{
		"the end of time":  func() error { return client.Set(t.Context(), keys[0], "99999999999999999999", 0).Err() },
		"no number":        func() error { return client.Set(t.Context(), keys[0], "free for all", 0).Err() },
		"infinity":         func() error { return client.Set(t.Context(), keys[0], "inf", 0).Err() },
		"no number at all": func() error { return client.Set(t.Context(), keys[0], "nan", 0).Err() },
		"nothing":          func() error { return client.Set(t.Context(), keys[0], "", 0).Err() },
		"the past":         func() error { return client.Set(t.Context(), keys[0], "-5", 0).Err() },
	} {
		if err := forge(); err != nil {
			t.Fatal(err)
		}
		passed := 0
		for range 20 {
			wait := spend()
			if wait > 3*time.Second {
				t.Errorf("%s: waits %s, longer than a full budget takes", what, wait)
			}
			if wait == 0 {
				passed++
			}
		}
		if passed > 4 {
			t.Errorf("%s: %d of 20 passed, at most 3 may", what, passed)
		}
	}
	// Another kind of value fails the script: this replica counts by itself.
	if err := client.Del(t.Context(), keys[0]).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.LPush(t.Context(), keys[0], "x").Err(); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for range 20 {
		if spend() == 0 {
			passed++
		}
	}
	if passed == 0 || passed > 4 {
		t.Errorf("a list: %d of 20 passed, want 3", passed)
	}
}

func TestALimiterForgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newMeter(Rates{PerMinute: 60, Burst: 2}, func() time.Time { return now })
	spend := func(who string) time.Duration {
		return m.Spend(t.Context(), graph.Spending{Principal: who, Points: 1})
	}
	for i := range maxAccounts {
		spend(fmt.Sprint(i))
	}
	passed := 0
	for i := range 100 { // there is no room: these share one budget
		if spend(fmt.Sprint("late", i)) == 0 {
			passed++
		}
	}
	if passed != 2 || len(m.owes) > maxAccounts+1 {
		t.Errorf("%d passed, %d are known", passed, len(m.owes))
	}
	if spend("7") != 0 || spend("7") == 0 {
		t.Error("who has an account does not keep it")
	}
	now = now.Add(time.Minute)
	if spend("later") != 0 || len(m.owes) != 1 {
		t.Errorf("%d are known of whom nobody owes anything", len(m.owes))
	}
}

func TestNothingPersonalIsInRedis(t *testing.T) {
	r := redis.Start(t)
	client := client(t, r)
	s := open(t, Options{Redis: r.URL})
	use(t, s)
	var dump strings.Builder
	iter := client.Scan(t.Context(), 0, "*", 0).Iterator()
	n := 0
	for iter.Next(t.Context()) {
		n++
		raw, err := client.Dump(t.Context(), iter.Val()).Result()
		if err != nil {
			t.Fatal(err)
		}
		ttl, err := client.TTL(t.Context(), iter.Val()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if ttl <= 0 {
			t.Errorf("%s stays for ever", iter.Val())
		}
		dump.WriteString(iter.Val() + "\n" + raw + "\n")
	}
	if err := iter.Err(); err != nil || n == 0 {
		t.Fatalf("%d keys: %v", n, err)
	}
	for _, canary := range canaries {
		if strings.Contains(dump.String(), canary) {
			t.Errorf("Redis holds %q", canary)
		}
	}
}

// canaries are what must not stand in Redis, whole.
var canaries = []string{"ann@example.com", "SALES_REP"}

// use leaves everything in Redis that is ever left there.
func use(t *testing.T, s *Shared) {
	t.Helper()
	s.Limiter.Spend(t.Context(), graph.Spending{Principal: canaries[0], Role: canaries[1], Points: 1})
	s.Limiter.Spend(t.Context(), graph.Spending{Principal: canaries[0], Rights: true, Points: 1})
}

func TestAFailover(t *testing.T) {
	servers := redis.StartSentinel(t)
	url := sentinelURL(servers)
	s := []*Shared{open(t, Options{Redis: url}), open(t, Options{Redis: url})}
	there, stop := s[1].Events.Subscribe("coats")
	defer stop()
	settled(t, s, "coats", []<-chan graph.Notice{there})
	if err := servers.Master.Stop(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	settled(t, s, "coats", []<-chan graph.Notice{there})
	eventually(t, func() bool { return s[0].Check(t.Context()) == "" })
	t.Logf("notices passed again %s after the master was gone", time.Since(began).Round(100*time.Millisecond))
}
