package identity

import (
	"net"
	"net/http"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

var errElsewhere = refusal(http.StatusForbidden, read.CodeForbidden, "the development identity answers on this machine only, as localhost or 127.0.0.1, and behind no proxy: use identity=kratos for anybody else")

// Loopback guards a server with the development identity, which lets whoever has its key be anybody. It listens on loopback, and yet
// can be reached: by a page whose name was made to point to 127.0.0.1 (DNS rebinding), which the Host tells, and through a proxy
// that somebody put in front of it, which most proxies say.
func Loopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied := false
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
			proxied = proxied || len(r.Header.Values(name)) > 0
		}
		if proxied || !OnLoopback(r.Host) {
			refuse(w, errElsewhere)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// OnLoopback reports whether a host, with or without a port, is this machine by its name or address. Names that lead here, as any
// name can, are not.
func OnLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return isLoopback(host)
}
