package server

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/identity"
)

// pages are those that may ask: our own, and those of sites the operator named.
type pages struct {
	public  string   // what browsers call us; empty: whatever address they used
	allowed []string // of other sites
}

// guard refuses what a browser sends on behalf of a page of another site, whatever the method: its visitor's cookies come
// along, so the page would ask as the visitor (CSRF), and could tell by the time it takes what there is. Clients that are not
// browsers send neither Origin nor Sec-Fetch-Site, and pass.
func (o pages) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		switch {
		case o.foreign(r):
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin")) // never *: cookies come along
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "Retry-After")
		case !o.own(r):
			refuse(w, http.StatusForbidden, read.Fail(read.CodeForbidden, "a page of another site may not ask on its visitor's behalf"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a page of another site asks that the operator named.
func (o pages) foreign(r *http.Request) bool {
	from := r.Header.Values("Origin")
	return len(from) == 1 && slices.Contains(o.allowed, from[0])
}

// own reports whether a page of ours asks, or no page at all. What the browser says by Sec-Fetch-Site counts; older ones say
// Origin alone. That there is no page (an address that somebody typed) is no word for the page that Origin names.
func (o pages) own(r *http.Request) bool {
	site, from := r.Header.Values("Sec-Fetch-Site"), r.Header.Values("Origin")
	switch {
	case len(site) > 1 || len(from) > 1:
		return false
	case len(site) == 1 && site[0] == "same-origin":
		return true
	case len(site) == 1 && site[0] != "none":
		return false
	case len(from) == 0:
		return true
	case o.public != "":
		return from[0] == o.public
	}
	u, err := url.Parse(from[0])
	return err == nil && u.Host != "" && u.Host == r.Host
}

// preflight answers what a browser asks before a page of another site may send what no form could (Fetch Standard, "CORS
// protocol"). Guard has refused all but the named sites.
func (o pages) preflight(next http.Handler) http.Handler {
	return o.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Access-Control-Request-Method") == "" || !o.foreign(r) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Idempotency-Key, X-Session-Token")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	}))
}

// noPages refuses what a browser sends for a page: what stands at the admin address is for operators and their programs, and a page
// open in an operator's browser can reach it. One whose name was made to point to 127.0.0.1 passes for our own (DNS rebinding), and
// the Host tells; where others are to reach the address, by whatever name, it does not.
func noPages(admin string) func(http.Handler) http.Handler {
	local := identity.OnLoopback(admin)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case len(r.Header.Values("Origin")) > 0 || !(pages{}).own(r):
				refuse(w, http.StatusForbidden, read.Fail(read.CodeForbidden, "no page may ask here: open the address itself"))
			case local && !identity.OnLoopback(r.Host):
				refuse(w, http.StatusForbidden, read.Fail(read.CodeForbidden, "this address answers as localhost or 127.0.0.1: for another name, have --admin listen where others can reach it"))
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}
