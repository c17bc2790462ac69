package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-crm/cloakroom/e2e/process"
)

// patience is how long a server may take to answer, or to end.
const patience = 60 * time.Second

// Options say where a server of one's own lies. The zero value is a private directory and a free port.
type Options struct {
	Dir      string // is kept, and used again the next time
	Port     int
	Settings map[string]string // of postgresql.conf
}

// Server is a PostgreSQL of one's own that listens on the loopback interface and wants a password: what a gateway reaches as it
// reaches a real one, through a proxy for example. Start is cheaper where that does not matter.
type Server struct {
	URL  string // of the one database, for its owner
	Addr string // host:port

	dir string
	own bool
	set []string // -c NAME=VALUE
	bin string
	as  *syscall.Credential
	p   *process.Process
}

// Serve starts a server. Its durability is that of a test: a power cut may cost data.
func Serve(o Options) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: o.Dir, own: o.Dir == "", bin: bin, as: as}
	for name, value := range o.Settings {
		s.set = append(s.set, "-c", name+"="+value)
	}
	if s.own {
		if s.dir, err = workDir(as); err != nil {
			return nil, err
		}
	}
	if err := s.serve(o.Port); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) serve(port int) error {
	password, err := s.initialize()
	if err != nil {
		return err
	}
	return s.listen(password, port)
}

// listen starts it on a port, 0 for a free one.
func (s *Server) listen(password string, port int) error {
	if port == 0 {
		ports, err := process.Ports(1)
		if err != nil {
			return err
		}
		port = ports[0]
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.URL = (&url.URL{Scheme: "postgres", User: url.UserPassword("cloakroom", password), Host: s.Addr, Path: "/postgres",
		RawQuery: url.Values{"sslmode": {"disable"}}.Encode()}).String()
	return s.Start()
}

// initialize makes the data directory unless there is one, and returns the password of its owner.
func (s *Server) initialize() (string, error) {
	secret := filepath.Join(s.dir, "password")
	if known, err := os.ReadFile(secret); err == nil {
		return strings.TrimSpace(string(known)), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	password := rand.Text()
	draft := secret + ".new" // the name is taken last: where there is a password there is a database
	if err := os.WriteFile(draft, []byte(password+"\n"), 0o600); err != nil {
		return "", err
	}
	if s.as != nil {
		for _, path := range []string{s.dir, draft} {
			if err := os.Chown(path, int(s.as.Uid), int(s.as.Gid)); err != nil {
				return "", err
			}
		}
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", "cloakroom", "--pwfile", draft,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	initdb.Dir = "/"
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	if out, err := initdb.CombinedOutput(); err != nil {
		err = fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
		if s.as != nil && bytes.Contains(out, []byte("ermission denied")) {
			err = fmt.Errorf("%w; PostgreSQL does not run as root, so the directory must be one that user %d can enter, such as one under /var/tmp", err, s.as.Uid)
		}
		return "", err
	}
	return password, os.Rename(draft, secret)
}

// Start starts it again after Stop, at the same address.
func (s *Server) Start() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	c := process.Command{Path: filepath.Join(s.bin, "postgres"), Dir: "/", Log: filepath.Join(s.dir, "log"), As: s.as,
		Args: append([]string{"-D", filepath.Join(s.dir, "data"), "-k", "", "-c", "listen_addresses=127.0.0.1", "-p", port,
			"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
			"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "timezone=UTC"}, s.set...)}
	if s.own {
		c.Own = s.dir
	}
	if s.p, err = process.Start(c); err != nil {
		return err
	}
	return s.p.Await(patience, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.URL)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// Standby starts a streaming standby of it, which reaches it under an address: its own, or that of a proxy before it.
func (s *Server) Standby(through string) (*Server, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(through)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	b := &Server{own: true, bin: s.bin, as: s.as}
	if b.dir, err = workDir(s.as); err != nil {
		return nil, err
	}
	c := exec.Command(filepath.Join(s.bin, "pg_basebackup"), "-D", filepath.Join(b.dir, "data"), "-d", s.URL, "-X", "stream", "-c", "fast", "--no-sync")
	c.Dir, c.SysProcAttr = b.dir, &syscall.SysProcAttr{Credential: s.as}
	if out, err := c.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w: %s", err, bytes.TrimSpace(out)), b.Close())
	}
	signal := filepath.Join(b.dir, "data", "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if s.as != nil {
		if err := os.Chown(signal, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	b.set = append(append([]string{}, s.set...), "-c", fmt.Sprintf("primary_conninfo=host=%s port=%s user=cloakroom password=%s sslmode=disable application_name=standby", host, port, password),
		"-c", "wal_retrieve_retry_interval=200ms")
	if err := b.listen(password, 0); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Kill ends it as a power cut would.
func (s *Server) Kill() { _ = s.p.Stop(syscall.SIGQUIT, patience) }

// Run carries out a statement.
func (s *Server) Run(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Stop ends it. Connections are cut, and transactions that were open are rolled back.
func (s *Server) Stop() error { return s.p.Stop(syscall.SIGINT, patience) }

// Log is what it wrote so far.
func (s *Server) Log() string { return s.p.Log() }

// Close ends it, and removes a private directory.
func (s *Server) Close() error {
	var errs []error
	if s.p != nil {
		errs = append(errs, s.Stop())
	}
	if s.own {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
