package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/server/health"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) { j.mu.Lock(); defer j.mu.Unlock(); return j.b.Write(p) }
func (j *journal) String() string              { j.mu.Lock(); defer j.mu.Unlock(); return j.b.String() }

// tended opens a house as a server does, and looks after it until the test ends.
func tended(t *testing.T, o Options) (*House, *journal) {
	t.Helper()
	log := &journal{}
	o.Hold, o.Log = true, slog.New(slog.NewTextHandler(log, nil))
	h, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.Tend(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, log
}

// becomes waits until the checks say so.
func becomes(t *testing.T, h *House, words string, ready bool) {
	t.Helper()
	board := health.NewBoard(slog.New(slog.DiscardHandler), h.Checks())
	var got health.Report
	for range 1500 {
		if got = board.Look(t.Context()); got.Why() == words && got.Ready() == ready {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s, want %q", got, words)
}

func TestNothingIsAnsweredBeforeErasuresAreCarriedOutAgain(t *testing.T) {
	o := options(t.TempDir())
	h, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ledger.DB.Exec(`ALTER TABLE keyring_erasures RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, log := tended(t, o)
	becomes(t, h, "erasures have to be carried out again on restored data, and the last attempt failed", false)
	if n := strings.Count(log.String(), "nothing is answered until they are"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	if _, err := h.ledger.DB.Exec(`ALTER TABLE away RENAME TO keyring_erasures`); err != nil {
		t.Fatal(err)
	}
	becomes(t, h, "", true)
	if !strings.Contains(log.String(), "erasures have been compared with what is there") {
		t.Errorf("not told that it is through:\n%s", log)
	}
}

func TestWithoutItsRootKeyAHouseIsReadyAndSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	if err := open(o); err != nil {
		t.Fatal(err)
	}
	key, away := filepath.Join(dir, "root-key.json"), filepath.Join(dir, "away.json")
	if err := os.Rename(key, away); err != nil {
		t.Fatal(err)
	}
	h, log := tended(t, o)
	becomes(t, h, "sealed fields are withheld: the root key is not there", true)
	if !strings.Contains(log.String(), key) {
		t.Errorf("the log does not name the file:\n%s", log)
	}
	if err := os.Rename(away, key); err != nil {
		t.Fatal(err)
	}
	becomes(t, h, "", true)
	if !strings.Contains(log.String(), "sealed fields are shown again") {
		t.Errorf("not told that keys are back:\n%s", log)
	}
	if _, err := os.Stat(key); err != nil {
		t.Error(err)
	}
}

func TestWhatAnybodyMayReadNamesNoPlaces(t *testing.T) {
	for _, cause := range []error{rootkey.ErrUnreachable, rootkey.ErrMissing, rootkey.ErrExposed, rootkey.ErrDamaged, rootkey.ErrWrongKey, rootkey.ErrUnfit, errors.New("dial tcp")} {
		err := fmt.Errorf("open the keys: %w", errors.Join(keyring.ErrUnavailable, fmt.Errorf("root key hcvault://vault.internal/transit/keys/crm: %w", cause)))
		if got := plainly(err); got == "" || strings.Contains(got, "internal") {
			t.Errorf("%v: %q", cause, got)
		}
	}
}

func TestAFailureIsToldOnce(t *testing.T) {
	var log journal
	c := changes{log: slog.New(slog.NewTextHandler(&log, nil)), bad: "BAD", good: "GOOD"}
	for _, err := range []error{nil, errors.New("read tcp 127.0.0.1:40000: reset"), errors.New("read tcp 127.0.0.1:40001: reset"), errors.New("denied"), nil, nil} {
		c.tell(t.Context(), err)
	}
	if bad, good := strings.Count(log.String(), "BAD"), strings.Count(log.String(), "GOOD"); bad != 2 || good != 1 {
		t.Errorf("%d failures and %d recoveries:\n%s", bad, good, &log)
	}
}
