package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/server"
	checks "github.com/cloakroom-crm/cloakroom/server/health"
	"github.com/cloakroom-crm/cloakroom/server/house"
	"github.com/cloakroom-crm/cloakroom/server/identity"
	"github.com/cloakroom-crm/cloakroom/server/shared"
	"github.com/cloakroom-crm/cloakroom/server/telemetry"
)

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "serve the API",
		Long: `Serve the API: POST /graphql, GET /healthz, the keys that verify receipts of consent, and a page at / that says what to do next. On an address of its own, --admin, it
answers GET /healthz, GET /readyz and GET /metrics to whoever operates it.

Every setting is also an environment variable (--limits.body is CLOAKROOM_LIMITS_BODY, --keys.dsn is CLOAKROOM_KEYS_DSN) and a key
of the file given by --config. Flags win over the environment, the environment over the file. Logs go to standard error; the
line "ready" says that operations are answered. Before that, erasures are carried out again on data that was restored.
Where keys lie, and where they should, is in docs/keys.md.`,
		Example: `  cloakroom serve --demo
  cloakroom serve --listen 127.0.0.1:9000 --data /var/lib/cloakroom
  cloakroom serve --database postgres://cloakroom@db/crm
  cloakroom serve --database postgres://cloakroom@db/crm --keys.dsn postgres://keys@keysdb/keys \
    --keys.root hcvault://vault.example.com:8200/transit/keys/crm --keys.ledger postgres://ledger@ledgerdb/erasures`,
		Args: cobra.NoArgs,
		RunE: serve,
	}
	server.Flags(c.Flags())
	completeSettings(c)
	return c
}

func serve(c *cobra.Command, _ []string) (err error) {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	log := server.NewLogger(c.ErrOrStderr(), config)
	doors, err := server.Open(c.Context(), config, log) // first: a second server must not touch what is there
	if err != nil {
		return err
	}
	defer func() {
		if closing := doors.Close(); err == nil { // else there is one thing to say
			err = closing
		}
	}()
	if config.Identity == "dev" {
		if err := identity.CheckDev(config.Data); err != nil {
			return err
		}
	}
	o := optionsOf(config, log)
	t, err := telemetry.New(telemetry.Config{Version: version, Commit: commit, Schema: ent.SchemaHash, Endpoint: config.OTel.Endpoint, Sample: config.OTel.Sample, Log: log})
	if err != nil {
		return err
	}
	defer t.Close()
	o.Hold, o.Sure, o.Gateway, o.Observer, o.Trace = true, true, config.Gateway, t, t.Trace()
	o.Redis = config.Redis
	o.Rates = shared.Rates{PerMinute: config.Limits.Rate, Burst: config.Limits.BurstPoints(), Roles: config.Limits.Roles}
	h, err := house.Open(c.Context(), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	t.Add(telemetry.Sources{Admission: h.Gate, Subscriptions: h.Gateway.Streams, Pools: h.Pools(), Standbys: h.Standbys, Mails: h.MailsWaiting})
	if config.Demo {
		if err := h.Demo(c.Context()); err != nil {
			return err
		}
	}
	who, depends, end, err := authenticator(config, h, log)
	if err != nil {
		return err
	}
	defer end()
	notices, err := server.NewNotices(h.Schema)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.Context())
	tended := make(chan struct{})
	go func() {
		defer close(tended)
		h.Tend(ctx)
	}()
	defer func() { stop(); <-tended }() // before the house is closed
	return server.New(config, server.Parts{
		GraphQL: h.Gateway, Live: h.Gateway, Events: h.Gateway.Events(), Notices: notices, Receipts: h.Receipts, Asks: h.Gateway, Leaves: h.Gateway, Limiter: h.Shared.Limiter, Checks: append(h.Checks(), depends...), Identity: who, Telemetry: t, Log: log,
		Signals:   h.Gateway,
		Sample:    sample(h),
		Desk:      desk(config, h, who),
		KnownRole: func(role string) bool { return h.Schema.Role(role) != nil },
	}).Run(ctx, doors)
}

// desk is what the page for trying operations may offer. Whom to be, and what is in columns, is told of the demo only: other
// data is somebody's.
func desk(config server.Config, h *house.House, who identity.Authenticator) server.Desk {
	d := server.Desk{Schema: h.Schema, Sample: h.SampleQuery}
	dev, ok := who.(*identity.Dev)
	if !ok { // people sign in as themselves
		return d
	}
	d.Issue = dev.IssueUntil
	if config.Demo {
		d.People, d.Values = h.People, h.Values
	}
	return d
}

// sample is the first question of the first role that has one.
func sample(h *house.House) server.Sample {
	for _, role := range h.Schema.Roles {
		if query, ok := h.SampleQuery(role); ok {
			return server.Sample{Role: role.Name, Query: query}
		}
	}
	return server.Sample{Role: "ROLE", Query: "{ me { role } }"}
}

// authenticator is who says who asks, what it depends on, and how it ends. The development identity is never one by mistake.
func authenticator(c server.Config, h *house.House, log *slog.Logger) (who identity.Authenticator, depends []checks.Check, end func(), err error) {
	switch c.Identity {
	case "dev":
		who, err = identity.NewDev(c.Data)
		return who, nil, func() {}, err
	case "kratos":
	default:
		return nil, nil, nil, errors.New("identity: want dev or kratos")
	}
	k := identity.KratosConfig{URL: c.Kratos.URL, Cache: c.Kratos.Cache, Timeout: c.Kratos.Timeout, Roles: h, Subjects: h,
		Events: h.Shared.Events, Hears: h.Shared.Hears, Log: log}
	if c.OIDC.Issuer != "" {
		k.OIDC, err = identity.NewOIDC(identity.OIDCConfig{Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, JWKS: c.OIDC.JWKS, Role: c.OIDC.Role,
			Timeout: c.Kratos.Timeout, Roles: h})
		if err != nil {
			return nil, nil, nil, err
		}
	}
	kratos, err := identity.NewKratos(k)
	if err != nil {
		return nil, nil, nil, err
	}
	return kratos, []checks.Check{{Name: "kratos", Look: kratos.Ready}}, kratos.Close, nil
}
