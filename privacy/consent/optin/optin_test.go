package optin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func requests(t *testing.T, key string) *Requests {
	t.Helper()
	q, err := New(Config{Key: []byte(strings.Repeat(key, 32))})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestTokens(t *testing.T) {
	a, b := requests(t, "a"), requests(t, "b")
	id := uuid.Must(uuid.NewV7())
	token := a.Token(id)
	if len(token.Reveal()) != 43 || a.Token(id) != token {
		t.Error("a second attempt has another link:", len(token.Reveal()))
	}
	if a.Token(uuid.Must(uuid.NewV7())) == token || b.Token(id) == token {
		t.Error("two requests have one link")
	}
	if text := fmt.Sprintf("%v %+v %s %q", token, token, &token, struct{ T Token }{token}); strings.Contains(text, token.Reveal()) {
		t.Error("it is printed:", text)
	}
	if bytes.Contains(token.hash(), []byte(token.Reveal())) || len(token.hash()) != 32 {
		t.Error("the hash tells it")
	}
	if _, err := New(Config{Key: []byte("short")}); err == nil {
		t.Error("a short key will do")
	}
}

func TestAddressesAreTheirs(t *testing.T) {
	q := requests(t, "a")
	ada, bob := uuid.New(), uuid.New()
	r := &Request{Subject: ada}
	if q.WentTo(r, []string{"", "ada@example.org"}) {
		t.Error("what was not sent went somewhere")
	}
	r.address = q.secrets.address(ada, "ada@example.org")
	for addresses, want := range map[string]bool{"ada@example.org": true, "new@example.org ada@example.org": true, "new@example.org": false, "": false} {
		if got := q.WentTo(r, strings.Fields(addresses)); got != want {
			t.Errorf("%q: %t", addresses, got)
		}
	}
	if r.Subject = bob; q.WentTo(r, []string{"ada@example.org"}) {
		t.Error("two people look as if they shared an address")
	}
}

func TestRetries(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 9: 512 * time.Second, 10: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := retry(attempts); got != want {
			t.Errorf("after attempt %d: %s", attempts, got)
		}
	}
}
