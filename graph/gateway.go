package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/standby"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/write"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
)

// Config is what a Gateway needs.
type Config struct {
	Schema *ir.Schema
	Store  *store.Store
	Keys   Keys
	// Standbys of the database, and when a change is seen on all; nil: the primary alone, or SQLite, which is one process.
	Standbys *standby.Set
	Now      func() time.Time          // default time.Now
	NewID    func() (uuid.UUID, error) // of new rows; default: UUIDv7
	Log      *slog.Logger              // causes of internal errors; default slog.Default()
	// MinGroup is the number of people an aggregate must be about to be told; default 10.
	MinGroup int
	Keyring  *keyring.Keyring // seals and opens what is kept of people
	Receipts Receipts         // of what people decide; nil: there are none
	SignIn   SignIn           // of STEP_UP_REQUIRED; nil tells no addresses
	Trace    read.Trace       // sees the steps of operations; nil: nobody looks
	// Documents are the trusted ones; nil: there are none. Mode says whether others are answered over HTTP.
	Documents Documents
	Mode      DocumentMode
	Limits    Limits
	Limiter   Limiter // how much principals may ask; nil: without limit
	Events    Events  // notices to other replicas, and to our own subscriptions; nil: those alone
	// Admission keeps more operations from being under way than can be answered in time; nil lets all in.
	Admission Admission
	Once      Once     // mutations that were carried out; nil: an Idempotency-Key is refused
	Told      Told     // what viewers were told in aggregates; nil: kept in this process
	Observer  Observer // sees what operations come to; nil: nobody looks
	// Asking keeps what people are asked by mail; nil: nobody is.
	Asking *optin.Requests
	// Leaving makes and opens the links by which people opt out; nil: there are none.
	Leaving *optout.Links
}

// SignIn says where somebody proves who they are: addresses of the flow by kind of client ("browser", "native").
type SignIn func(ctx context.Context, need ir.StepUp) map[string]string

// Once, Told and Receipts are ports of the packages that write and read.
type (
	Once     = write.Once
	Told     = read.Told
	Receipts = write.Receipts
)

// Gateway answers GraphQL operations over one store.
type Gateway struct {
	schema *ir.Schema
	store  *store.Store
	keys   *keyring.Keyring
	reads  *read.Engine
	writes *write.Engine
	ledger *consent.Ledger
	now    func() time.Time
	log    *slog.Logger
	signIn SignIn
	exec   *executor.Executor
	api    *ast.Schema
	hub    *hub
	words  map[string]bool // every name of the API's schema

	limits    Limits
	limiter   Limiter
	events    Events
	prices    prices
	admission Admission
	observer  Observer
	documents Documents
	mode      DocumentMode
	rules     *rules.Rules
	parsed    *lru.LRU[*ast.QueryDocument] // documents by their texts
	trusted   *lru.LRU[*ast.QueryDocument] // registered ones have their own place: whatever else is sent cannot displace them
	strangers *lru.LRU[struct{}]           // digests that were logged
	signals   signals
	asking    *optin.Requests
	leaving   *optout.Links
}

// ErrStale says that the schema files are newer than the code generated from them.
var ErrStale = errors.New("the schema changed since its code was generated: run `cloakroom generate` and build again")

// New assembles a gateway. It refuses a schema its generated code does not stem from (ErrStale).
func New(c Config) (*Gateway, error) {
	if c.Schema.Hash != ent.SchemaHash {
		return nil, ErrStale
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	g := &Gateway{schema: c.Schema, store: c.Store, keys: c.Keyring, now: c.Now, log: c.Log,
		limits: c.Limits.orDefault(), limiter: c.Limiter, admission: c.Admission, observer: c.Observer, events: c.Events, documents: c.Documents, mode: c.Mode, strangers: lru.New[struct{}](1000),
		signIn: c.SignIn, asking: c.Asking, leaving: c.Leaving}
	if g.events == nil {
		g.events = newLocal()
	}
	if c.Standbys == nil && c.Store.Pool != nil {
		var err error
		if c.Standbys, err = standby.Open(standby.Config{Primary: c.Store.Pool, Log: c.Log}); err != nil {
			return nil, err
		}
	}
	cursors, err := read.NewCursors(c.Keys.Cursor, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	var standbys read.Standbys
	var everywhere write.Everywhere
	if c.Standbys != nil {
		standbys, everywhere = c.Standbys, c.Standbys
	}
	if g.signals, err = newSignals(); err != nil {
		return nil, err
	}
	notices := published.NewTexts(c.Schema, c.Store.Client)
	g.ledger = consent.New(c.Schema, c.Store.Dialect, notices)
	g.reads, err = read.New(read.Config{Schema: c.Schema, Source: c.Store.Client, DB: c.Store.DB, Pool: c.Store.Pool, Standbys: standbys,
		Dialect: dialectOf(c.Store.Dialect), Cursors: cursors, Masker: policy.NewMasker(c.Keys.Pseudonym), Opener: opener{c.Keyring, c.Log},
		Book:     write.Book{Schema: c.Schema, Consents: g.ledger.In(c.Store.Client, c.Store.DB), Notices: notices, Receipts: c.Receipts, Log: c.Log},
		MinGroup: c.MinGroup, Trace: c.Trace, Told: c.Told, OptOut: optOut(c.Leaving)})
	if err != nil {
		return nil, err
	}
	g.writes = write.New(write.Config{Schema: c.Schema, Store: write.Store{DB: c.Store.DB, Dialect: c.Store.Dialect, Keys: c.Keyring, Tell: g.tell, Reach: write.NewReach(c.Schema),
		Everywhere: everywhere, Log: c.Log},
		Reads: g.reads, Ledger: g.ledger, Asking: c.Asking, NewID: c.NewID, Once: c.Once, Trace: c.Trace})
	g.hub = newHub(g.events, g.reads, c.Schema, c.Log)

	es := NewExecutableSchema(ExecConfig{Resolvers: &Resolver{Reads: g.reads, Writes: g.writes}})
	g.words, g.prices = vocabulary(es.Schema()), pricesOf(es.Schema(), c.Schema)
	g.api, g.rules = es.Schema(), validationRules()
	g.parsed, g.trusted = lru.New[*ast.QueryDocument](1000), lru.New[*ast.QueryDocument](4096)
	g.exec = executor.New(es)
	g.exec.Use(extension.Introspection{})
	g.exec.SetQueryCache(handed{})
	g.exec.AroundOperations(g.begin)
	g.exec.AroundResponses(explain)
	g.exec.SetErrorPresenter(g.present)
	g.exec.SetRecoverFunc(g.recovered)
	return g, nil
}

// opener adapts the keyring to what the read path asks.
type opener struct {
	*keyring.Keyring
	log *slog.Logger
}

// Keys loads the keys of subjects. Clients learn of a failure only that there was one.
func (o opener) Keys(ctx context.Context, subjects []uuid.UUID) (read.Keys, error) {
	b, err := o.Keyring.Keys(ctx, subjects)
	if err != nil {
		o.log.ErrorContext(ctx, "sealed fields are withheld", "err", err)
		return nil, err
	}
	return b, nil
}

// Schema returns the compiled schema the gateway serves.
func (g *Gateway) Schema() *ir.Schema { return g.schema }

// Do answers one operation of the principal in ctx, in process.
func (g *Gateway) Do(ctx context.Context, query string, variables map[string]any) *graphql.Response {
	return g.answer(ctx, &request{query: query, variables: variables})
}

// begin settles who asks and why, before anything is touched: an operation outside the role's clearance is refused.
func (g *Gateway) begin(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation == ast.Subscription {
		if fields := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"}); len(fields) != 1 || strings.HasPrefix(fields[0].Name, "__") {
			return refuse(read.Fail(read.CodeBadInput, "a subscription selects one field, and none about the schema"))
		}
	}
	if onlyIntrospects(op.Operation.SelectionSet, op.Doc, map[string]bool{}) {
		return next(ctx)
	}
	p, ok := policy.PrincipalFrom(ctx)
	if !ok {
		return refuse(read.Fail(read.CodeUnauthenticated, "no principal: send a bearer token"))
	}
	purpose, a := "", asked(ctx)
	if d := op.Operation.Directives.ForName("for"); d != nil {
		purpose, _ = d.ArgumentMap(op.Variables)["purpose"].(string)
	} else if a != nil {
		purpose = a.purpose
	}
	req, err := policy.NewRequest(g.schema, p, purpose)
	switch {
	case errors.Is(err, policy.ErrPurposeRequired):
		return refuse(read.Fail(read.CodePurposeRequired, err.Error()))
	case err != nil:
		return refuse(read.Fail(read.CodeForbidden, err.Error()))
	}
	if a != nil {
		a.why = req.Purpose
	}
	now := g.moment()
	s := &read.Session{Principal: p, Request: req.Assured(p, now), Now: now}
	if op.Operation.Operation == ast.Query {
		s.Anywhere()
	}
	return next(read.WithSession(ctx, s))
}

func refuse(err *read.Error) graphql.ResponseHandler {
	return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err.GraphQL()}})
}

func onlyIntrospects(set ast.SelectionSet, doc *ast.QueryDocument, visited map[string]bool) bool {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if s.Name != "__schema" && s.Name != "__type" && s.Name != "__typename" {
				return false
			}
		case *ast.InlineFragment:
			if !onlyIntrospects(s.SelectionSet, doc, visited) {
				return false
			}
		case *ast.FragmentSpread:
			if visited[s.Name] {
				continue
			}
			visited[s.Name] = true
			if f := doc.Fragments.ForName(s.Name); f != nil && !onlyIntrospects(f.SelectionSet, doc, visited) {
				return false
			}
		}
	}
	return true
}

// privacyExtension is where an answer says what happened to its fields, and why.
const privacyExtension = "privacy"

// explain adds extensions.privacy.
func explain(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	s, err := read.SessionFrom(ctx)
	if err != nil || resp == nil {
		return resp
	}
	if resp.Extensions == nil {
		resp.Extensions = map[string]any{}
	}
	resp.Extensions[privacyExtension] = s.Notes.List()
	return resp
}

// present shows clients what was written for them, and of everything else only that it happened: causes carry SQL,
// paths and values, and go to the operator's log.
func (g *Gateway) present(ctx context.Context, err error) *gqlerror.Error {
	var mine *read.Error
	if errors.As(err, &mine) {
		out := mine.GraphQL()
		if out.Path == nil {
			out.Path = graphql.GetPath(ctx)
		}
		if mine.Code == read.CodeStepUpRequired && g.signIn != nil {
			out.Extensions["signIn"] = g.signIn(ctx, mine.StepUp)
		}
		return out
	}
	g.log.ErrorContext(ctx, "operation failed", "field", field(ctx), "err", pathless(err))
	if unavailable(err) {
		out := read.Fail(read.CodeUnavailable, "the database does not answer: try again later").GraphQL()
		out.Path = graphql.GetPath(ctx)
		return out
	}
	return &gqlerror.Error{Message: "internal error", Path: graphql.GetPath(ctx), Extensions: map[string]any{"code": read.CodeInternal}}
}

// field names the field under way as the schema does. Its path has the sender's aliases, and those may be anybody's names.
func field(ctx context.Context) string {
	f := graphql.GetFieldContext(ctx)
	if f == nil || f.Field.Field == nil {
		return ""
	}
	return f.Object + "." + f.Field.Name
}

// pathless is an error without the path that the executor put before it.
func pathless(err error) error {
	var located *gqlerror.Error
	switch {
	case !errors.As(err, &located):
		return err
	case located.Err != nil:
		return located.Err
	}
	return errors.New(located.Message)
}

// recovered turns a panic into an error. Its text goes to the log only when the runtime wrote it, because any other may
// quote a value.
func (g *Gateway) recovered(ctx context.Context, v any) error {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	g.log.ErrorContext(ctx, "panic", "what", what, "stack", string(debug.Stack()))
	return errors.New("panic: " + what)
}
