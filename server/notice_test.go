package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

const small = `
extend schema
  @translated(language: "de", of: "Purpose.CARE", as: "Pflege")
  @translated(language: "de", of: "We look after you.", as: "Wir kümmern uns um Sie.")
enum Purpose { CARE @lawful(basis: CONSENT, bit: 0, notice: "We look after you.") }
enum Role { NURSE @clearance(categories: [IDENTITY], purposes: [CARE]) }
type Thing @entity { name: String @public(because: "A name of things.") }`

func TestPrivacyNotice(t *testing.T) {
	s, found := compiler.Compile([]ir.Source{{Name: "told.graphqls", Text: small}})
	if len(found) > 0 {
		t.Fatal(found)
	}
	f := newFixture(t, nil)
	var err error
	if f.server.notices, err = NewNotices(s); err != nil {
		t.Fatal(err)
	}
	f.handler = f.server.routes()
	for _, c := range []struct{ name, path, accept, want string }{
		{"nobody says", "/privacy-notice", "", "en"},
		{"the browser says", "/privacy-notice", "de-AT,de;q=0.9,en;q=0.5", "de"},
		{"the browser wants what there is not", "/privacy-notice", "ja", "en"},
		{"the link says", "/privacy-notice?language=de", "en", "de"},
		{"the link says what is none", "/privacy-notice?language=%00", "de", "de"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.do(http.MethodGet, c.path, "", "Accept-Language: "+c.accept)
			h := r.Header()
			if r.Code != http.StatusOK || h.Get("Content-Language") != c.want || !strings.Contains(r.Body.String(), `<html lang="`+c.want+`">`) {
				t.Errorf("%d, in %q", r.Code, h.Get("Content-Language"))
			}
			if again := f.do(http.MethodGet, c.path, "", "Accept-Language: "+c.accept, "If-None-Match: "+h.Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
				t.Errorf("unchanged, and answered %d", again.Code)
			}
			if h.Get("Vary") != "Accept-Language" || !strings.Contains(h.Get("Cache-Control"), "no-cache") {
				t.Errorf("headers %v", h)
			}
		})
	}
	page := f.do(http.MethodGet, "/privacy-notice", "")
	_, style, _ := strings.Cut(page.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, base64.StdEncoding.EncodeToString(sum[:])) {
		t.Errorf("the policy %q does not allow the page's own style", csp)
	}
	if german := f.do(http.MethodGet, "/privacy-notice?language=de", "").Header().Get("ETag"); german == page.Header().Get("ETag") {
		t.Error("two languages are one version")
	}
	if r := f.do(http.MethodPost, "/privacy-notice", ""); r.Code != http.StatusMethodNotAllowed {
		t.Errorf("a notice takes %d", r.Code)
	}
}
