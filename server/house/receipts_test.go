package house

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
)

// A receipt of one house is verified with what it publishes, over the network and from a file, and two houses on the same keys are
// one to whoever verifies.
func TestReceiptsOfAHouse(t *testing.T) {
	dir := t.TempDir()
	o := Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "data.db")}
	h, other := opened(t, o), opened(t, o)
	sign := func(h *House) string {
		t.Helper()
		text, err := h.Receipts.Sign(t.Context(), receipt.Record{Entry: uuid.New(), Subject: uuid.New(), Decision: "WITHDRAW", Purpose: h.Schema.Purpose("MARKETING"),
			At: time.Now(), Method: "PORTAL", Actor: "subject", AsNow: true})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := sign(h)
	if _, err := h.RotateReceiptKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Keyring.Follow(t.Context()); err != nil { // as Tend does
		t.Fatal(err)
	}
	after := sign(other)
	if strings.Split(before, ".")[0] == strings.Split(after, ".")[0] {
		t.Error("another house signs with the old key after a rotation")
	}
	set, err := other.Receipts.VerifyKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Publish()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "http://crm.example.com/jwks", http.StatusFound)
		case "/away":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/large":
			_, _ = w.Write(make([]byte, maxKeys+1))
		default:
			_, _ = w.Write(text)
		}
	}))
	defer served.Close()
	for _, where := range []string{file, served.URL} {
		keys, err := ReceiptKeysAt(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{before, after} {
			if _, err := receipt.Verify(text, keys); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	for where, want := range map[string]string{served.URL + "/moved": "over https only", served.URL + "/away": "answers 503", served.URL + "/large": "want a JWK Set",
		"http://crm.example.com/jwks": "over https only", "ftp://x": "over https only", filepath.Join(dir, "none"): "no such file", "://": "it is no URL"} {
		if keys, err := ReceiptKeysAt(t.Context(), where); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", where, keys, err)
		}
	}
}

// While the root key is away nothing is signed and nothing published; both come back by themselves.
func TestReceiptsWithoutKeys(t *testing.T) {
	dir := t.TempDir()
	o := Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "data.db")}
	if _, err := opened(t, o).RotateReceiptKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root-key.json")
	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	h := opened(t, o)
	r := receipt.Record{Entry: uuid.New(), Subject: uuid.New(), Decision: "GIVE", At: time.Now(), Method: "PORTAL", Actor: "subject"}
	if text, err := h.Receipts.Sign(t.Context(), r); err == nil || text != "" || !strings.Contains(err.Error(), "the root key is not there") {
		t.Errorf("signed: %s, %v", text, err)
	}
	if set, err := h.Receipts.VerifyKeys(t.Context()); err == nil || set != nil {
		t.Errorf("published: %v, %v", set, err)
	}
	if err := os.Rename(root+".away", root); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if _, err := h.Receipts.Sign(t.Context(), r); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("it does not come back")
}

func opened(t *testing.T, o Options) *House {
	t.Helper()
	h, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
