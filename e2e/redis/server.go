package redis

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/process"
)

const requireVariable = "CLOAKROOM_REQUIRE_REDIS"

const remedy = "install Redis (Debian: apt-get install redis-server; macOS: brew install redis)"

// errNoBinary says that this machine has no Redis to start.
var errNoBinary = errors.New("no redis-server on PATH")

// patience is how long a server may take to answer, or to end.
const patience = 20 * time.Second

// Server is a running redis-server.
type Server struct {
	URL      string // redis://:password@127.0.0.1:port/0
	Addr     string // 127.0.0.1:port
	Password string
	Dir      string // what it would write lies here: dump.rdb, log

	binary string
	args   []string
	p      *process.Process
}

// setup is what makes one server different from another.
type setup struct {
	password string
	lines    []string // of configuration; {port} and {bus} stand for its two ports
	args     []string
}

// plain is a server that keeps nothing.
func plain(password string, more ...string) setup {
	// In a file that only its owner reads: the arguments of a process are for everybody to see.
	return setup{password, append([]string{`save ""`, "appendonly no", "repl-diskless-sync-delay 0", "requirepass " + password, "masterauth " + password}, more...), nil}
}

// Open starts a server, for programs that are no tests. Lines of configuration may be added.
func Open(more ...string) (*Server, error) { return open(plain(rand.Text(), more...)) }

// open tries a second and a third port: between finding a free one and listening on it somebody else may have come.
func open(with setup) (*Server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNoBinary
	}
	var errs []error
	for range 3 {
		ports, err := process.Ports(2)
		if err != nil {
			return nil, err
		}
		s, err := openAt(binary, ports, with)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func openAt(binary string, ports []int, with setup) (*Server, error) {
	dir, err := os.MkdirTemp("", "cloakroom-redis-")
	if err != nil {
		return nil, err
	}
	port, bus := strconv.Itoa(ports[0]), strconv.Itoa(ports[1])
	conf := filepath.Join(dir, "redis.conf")
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", port), Password: with.password, Dir: dir, binary: binary, args: append([]string{conf}, with.args...)}
	s.URL = (&url.URL{Scheme: "redis", User: url.UserPassword("", with.password), Host: s.Addr, Path: "/0"}).String()
	lines := strings.Join(append([]string{"bind 127.0.0.1", "port {port}", "dir " + dir}, with.lines...), "\n") + "\n"
	lines = strings.NewReplacer("{port}", port, "{bus}", bus).Replace(lines)
	if err := os.WriteFile(conf, []byte(lines), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start() error {
	p, err := process.Start(process.Command{Path: s.binary, Args: s.args, Dir: s.Dir, Own: s.Dir})
	if err != nil {
		return err
	}
	s.p = p
	return p.Await(patience, func() error { return s.ask("PING", "+PONG") })
}

// Log is what the server wrote so far.
func (s *Server) Log() string { return s.p.Log() }

// Stop ends the server, and everything in it is lost.
func (s *Server) Stop() error { return s.p.Stop(syscall.SIGTERM, patience) }

// Start starts it again on the same port after Stop.
func (s *Server) Start() error { return s.start() }

// Pause lets connections stand and nobody answer.
func (s *Server) Pause() error { return s.p.Pause() }

// Resume ends a pause.
func (s *Server) Resume() error { return s.p.Resume() }

// Close ends the server and removes what it left.
func (s *Server) Close() error {
	var err error
	if s.p != nil {
		err = s.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.Dir))
}

// ask speaks just enough of the protocol to know whether a server is there, so that the helper needs no client.
func (s *Server) ask(command, want string) error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	// QUIT ends the answer, whatever its length.
	lines := command + "\r\nQUIT\r\n"
	if s.Password != "" {
		lines = "AUTH " + s.Password + "\r\n" + lines
	}
	if _, err := conn.Write([]byte(lines)); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	if s.Password != "" {
		if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
			return errors.Join(errors.New("it refuses its password"), err)
		}
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(line, want):
			return nil
		case strings.HasPrefix(line, "+"), strings.HasPrefix(line, "-"), strings.HasPrefix(line, ":"):
			return fmt.Errorf("%s: %s", command, strings.TrimSpace(line))
		}
	}
}
