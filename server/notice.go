package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/privacy/notice"
)

// Notices is the privacy notice in each language it is written in: rendered once, for everybody.
type Notices struct {
	languages []string // the schema's own first
	pages     map[string]noticePage
}

type noticePage struct {
	body []byte
	etag string
}

// NewNotices renders the notice of a schema.
func NewNotices(s *ir.Schema) (*Notices, error) {
	n := &Notices{languages: notice.Languages(s), pages: map[string]noticePage{}}
	for _, tag := range n.languages {
		written, err := notice.New(s, tag)
		if err != nil {
			return nil, fmt.Errorf("privacy notice: %w", err)
		}
		body, err := written.HTML()
		if err != nil {
			return nil, fmt.Errorf("privacy notice: %w", err)
		}
		sum := sha256.Sum256(body)
		n.pages[tag] = noticePage{body, `"` + written.Version + "-" + hex.EncodeToString(sum[:6]) + `"`}
	}
	return n, nil
}

// ServeHTTP answers in the language asked for, or else in the one that suits the browser best. People read it before they are
// anybody here (GDPR Art. 12(1), 13), so it asks for no sign-in.
func (n *Notices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tag := notice.Best(n.languages, r.URL.Query().Get("language"), r.Header.Get("Accept-Language"))
	page := n.pages[tag]
	h := w.Header()
	h.Set("Cache-Control", "public, no-cache") // asked again each time: a notice that changed is read as it is now
	h.Set("Content-Language", tag)
	h.Set("Content-Security-Policy", notice.ContentSecurityPolicy())
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("ETag", page.etag)
	h.Add("Vary", "Accept-Language")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page.body))
}
