// Package house runs one variant in a process of its own.
package house

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", which Ent's documentation opens
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/bench/bare/directed"
	"github.com/cloakroom-crm/cloakroom/bench/bare/ent"
	"github.com/cloakroom-crm/cloakroom/bench/bare/plain"
	"github.com/cloakroom-crm/cloakroom/bench/data"
	"github.com/cloakroom-crm/cloakroom/bench/floor"
	"github.com/cloakroom-crm/cloakroom/bench/probe"
	"github.com/cloakroom-crm/cloakroom/bench/question"
	"github.com/cloakroom-crm/cloakroom/server"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// Address is where a variant's process listens.
type Address struct {
	Answers string `json:"answers"` // host:port
	Probe   string `json:"probe"`   // host:port
}

// DatabaseVariable is the environment variable that tells a variant's process the database's URL.
const DatabaseVariable = "CLOAKROOM_BENCH_DATABASE"

// connections is how many the pools of all variants may open: as many as Cloakroom's.
const connections = 24

// Run serves the variant until ctx ends, and writes its Address as JSON to out once it takes requests.
func Run(ctx context.Context, v question.Variant, database, dir string, out io.Writer) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	go serve(l, probe.Handler())
	told := func(answers string) {
		_ = json.NewEncoder(out).Encode(Address{Answers: answers, Probe: l.Addr().String()})
	}
	if v == question.C {
		return cloakroom(ctx, database, dir, told)
	}
	h, err := bare(ctx, v, database+"&search_path="+data.Bare)
	if err != nil {
		return err
	}
	answers, err := listen(ctx)
	if err != nil {
		return err
	}
	go serve(answers, h)
	told(answers.Addr().String())
	<-ctx.Done()
	return nil
}

func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

func serve(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	_ = s.Serve(l) // ends with the process
}

// bare are the handlers that know no privacy, or only B's.
func bare(ctx context.Context, v question.Variant, database string) (http.Handler, error) {
	if v == question.Floor {
		cfg, err := pgxpool.ParseConfig(database)
		if err != nil {
			return nil, err
		}
		cfg.MaxConns = connections
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return floor.New(pool), nil
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections) // the default of 2 would have it connect all the time
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, db)))
	switch v {
	case question.A:
		return withDefaults(plain.New(client)), nil
	case question.B:
		h := withDefaults(directed.New(client))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(directed.WithRole(r.Context(), r.Header.Get("X-Role"))))
		}), nil
	default:
		return nil, fmt.Errorf("there is no variant %q", v)
	}
}

// withDefaults is what gqlgen's `init` writes into server.go.
func withDefaults(s *handler.Server) http.Handler {
	s.AddTransport(transport.Options{})
	s.AddTransport(transport.GET{})
	s.AddTransport(transport.POST{})
	s.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	s.Use(extension.Introspection{})
	s.Use(extension.AutomaticPersistedQuery{Cache: lru.New[string](100)})
	return s
}

// cloakroom is what `cloakroom serve` assembles, its access log included, which goes to the null device.
func cloakroom(ctx context.Context, database, dir string, told func(string)) (err error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	config := server.Default()
	config.Listen, config.Admin, config.Data, config.Database = "127.0.0.1:0", "", dir, database
	log := server.NewLogger(&listener{told: told, next: null}, config)
	doors, err := server.Open(ctx, config, log)
	if err != nil {
		return err
	}
	defer func() { _ = doors.Close() }()
	rates := shared.Rates{PerMinute: 1_000_000_000} // one viewer asks as much as many do
	h, err := house.Open(ctx, house.Options{Data: config.Data, Database: config.DatabaseURL(), Log: log, Gateway: config.Gateway, Rates: rates})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	who, err := identity.NewDev(config.Data)
	if err != nil {
		return err
	}
	return server.New(config, server.Parts{
		GraphQL: h.Gateway, Checks: h.Checks(), Identity: who, Log: log,
		KnownRole: func(role string) bool { return h.Schema.Role(role) != nil },
	}).Run(ctx, doors)
}

// listener waits for the log line that says where the server listens.
type listener struct {
	once sync.Once
	told func(string)
	next io.Writer
}

var ready = regexp.MustCompile(`msg=ready url=http://(\S+)`)

// Write passes a log line on.
func (l *listener) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("msg=ready")) {
		if m := ready.FindSubmatch(line); m != nil {
			l.once.Do(func() { l.told(string(m[1])) })
		}
	}
	return l.next.Write(line)
}

// Prepare makes dir Cloakroom's data directory and fills the database: see data.Loader.
func Prepare(ctx context.Context, database, dir string, people int, activities, alone bool) (err error) {
	h, err := house.Open(ctx, house.Options{Data: dir, Database: database, Log: server.NewLogger(io.Discard, server.Default())})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := identity.NewDev(dir); err != nil { // makes the key of the tokens
		return err
	}
	return data.Loader{Schema: h.Schema, Keys: h.Keyring}.Load(ctx, database, people, activities, alone)
}

// Token speaks for a viewer of the role.
func Token(dir, role string) (string, error) {
	who, err := identity.NewDev(dir)
	if err != nil {
		return "", err
	}
	p, err := identity.Person(role, []string{"region=" + question.Region}, [16]byte{})
	if err != nil {
		return "", err
	}
	return who.Issue(p, time.Hour)
}
