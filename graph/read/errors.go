package read

import (
	"errors"

	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

// Codes of `extensions.code`. They are stable; docs/errors.md describes each.
const (
	CodeUnauthenticated     = "UNAUTHENTICATED"
	CodeForbidden           = "FORBIDDEN"
	CodePurposeRequired     = "PURPOSE_REQUIRED"
	CodeStepUpRequired      = "STEP_UP_REQUIRED"
	CodeNotFound            = "NOT_FOUND"
	CodeBadInput            = "BAD_INPUT"
	CodeFieldNotQueryable   = "FIELD_NOT_QUERYABLE"
	CodeFieldNotWritable    = "FIELD_NOT_WRITABLE"
	CodeConsentRequired     = "CONSENT_REQUIRED"
	CodeCostExceeded        = "COST_EXCEEDED"
	CodeBadCursor           = "BAD_CURSOR"
	CodePageTooLarge        = "PAGE_TOO_LARGE"
	CodeAggregateBudget     = "AGGREGATE_BUDGET"
	CodeConflict            = "CONFLICT"
	CodeUntrusted           = "DOCUMENT_NOT_TRUSTED"
	CodeNoDocument          = "PERSISTED_QUERY_NOT_FOUND" // the name that clients of persisted queries know
	CodeIdempotencyMismatch = "IDEMPOTENCY_MISMATCH"
	CodeRateLimited         = "RATE_LIMITED"
	CodeUnavailable         = "UNAVAILABLE"
	CodeUnknown             = "UNKNOWN"
	CodeInternal            = "INTERNAL"
)

// Codes are all of them, and those of the parser and the validator.
func Codes() []string {
	return []string{CodeUnauthenticated, CodeForbidden, CodePurposeRequired, CodeStepUpRequired, CodeNotFound, CodeBadInput, CodeFieldNotQueryable, CodeFieldNotWritable,
		CodeConsentRequired, CodeCostExceeded, CodeBadCursor, CodePageTooLarge, CodeAggregateBudget, CodeConflict, CodeUntrusted, CodeNoDocument, CodeIdempotencyMismatch,
		CodeRateLimited, CodeUnavailable, CodeUnknown, CodeInternal, errcode.ParseFailed, errcode.ValidationFailed}
}

// Error is an error a client may see: a stable code and a text without any value of a record.
type Error struct {
	Code    string
	Message string
	Field   string // the input field at fault, if any
	// RetryAfter is in how many seconds asking again may help; zero says nothing about it.
	RetryAfter int
	// Path is where in the answer it happened, if that is further down than the root field.
	Path ast.Path
	// StepUp is what the session has to prove, of STEP_UP_REQUIRED.
	StepUp ir.StepUp
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// GraphQL renders the error with its code.
func (e *Error) GraphQL() *gqlerror.Error {
	ext := map[string]any{"code": e.Code}
	if e.Field != "" {
		ext["field"] = e.Field
	}
	if e.RetryAfter > 0 {
		ext["retryAfter"] = e.RetryAfter
	}
	if e.StepUp.AAL > 0 {
		ext["aal"] = e.StepUp.AAL
	}
	if e.StepUp.FreshWithin > 0 {
		ext["freshWithin"] = e.StepUp.FreshWithin.String()
	}
	return &gqlerror.Error{Message: e.Message, Path: e.Path, Extensions: ext}
}

// Fail makes an Error.
func Fail(code, message string) *Error { return &Error{Code: code, Message: message} }

// FailField makes an Error about one input field.
func FailField(code, field, message string) *Error {
	return &Error{Code: code, Field: field, Message: message}
}

// FailStepUp refuses what the role may do and the session has not proved enough for. What it says follows from the schema and
// the session alone, never from a record: it is the same for an id that is there and one that is not.
func FailStepUp(need ir.StepUp) *Error {
	return &Error{Code: CodeStepUpRequired, StepUp: need, Message: "this needs " + need.String() + ": sign in once more as asked for, then ask again"}
}

// CodeOf returns the code of err, INTERNAL for one clients may not see.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// errNotQueryable is one fixed text: which rule hides a field is told in extensions.privacy, not by probing filters.
func errNotQueryable(field string) *Error {
	return FailField(CodeFieldNotQueryable, field, "a field whose value is hidden cannot be used in a filter or an order")
}

// notQueryable refuses a question about a field. Where a step-up would open it, that is what is asked for.
func (p *planner) notQueryable(c *policy.Cell) error {
	if !c.StepUp.IsZero() {
		if raised := policy.CellOf(c.Field, p.req.Raised()); raised.Queryable() {
			err := FailStepUp(c.StepUp)
			err.Field = c.Field.Name
			return err
		}
	}
	return errNotQueryable(c.Field.Name)
}

// stepUp refuses a root field about a type of which nothing exists for the session, and something might after a step-up.
func stepUp(t *ir.Type, r policy.Request) error {
	if rows := policy.RowsOf(t, ir.Read, r); !rows.Allowed && !rows.StepUp.IsZero() {
		return FailStepUp(rows.StepUp)
	}
	return nil
}
