package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
)

// ReceiptKeys are the keys that receipts of consent are signed with.
type ReceiptKeys interface {
	VerifyKeys(ctx context.Context) (receipt.Set, error)
}

// receiptKeysPath is where anybody finds them (RFC 8615).
const receiptKeysPath = "/.well-known/cloakroom/consent-jwks.json"

// receiptKeys publishes the public halves as a JWK Set (RFC 7517). They are kept for a short time only, so that a new key is known
// soon. Pages of other sites may read them: whoever was given a receipt verifies it where they like.
func (s *Server) receiptKeys(w http.ResponseWriter, r *http.Request) {
	set, err := s.receipts.VerifyKeys(r.Context())
	var text []byte
	if err == nil {
		text, err = set.Publish()
	}
	if err != nil {
		s.log.ErrorContext(r.Context(), "the keys of receipts are not published", "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, read.Fail(read.CodeUnavailable, "the keys of receipts cannot be had now: try again in a moment"))
		return
	}
	sum := sha256.Sum256(text)
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
