package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/process"
)

// patience is how long a gateway may take to be ready, or to end: it may have to migrate and to load the demo data.
const patience = 60 * time.Second

// Gateway is one replica, with its own ways to the services.
type Gateway struct {
	URL   string // of the API
	Admin string // of health and metrics

	Postgres, Redis, Kratos *Link // nil without Options.Links, and for services there are not

	command process.Command
	p       *process.Process
}

// Start starts it again after Stop.
func (g *Gateway) Start() error {
	before := len(g.Log())
	p, err := process.Start(g.command)
	if err != nil {
		return err
	}
	g.p = p
	return p.Await(patience, func() error {
		if log := p.Log(); strings.Contains(log[min(before, len(log)):], "msg=ready ") {
			return nil
		}
		return errors.New("it is not ready")
	})
}

// Stop asks it to end, and reports whether it did so well.
func (g *Gateway) Stop() error { return g.p.Stop(syscall.SIGTERM, patience) }

// Kill ends it as a power cut would.
func (g *Gateway) Kill() {
	_ = g.p.Stop(syscall.SIGKILL, patience) // being killed is no good end
}

// Pid is its process.
func (g *Gateway) Pid() int { return g.p.Pid() }

// Log is what it wrote so far, over all its starts.
func (g *Gateway) Log() string {
	text, err := os.ReadFile(g.command.Log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// Mend makes all its links good again.
func (g *Gateway) Mend() error {
	var errs []error
	for _, l := range g.links() {
		errs = append(errs, l.Mend())
	}
	return errors.Join(errs...)
}

func (g *Gateway) links() []*Link {
	return slices.DeleteFunc([]*Link{g.Postgres, g.Redis, g.Kratos}, func(l *Link) bool { return l == nil })
}

func (g *Gateway) close() error {
	var err error
	if g.p != nil {
		err = g.Stop()
	}
	for _, l := range g.links() {
		l.close()
	}
	return err
}

// AwaitReady asks its readiness until it says yes.
func (g *Gateway) AwaitReady(within time.Duration) error {
	client := http.Client{Timeout: 5 * time.Second}
	return g.p.Await(within, func() error {
		resp, err := client.Get(g.Admin + "/readyz")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz says %s", resp.Status)
		}
		return nil
	})
}

// gateway prepares the n-th replica.
func (s *Stack) gateway(n int, ports []int) (*Gateway, error) {
	g := &Gateway{URL: origin(ports[0]), Admin: origin(ports[1])}
	settings := map[string]string{
		"listen": address(ports[0]), "admin": address(ports[1]), "data": s.data, "database": s.Postgres.URL, "redis": s.Redis.URL,
		"timeout": "10s", "shutdown": "5s",
	}
	if s.Kratos != nil {
		settings["identity"], settings["kratos.url"], settings["kratos.login"] = "kratos", s.Kratos.Public, s.Kratos.Public+"/self-service/login/browser"
	}
	if s.options.Links {
		if err := s.link(g, settings); err != nil {
			return g, err
		}
	}
	if s.Standby != nil { // either may be the primary
		settings["read-replicas"] = s.Standby.URL
		settings["database"] = strings.Replace(s.Postgres.URL, s.Postgres.Addr, s.Postgres.Addr+","+s.Standby.Addr, 1) + "&target_session_attrs=read-write"
	}
	for name, value := range s.options.Settings {
		settings[name] = value
	}
	g.command = process.Command{Path: s.options.Binary, Args: []string{"serve"}, Dir: s.dir, Log: filepath.Join(s.dir, fmt.Sprintf("gateway-%d.log", n+1)),
		Env: append([]string{"NO_COLOR=1"}, s.options.Env...)}
	for name, value := range settings {
		g.command.Env = append(g.command.Env, Variable(name)+"="+value)
	}
	return g, nil
}

// link puts a proxy between the gateway and each service.
func (s *Stack) link(g *Gateway, settings map[string]string) (err error) {
	if g.Postgres, err = open("postgres", s.Postgres.Addr); err != nil {
		return err
	}
	settings["database"] = strings.Replace(s.Postgres.URL, s.Postgres.Addr, g.Postgres.Addr, 1)
	if g.Redis, err = open("redis", s.Redis.Addr); err != nil {
		return err
	}
	settings["redis"] = strings.Replace(s.Redis.URL, s.Redis.Addr, g.Redis.Addr, 1)
	if s.Kratos == nil {
		return nil
	}
	if g.Kratos, err = open("kratos", strings.TrimPrefix(s.Kratos.Public, "http://")); err != nil {
		return err
	}
	settings["kratos.url"] = "http://" + g.Kratos.Addr
	return nil
}

// Variable is the environment variable of a setting.
func Variable(setting string) string {
	return "CLOAKROOM_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(setting))
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func origin(port int) string { return "http://" + address(port) }

// Command prepares a command of the program with the settings of this gateway.
func (g *Gateway) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, g.command.Path, args...)
	c.Dir, c.Env = g.command.Dir, append(os.Environ(), g.command.Env...)
	return c
}
