package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// published are keys that may be away.
type published struct {
	set receipt.Set
	err error
}

func (p *published) VerifyKeys(context.Context) (receipt.Set, error) { return p.set, p.err }

func TestReceiptKeysArePublic(t *testing.T) {
	f := newFixture(t, echo)
	if w := f.do("GET", receiptKeysPath, ""); w.Code != http.StatusNotFound {
		t.Errorf("without receipts: %d", w.Code)
	}
	p := &published{set: receipt.Set{{Public: make(ed25519.PublicKey, ed25519.PublicKeySize)}}}
	f.server.receipts = p
	f.handler = f.server.routes()

	w := f.do("GET", receiptKeysPath, "", "Origin: https://elsewhere.test", "Sec-Fetch-Site: cross-site")
	h := w.Header()
	if w.Code != 200 || h.Get("Content-Type") != "application/jwk-set+json" || h.Get("Cache-Control") != "public, max-age=300" ||
		h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", w.Code, h)
	}
	if set, err := receipt.ParseSet(w.Body.Bytes()); err != nil || len(set) != 1 {
		t.Errorf("%v, %v", set, err)
	}
	if head := f.do("HEAD", receiptKeysPath, ""); head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("ETag") != h.Get("ETag") {
		t.Errorf("HEAD: %d %v %s", head.Code, head.Header(), head.Body)
	}
	if same := f.do("GET", receiptKeysPath, "", "If-None-Match: "+h.Get("ETag")); same.Code != http.StatusNotModified || same.Body.Len() != 0 {
		t.Errorf("with the ETag: %d %s", same.Code, same.Body)
	}
	p.set = append(p.set, receipt.Key{Public: append(make(ed25519.PublicKey, ed25519.PublicKeySize-1), 1)})
	if other := f.do("GET", receiptKeysPath, "", "If-None-Match: "+h.Get("ETag")); other.Code != 200 {
		t.Errorf("after a rotation, with the ETag of before: %d", other.Code)
	}
	if w := f.do("POST", receiptKeysPath, "{}"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}

	p.err = errors.Join(keyring.ErrUnavailable, errors.New("host db.internal"))
	w = f.do("GET", receiptKeysPath, "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" ||
		!strings.Contains(w.Body.String(), "UNAVAILABLE") || strings.Contains(w.Body.String(), "db.internal") || !strings.Contains(f.log.String(), "db.internal") {
		t.Errorf("while keys are away: %d %v %s", w.Code, w.Header(), w.Body)
	}
}
