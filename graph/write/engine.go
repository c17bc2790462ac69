package write

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/privacy/consent"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
)

// Config is what an Engine needs.
type Config struct {
	Store
	Schema *ir.Schema
	Reads  *read.Engine
	Ledger *consent.Ledger
	// Asking keeps what people are asked by mail; nil: nobody is.
	Asking *optin.Requests
	NewID  func() (uuid.UUID, error) // of new rows; default: UUIDv7
	Trace  read.Trace                // sees mutations; nil: nobody looks
	Once   Once                      // nil: repeats are not recognised, and refused where one is announced
}

// Receipts gives people a signed copy of a line of the ledger. It fails where keys cannot be had; the line counts all the same.
type Receipts interface {
	Sign(ctx context.Context, r receipt.Record) (string, error)
}

// Engine carries out mutations.
type Engine struct {
	Config
	roots map[string]mutation
}

type mutation struct {
	op  ir.Op
	typ *ir.Type
}

// New returns the engine of a schema.
func New(c Config) *Engine {
	if c.NewID == nil {
		c.NewID = uuid.NewV7
	}
	e := &Engine{Config: c, roots: map[string]mutation{}}
	for _, t := range c.Schema.Entities() {
		e.roots["create"+t.Name] = mutation{ir.Create, t}
		e.roots["update"+t.Name] = mutation{ir.Update, t}
		e.roots["delete"+t.Name] = mutation{ir.Delete, t}
	}
	return e
}

// Resolve carries out the root field of ctx.
func (e *Engine) Resolve(ctx context.Context) (o read.Object, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("write path: %v\n%s", v, debug.Stack())
		}
		if errors.Is(err, keyring.ErrUnavailable) || errors.Is(err, keyring.ErrDestroyed) { // sealing ends with the transaction
			err = failed(err)
		}
	}()
	s, err := read.SessionFrom(ctx)
	if err != nil {
		return read.Object{}, err
	}
	f := graphql.GetFieldContext(ctx).Field
	args := read.Arguments(f, graphql.GetOperationContext(ctx).Variables)
	m, ok := e.roots[f.Name]
	step := read.Step{Kind: read.StepWrite, Type: m.typ, Op: m.op}
	if !ok {
		step.Op = ir.ConsentOp
	}
	ctx, end := e.Trace.Begin(ctx, step)
	defer func() { end(err) }()
	if d, ok := decisions[f.Name]; ok {
		return e.decide(ctx, s, args, d)
	}
	if f.Name == requestConsent {
		return e.request(ctx, s, args)
	}
	if !ok {
		return read.Object{}, fmt.Errorf("%s is not a mutation of the engine", f.Name)
	}
	if err := refusal(policy.RowsOf(m.typ, m.op, s.Request)); err != nil {
		return read.Object{}, err
	}
	if err := e.Reads.PlanPayload(ctx, payloadOf(m.op, m.typ), map[string]*ir.Type{m.typ.Singular: m.typ}); err != nil {
		return read.Object{}, err
	}
	ctx = policy.WithCapability(ctx, "plan")
	switch m.op {
	case ir.Create:
		return e.create(ctx, s, m.typ, input(args))
	case ir.Update:
		return e.update(ctx, s, m.typ, args["id"], input(args))
	default:
		return e.delete(ctx, s, m.typ, args["id"])
	}
}

// payloadOf names the type of what a mutation gives back.
func payloadOf(op ir.Op, t *ir.Type) string {
	return map[ir.Op]string{ir.Create: "Create", ir.Update: "Update", ir.Delete: "Delete"}[op] + t.Name + "Payload"
}

func input(args map[string]any) map[string]any {
	m, _ := args["input"].(map[string]any)
	return m
}

// errNotFound answers for a row that is missing, hidden or of another type: the same bytes for each.
var errNotFound = read.Fail(read.CodeNotFound, "no such record")

// refusal is why no row may be written at all; nil if some may.
func refusal(rows policy.Rows) error {
	switch {
	case rows.Allowed:
		return nil
	case !rows.StepUp.IsZero():
		return read.FailStepUp(rows.StepUp)
	}
	return read.Fail(read.CodeForbidden, rows.Why.Text)
}

// missing answers for a row that does not exist for the session. Where more rows would after a step-up it says that, of
// every id alike: whether this one is among them is not told.
func missing(t *ir.Type, r policy.Request, ops ...ir.Op) error {
	for _, op := range ops {
		if rows := policy.RowsOf(t, op, r); !rows.StepUp.IsZero() {
			return read.FailStepUp(rows.StepUp)
		}
	}
	return errNotFound
}

// errConflict names no field: which value is taken is itself a reading of somebody's record.
var errConflict = read.Fail(read.CodeConflict, "this would break a rule of the store: a value that must be unique is taken, or a record is still referred to")

// errNoKeys answers for what cannot be sealed: it is not written.
var errNoKeys = read.Fail(read.CodeUnavailable, "sealed fields cannot be written now: the keys are not available. Nothing was written; try again later")

// failed makes a store's error one that clients may see.
func failed(err error) error {
	var missing *keyring.MissingError
	switch {
	case sqlgraph.IsUniqueConstraintError(err):
		return errTaken
	case errors.Is(err, keyring.ErrUnavailable):
		return errNoKeys
	case errors.As(err, &missing):
		return read.FailField(read.CodeBadInput, missing.Field.Name, "this field is required")
	case errors.Is(err, keyring.ErrDestroyed): // like one that is not there, which it is about to be
		return errNotFound
	}
	if ent.IsConstraintError(err) {
		return errConflict
	}
	if ent.IsValidationError(err) {
		return read.Fail(read.CodeBadInput, "a required value is missing or out of bounds")
	}
	return err
}
