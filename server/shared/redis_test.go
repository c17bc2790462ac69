package shared

import (
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/cloakroom-crm/cloakroom/e2e/redis"
)

// client talks to a server past everything of ours.
func client(t *testing.T, r redis.Redis) *driver.Client {
	c := driver.NewClient(&driver.Options{Addr: r.Addr, Password: r.Password})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about within ten seconds")
		}
	}
}
