package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/server/health"
)

// Doors are the addresses a server has taken. They are taken before anything is opened or changed, so that an address which is
// somebody else's leaves everything as it was; and they answer at once, because bringing a large database up to date takes a
// while: that the process lives, and that it is starting.
type Doors struct {
	public *door
	admin  *door // nil: there is none
	served chan error
}

// door is an address and who answers there.
type door struct {
	listener net.Listener
	http     *http.Server
	handler  atomic.Pointer[http.Handler]
}

// Open takes the addresses of a configuration, which must be valid. Whoever does not run a server there closes them.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Doors, error) {
	d := &Doors{served: make(chan error, 2)}
	l, err := listen(ctx, "listen", c.Listen)
	if err != nil {
		return nil, err
	}
	if addr, ok := l.Addr().(*net.TCPAddr); c.Identity == "dev" && (!ok || !addr.IP.IsLoopback()) {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", c.Listen, errNotLoopback), l.Close())
	}
	d.public = newDoor(l, c, log, starting(c, log, false))
	if c.Admin != "" {
		l, err := listen(ctx, "admin", c.Admin)
		if err != nil {
			return nil, errors.Join(err, d.public.listener.Close())
		}
		d.admin = newDoor(l, c, log, starting(c, log, true))
	}
	for _, d1 := range d.all() {
		go func() { d.served <- d1.http.Serve(d1.listener) }()
	}
	return d, nil
}

// Close closes them at once.
func (d *Doors) Close() error {
	var errs []error
	for _, d := range d.all() {
		errs = append(errs, d.http.Close())
	}
	return errors.Join(errs...)
}

// all are the doors in the order in which they are closed: the admin door says until the end that we are leaving.
func (d *Doors) all() []*door {
	if d.admin == nil {
		return []*door{d.public}
	}
	return []*door{d.public, d.admin}
}

// urls are what the log says of them.
func (d *Doors) urls() []any {
	out := []any{"url", "http://" + d.public.listener.Addr().String()}
	if d.admin != nil {
		out = append(out, "admin", "http://"+d.admin.listener.Addr().String())
	}
	return out
}

func newDoor(l net.Listener, c Config, to *slog.Logger, h http.Handler) *door {
	d := &door{listener: l}
	d.answer(h)
	d.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       c.Timeout,
		WriteTimeout:      c.Timeout + 5*time.Second, // so that an operation that ran out of time can still say so
		IdleTimeout:       idle,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(serverLog{to}, "", 0),
	}
	return d
}

// answer has h answer from now on.
func (d *door) answer(h http.Handler) { d.handler.Store(&h) }

// starting answers while there is nobody yet to answer operations.
func starting(c Config, log *slog.Logger, admin bool) http.Handler {
	r := publicRouter(c, log, nil)
	if admin {
		r = adminRouter(c, log)
		r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) { health.Write(w, r, unready("starting")) })
	}
	later := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, read.Fail(read.CodeUnavailable, "the server is starting: try again in a moment"))
	}
	r.NotFound(later)
	r.MethodNotAllowed(later)
	return r
}

// listen takes the address that a setting names, or says what to do.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	var remedy string
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = "; stop what listens there, or name another address with --" + setting
	case errors.Is(err, syscall.EACCES):
		remedy = "; this user may not take that port: name one above 1023 with --" + setting
	default:
		remedy = "; name an address of this machine with --" + setting
	}
	return nil, fmt.Errorf("listen on %s: %w%s", address, err, remedy)
}
