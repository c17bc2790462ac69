package identity

import (
	"crypto/sha256"
	"net/http"
	"strings"
)

// cookieName is what Kratos calls its session cookie.
const cookieName = "ory_kratos_session"

// maxCredential bounds what is passed on for somebody who is not known yet, in bytes.
const maxCredential = 8 << 10

// credential is the one thing a request is known by.
type credential struct {
	kind  credentialKind
	value string
}

type credentialKind byte

const (
	byCookie credentialKind = iota + 1
	bySessionToken
	byBearer
)

// isJWT reports whether a credential has the shape of a JWT.
func (c credential) isJWT() bool { return c.kind == byBearer && strings.Count(c.value, ".") == 2 }

// digest stands for a credential where it is remembered: nothing that is kept can be sent.
func (c credential) digest() [sha256.Size]byte {
	return sha256.Sum256(append([]byte{byte(c.kind)}, c.value...))
}

// credentialOf reads the one credential of a request. Of two, each part on the way (a proxy, a cache, this server) could believe
// another one, so two are refused, also two of a kind.
//
// No other header says who somebody is. X-Forwarded-User, X-User, X-Role and whatever a proxy may add are never looked at:
// whoever reaches this port could write them.
func credentialOf(r *http.Request) (credential, error) {
	var all []credential
	for _, c := range r.CookiesNamed(cookieName) {
		all = append(all, credential{byCookie, c.Value})
	}
	for _, v := range r.Header.Values("X-Session-Token") {
		all = append(all, credential{bySessionToken, v})
	}
	for _, v := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		all = append(all, credential{byBearer, token})
	}
	switch {
	case len(all) == 0:
		return credential{}, errNoCredential
	case len(all) > 1:
		return credential{}, errManyCredentials
	case !tokenLike(all[0].value):
		return credential{}, errNoSession
	case all[0].kind == byCookie && !fromBrowser(r):
		return credential{}, errCookie
	}
	return all[0], nil
}

// tokenLike reports whether a text could be a credential at all: visible ASCII that ends no header and no cookie.
func tokenLike(s string) bool {
	if s == "" || len(s) > maxCredential {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' || r == ',' || r == '"' || r == '\\' })
}

// fromBrowser reports whether a request that could change something says which page sent it. The server has judged what it says
// (see server's guard); saying nothing is what a page of another site could do in an old browser, and the cookie comes along.
func fromBrowser(r *http.Request) bool {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Upgrade") == "" {
		return true // changes nothing, and no page of another site may read the answer
	}
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}
