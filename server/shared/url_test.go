package shared

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/redis"
)

func TestParse(t *testing.T) {
	for raw, want := range map[string]struct {
		hosts    string
		db       int
		master   string
		user     string
		password string
		tls      bool
	}{
		"redis://localhost":                         {hosts: "localhost:6379"},
		"redis://ann:p%40ss%2Fword@10.0.0.1:7000/3": {hosts: "10.0.0.1:7000", db: 3, user: "ann", password: "p@ss/word"},
		"rediss://:secret@redis.example.com/":       {hosts: "redis.example.com:6379", password: "secret", tls: true},
		"redis://[::1]:7000":                        {hosts: "[::1]:7000"},
		"redis://[::1]":                             {hosts: "[::1]:6379"},
		"redis-sentinel://a,b:27000/crm/2":          {hosts: "a:26379,b:27000", master: "crm", db: 2},
		"rediss-sentinel://u:p@a/crm":               {hosts: "a:26379", master: "crm", user: "u", password: "p", tls: true},
		"redis-cluster://u:p@a:1,b:2,c":             {hosts: "a:1,b:2,c:6379", user: "u", password: "p"},
		"rediss-cluster://a":                        {hosts: "a:6379", tls: true},
	} {
		target, err := Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		o := target.options
		if got := strings.Join(o.Addrs, ","); got != want.hosts || o.DB != want.db || o.MasterName != want.master ||
			o.Username != want.user || o.Password != want.password || (o.TLSConfig != nil) != want.tls {
			t.Errorf("%s: %+v", raw, o)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{"", "redis", "localhost:6379", "http://hunter2@a", "redis://", "redis://hunter2@", "redis://a,b", "redis://hunter2:b@a:99999",
		"redis://a/x", "redis://a/1/2", "redis-sentinel://a", "redis-sentinel://a/", "redis-sentinel://a/crm/x", "redis-cluster://a/0",
		"redis://a:hunter2", "redis://%zzhunter2@a", "redis://a?hunter2=x", "redis://a?ca=/hunter2", "rediss://a?ca=/nowhere/at-all", "rediss-x://a", "rredis://a"} {
		_, err := Parse(raw)
		if err == nil {
			t.Errorf("%s is taken", raw)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats it: %v", raw, err)
		}
	}
}

func TestARedisThatIsNotThere(t *testing.T) {
	began := time.Now()
	_, err := Open(t.Context(), Options{Redis: "redis://:hunter2@127.0.0.1:1/0", Key: testKey, Log: slog.New(slog.DiscardHandler)})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "setting `redis`") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAWrongPassword(t *testing.T) {
	r := redis.Start(t)
	began := time.Now()
	_, err := Open(t.Context(), Options{Redis: strings.Replace(r.URL, r.Password, "wrong", 1), Key: testKey, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "the server refuses") || time.Since(began) > 2*time.Second {
		t.Errorf("%v", err)
	}
}
