package ory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	kratos "github.com/ory/kratos-client-go"

	"github.com/cloakroom-crm/cloakroom/deploy"
	"github.com/cloakroom-crm/cloakroom/e2e/mail"
	"github.com/cloakroom-crm/cloakroom/e2e/process"
)

// Environment variables.
const (
	binaryVariable  = "CLOAKROOM_TEST_KRATOS"
	requireVariable = "CLOAKROOM_REQUIRE_KRATOS"
)

const remedy = "build it with `make kratos`, or point " + binaryVariable + " at a Kratos of yours"

// errNoBinary says that this machine has no Kratos to start.
var errNoBinary = errors.New("no .tools/kratos-v… in the repository")

// patience is how long the server may take to answer, or to end.
const patience = 30 * time.Second

// Options say how the server presents itself. The zero value is for tests that have no browser.
type Options struct {
	Dir     string   // where it keeps what it knows; empty: a private directory that goes with it
	Public  int      // port of its public API; 0: a free one
	Admin   int      // port of its admin API; 0: a free one
	Outside string   // URL by which browsers reach the public API; empty: where it listens
	UI      string   // URL of the pages that its flows are rendered by, and where people return to; empty: nobody renders them
	Origins []string // pages that may call it from a browser
}

// Server is a running Kratos.
type Server struct {
	Public string // URL of the API for everybody
	Admin  string // URL of the API that must not be reachable from outside
	Mail   *mail.Box

	dir     string
	own     bool
	command process.Command
	p       *process.Process
	admin   *kratos.APIClient
}

// Open starts a server, for programs that are no tests.
func Open(o Options) (*Server, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: o.Dir}
	if s.dir == "" {
		s.own = true
		if s.dir, err = os.MkdirTemp("", "cloakroom-kratos-"); err != nil {
			return nil, err
		}
	}
	if err := s.open(binary, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(binary string, o Options) error {
	var err error
	if s.Mail, err = mail.Open(); err != nil {
		return err
	}
	ports, err := process.Ports(2)
	if err != nil {
		return err
	}
	if o.Public != 0 {
		ports[0] = o.Public
	}
	if o.Admin != 0 {
		ports[1] = o.Admin
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	s.Public, s.Admin = loopback(ports[0]), loopback(ports[1])
	if o.Outside == "" {
		o.Outside = s.Public
	}
	schema, config := filepath.Join(s.dir, "person.schema.json"), filepath.Join(s.dir, "kratos.json")
	if err := os.WriteFile(schema, deploy.PersonSchema, 0o600); err != nil {
		return err
	}
	text, err := json.MarshalIndent(configuration(o, s.dir, ports, s.Mail.Addr), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	s.command = process.Command{Path: binary, Dir: s.dir, Env: []string{"SQA_OPT_OUT=true"}}
	if s.own {
		s.command.Own = s.dir
	}
	dsn := "DSN=" + database(s.dir)
	migrate := exec.Command(binary, "migrate", "sql", "--read-from-env", "--yes", "--config", config)
	migrate.Env = append(os.Environ(), "SQA_OPT_OUT=true", dsn)
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate the database of Kratos: %w: %s", err, out)
	}
	s.command.Args = []string{"serve", "--dev", "--watch-courier", "--config", config}
	s.admin = client(s.Admin, nil)
	return s.Start()
}

// Binary looks where `make kratos` leaves it.
func Binary() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		found, err := filepath.Glob(filepath.Join(dir, ".tools", "kratos-v*[0-9]"))
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
		if dir == filepath.Dir(dir) {
			return "", errNoBinary
		}
	}
}

func loopback(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

// client speaks to one of the two APIs. A jar makes it a browser.
func client(to string, jar http.CookieJar) *kratos.APIClient {
	c := kratos.NewConfiguration()
	c.Servers = kratos.ServerConfigurations{{URL: to}}
	c.HTTPClient = &http.Client{Timeout: patience, Jar: jar}
	return kratos.NewAPIClient(c)
}

// Start starts it again after Stop. It knows what it knew.
func (s *Server) Start() error {
	p, err := process.Start(s.command)
	if err != nil {
		return err
	}
	s.p = p
	return p.Await(patience, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, resp, err := s.admin.MetadataAPI.IsReady(ctx).Execute()
		return done(resp, err)
	})
}

// Stop ends it: nobody can sign in, and no session can be looked up.
func (s *Server) Stop() error { return s.p.Stop(syscall.SIGTERM, patience) }

// Log is what it wrote so far.
func (s *Server) Log() string { return s.p.Log() }

// Close ends it, and removes what it knew unless it lay in a directory of somebody else's.
func (s *Server) Close() error {
	var errs []error
	if s.p != nil {
		errs = append(errs, s.Stop())
	}
	if s.Mail != nil {
		errs = append(errs, s.Mail.Close())
	}
	if s.own {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// done turns the answer of a call into an error that says what Kratos said.
func done(resp *http.Response, err error) error {
	if resp != nil {
		_ = resp.Body.Close()
	}
	var said *kratos.GenericOpenAPIError
	if errors.As(err, &said) {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said.Body())))
	}
	return err
}

// database is a file: what lies in memory would be gone with a restart. Nothing here has to survive a power cut.
func database(dir string) string {
	return (&url.URL{Scheme: "sqlite", Path: filepath.Join(dir, "kratos.sqlite"),
		RawQuery: "_fk=true&_synchronous=OFF&_journal_mode=MEMORY"}).String()
}
