package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/write"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// Config is what a Gateway needs.
type Config struct {
	Schema *ir.Schema
	Store  *store.Store
	Keys   Keys
	Now    func() time.Time          // default time.Now
	NewID  func() (uuid.UUID, error) // of new rows; default: UUIDv7
	Log    *slog.Logger              // causes of internal errors; default slog.Default()
	// MinGroup is the number of people an aggregate must be about to be told; default 10.
	MinGroup int
	Keyring  *keyring.Keyring // seals and opens what is kept of people
	Trace    func(sql string) // sees every statement of the read path, without parameters
	// Documents are the trusted ones; nil: there are none. Mode says whether others are answered over HTTP.
	Documents Documents
	Mode      DocumentMode
}

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
	exec   *executor.Executor
	words  map[string]bool // every name of the API's schema
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
	g := &Gateway{schema: c.Schema, store: c.Store, keys: c.Keyring, now: c.Now, log: c.Log}
	cursors, err := read.NewCursors(c.Keys.Cursor, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	g.ledger = consent.New(c.Schema, c.Store.Dialect)
	g.reads, err = read.New(read.Config{Schema: c.Schema, Source: c.Store.Client, DB: c.Store.DB, Pool: c.Store.Pool,
		Dialect: dialectOf(c.Store.Dialect), Cursors: cursors, Masker: policy.NewMasker(c.Keys.Pseudonym), Opener: opener{c.Keyring, c.Log},
		Consents: consents{g}, MinGroup: c.MinGroup, Trace: c.Trace})
	if err != nil {
		return nil, err
	}
	g.writes = write.New(write.Config{Schema: c.Schema, Store: write.Store{DB: c.Store.DB, Dialect: c.Store.Dialect, Keys: c.Keyring}, Reads: g.reads, Ledger: g.ledger, NewID: c.NewID})

	es := NewExecutableSchema(ExecConfig{Resolvers: &Resolver{Reads: g.reads, Writes: g.writes}})
	g.words = vocabulary(es.Schema())
	g.exec = executor.New(es)
	g.exec.Use(extension.Introspection{})
	g.exec.SetQueryCache(documents{lru.New[*ast.QueryDocument](1000), g.reads})
	g.exec.SetParserTokenLimit(MaxTokens)
	g.exec.SetDisableSuggestion(true)
	g.exec.AroundOperations(g.begin)
	g.exec.AroundResponses(explain)
	g.exec.SetErrorPresenter(g.present)
	g.exec.SetRecoverFunc(g.recovered)
	return g, nil
}

// documents are the parsed queries that are kept.
type documents struct {
	*lru.LRU[*ast.QueryDocument]
	reads *read.Engine
}

// Add keeps a document, unless somebody's values stand in it.
func (d documents) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	if d.reads.Keepable(doc) {
		d.LRU.Add(ctx, query, doc)
	}
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
	return g.answer(ctx, &graphql.RawParams{Query: query, Variables: variables})
}

// answer is the one way in: whatever the door, an operation meets the same bounds.
func (g *Gateway) answer(ctx context.Context, p *graphql.RawParams) *graphql.Response {
	if g.keys.Held() != nil {
		return refused(read.CodeUnavailable, "erasures are being carried out again on restored data: try again later")
	}
	if len(p.Query) > MaxText {
		return &graphql.Response{Errors: gqlerror.List{tooLarge()}}
	}
	ctx = graphql.StartOperationTrace(ctx)
	now := g.now()
	p.ReadTime = graphql.TraceTiming{Start: now, End: now}
	op, errs := g.exec.CreateOperationContext(ctx, p)
	if len(errs) > 0 {
		return &graphql.Response{Errors: g.invalid(op, errs)}
	}
	if looks(op.Operation.SelectionSet, op.Doc, map[string]bool{}) > maxLooks {
		return refused(read.CodeCostExceeded, fmt.Sprintf("an operation may ask for __schema and __type %d times", maxLooks))
	}
	responses, ctx := g.exec.DispatchOperation(ctx, op)
	resp := responses(ctx)
	if resp == nil { // the context ended before the answer was begun
		return refused(read.CodeUnavailable, "the operation ran out of time")
	}
	// Root fields run side by side. Which failed first would tell how long each took.
	slices.SortStableFunc(resp.Errors, func(a, b *gqlerror.Error) int {
		return cmp.Or(strings.Compare(a.Path.String(), b.Path.String()), strings.Compare(a.Message, b.Message))
	})
	return resp
}

// begin settles who asks and why, before anything is touched: an operation outside the role's clearance is refused.
func (g *Gateway) begin(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if onlyIntrospects(op.Operation.SelectionSet, op.Doc, map[string]bool{}) {
		return next(ctx)
	}
	p, ok := policy.PrincipalFrom(ctx)
	if !ok {
		return refuse(read.Fail(read.CodeUnauthenticated, "no principal: send a bearer token"))
	}
	purpose := ""
	if d := op.Operation.Directives.ForName("for"); d != nil {
		purpose, _ = d.ArgumentMap(op.Variables)["purpose"].(string)
	}
	req, err := policy.NewRequest(g.schema, p, purpose)
	switch {
	case errors.Is(err, policy.ErrPurposeRequired):
		return refuse(read.Fail(read.CodePurposeRequired, err.Error()))
	case err != nil:
		return refuse(read.Fail(read.CodeForbidden, err.Error()))
	}
	return next(read.WithSession(ctx, &read.Session{Principal: p, Request: req, Now: g.now().UTC().Truncate(time.Microsecond)}))
}

func refuse(err *read.Error) graphql.ResponseHandler {
	return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err.GraphQL()}})
}

// maxLooks bounds how often an operation asks about the schema: each answer is as large as the schema.
const maxLooks = 2

// looks counts the root fields that ask about the schema. A fragment that stands twice is merged, and counts once.
func looks(set ast.SelectionSet, doc *ast.QueryDocument, visited map[string]bool) int {
	n := 0
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if s.Name == "__schema" || s.Name == "__type" {
				n++
			}
		case *ast.InlineFragment:
			n += looks(s.SelectionSet, doc, visited)
		case *ast.FragmentSpread:
			if f := doc.Fragments.ForName(s.Name); f != nil && !visited[s.Name] {
				visited[s.Name] = true
				n += looks(f.SelectionSet, doc, visited)
			}
		}
	}
	return n
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
		out.Path = graphql.GetPath(ctx)
		return out
	}
	g.log.ErrorContext(ctx, "operation failed", "path", graphql.GetPath(ctx).String(), "err", err)
	if unavailable(err) {
		out := read.Fail(read.CodeUnavailable, "the database does not answer: try again later").GraphQL()
		out.Path = graphql.GetPath(ctx)
		return out
	}
	return &gqlerror.Error{Message: "internal error", Path: graphql.GetPath(ctx), Extensions: map[string]any{"code": read.CodeInternal}}
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

// consents adapts the ledger to what `me` asks.
type consents struct{ g *Gateway }

// States returns the subject's state of every purpose.
func (c consents) States(ctx context.Context, subject policy.SubjectID) ([]read.ConsentState, error) {
	states, err := c.g.ledger.States(ctx, c.g.store.Client, c.g.store.DB, subject)
	out := make([]read.ConsentState, len(states))
	for i, s := range states {
		out[i] = read.ConsentState(s)
	}
	return out, err
}
