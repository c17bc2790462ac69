package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/cloakroom-crm/cloakroom/e2e/ory"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/e2e/process"
	"github.com/cloakroom-crm/cloakroom/e2e/redis"
)

// Options say what to run.
type Options struct {
	Binary   string            // a built cloakroom
	Replicas int               // of the gateway; 0: one
	Identity string            // kratos or dev
	Links    bool              // whether gateways reach services through proxies
	Standby  bool              // whether PostgreSQL has one, which answers queries and may be promoted
	Settings map[string]string // of all gateways, by the names of flags
	Env      []string          // of all gateways
	Dir      string            // is kept, and used again the next time; empty: a private directory
	Ports    Ports
}

// Ports are where things listen; 0 is a free one. Further gateways follow the first on free ports.
type Ports struct {
	Gateway, Admin, Kratos, KratosAdmin, Postgres int
}

// Stack is what runs.
type Stack struct {
	Postgres *postgres.Server
	Redis    *redis.Server
	Kratos   *ory.Server // nil with the development identity
	Gateways []*Gateway

	Standby     *postgres.Server // nil without Options.Standby
	Replication *Link            // its way to the primary

	options Options
	dir     string
	data    string // of all gateways: on one machine they share the root key
	own     bool
}

// Open starts everything, for programs that are no tests. The first gateway is ready before the second starts, because it
// migrates the database.
func Open(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o, dir: o.Dir, own: o.Dir == ""}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) open(ctx context.Context) (err error) {
	if s.own {
		if s.dir, err = os.MkdirTemp("", "cloakroom-stack-"); err != nil {
			return err
		}
	} else if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	s.data = filepath.Join(s.dir, "data")
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	all, err := process.Ports(2 * max(1, s.options.Replicas))
	if err != nil {
		return err
	}
	override(&all[0], s.options.Ports.Gateway)
	override(&all[1], s.options.Ports.Admin)

	pg, kratos := postgres.Options{Port: s.options.Ports.Postgres}, ory.Options{Public: s.options.Ports.Kratos, Admin: s.options.Ports.KratosAdmin}
	if s.options.Standby { // what is not written to its log reaches no standby
		pg.Settings = map[string]string{"synchronous_commit": "on"}
	}
	if !s.own {
		pg.Dir, kratos.Dir = filepath.Join(s.dir, "postgres"), filepath.Join(s.dir, "kratos")
	}
	if s.Postgres, err = postgres.Serve(pg); err != nil {
		return err
	}
	if s.options.Standby {
		if s.Replication, err = open("replication", s.Postgres.Addr); err != nil {
			return err
		}
		if s.Standby, err = s.Postgres.Standby(s.Replication.Addr); err != nil {
			return err
		}
	}
	if s.Redis, err = redis.Open(); err != nil {
		return err
	}
	if s.options.Identity != "dev" {
		kratos.UI = origin(all[0])
		for i := 0; i < len(all); i += 2 {
			kratos.Origins = append(kratos.Origins, origin(all[i]))
		}
		if s.Kratos, err = ory.Open(kratos); err != nil {
			return err
		}
	}
	for n := range len(all) / 2 {
		g, err := s.gateway(n, all[2*n:])
		s.Gateways = append(s.Gateways, g)
		if err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), g.Start()); err != nil {
			return err
		}
	}
	return nil
}

func override(port *int, by int) {
	if by != 0 {
		*port = by
	}
}

// Close ends everything in the reverse order, and removes what was private.
func (s *Stack) Close() error {
	var errs []error
	for i := len(s.Gateways) - 1; i >= 0; i-- {
		errs = append(errs, s.Gateways[i].close())
	}
	if s.Kratos != nil {
		errs = append(errs, s.Kratos.Close())
	}
	if s.Redis != nil {
		errs = append(errs, s.Redis.Close())
	}
	for _, db := range []*postgres.Server{s.Standby, s.Postgres} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.Replication != nil {
		s.Replication.close()
	}
	if s.own {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
