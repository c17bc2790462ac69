package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

func (p *patient) listen(ctx context.Context, tell teller) {
	p.port(ctx, "listen", p.Config.Listen, tell)
}

func (p *patient) admin(ctx context.Context, tell teller) {
	if p.Config.Admin == "" {
		tell("admin", Skip, "no address of health is set", "")
		return
	}
	p.port(ctx, "admin", p.Config.Admin, tell)
}

// port takes an address for a moment, or finds out who has it.
func (p *patient) port(ctx context.Context, setting, address string, tell teller) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		at, ok := l.Addr().(*net.TCPAddr)
		_ = l.Close()
		if p.Config.Identity == "dev" && setting == "listen" && (!ok || !at.IP.IsLoopback()) {
			tell(setting, Fail, address+" is no loopback address, and the development identity lets whoever has its key be anybody", "use 127.0.0.1, [::1] or localhost")
			return
		}
		tell(setting, OK, address+" is free", "")
	case errors.Is(err, syscall.EADDRINUSE):
		if says, ok := gateway(ctx, setting, address); ok {
			tell(setting, OK, address+" is taken by a gateway that runs: "+says, "")
			return
		}
		tell(setting, Fail, address+" is taken, and not by a gateway that answers", "stop what listens there, or name another address with --"+setting)
	case errors.Is(err, syscall.EACCES):
		tell(setting, Fail, address+": this user may not take that port", "name one above 1023 with --"+setting)
	default:
		tell(setting, Fail, "listen on "+address+": "+err.Error(), "name an address of this machine with --"+setting)
	}
}

// gateway asks whoever has an address whether it is one of ours, and how it is.
func gateway(ctx context.Context, setting, address string) (says string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	path := map[string]string{"listen": "/healthz", "admin": "/readyz"}[setting]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return "", false
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "", false
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil || resp.Header.Get("X-Request-Id") == "" {
		return "", false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return first, first == "ok" || strings.HasPrefix(first, "ready") || strings.HasPrefix(first, "not ready: ")
}
