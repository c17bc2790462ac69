package read

import (
	"errors"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Codes of `extensions.code`. They are stable; docs/errors.md describes each.
const (
	CodeUnauthenticated   = "UNAUTHENTICATED"
	CodeForbidden         = "FORBIDDEN"
	CodePurposeRequired   = "PURPOSE_REQUIRED"
	CodeNotFound          = "NOT_FOUND"
	CodeBadInput          = "BAD_INPUT"
	CodeFieldNotQueryable = "FIELD_NOT_QUERYABLE"
	CodeFieldNotWritable  = "FIELD_NOT_WRITABLE"
	CodeConsentRequired   = "CONSENT_REQUIRED"
	CodeCostExceeded      = "COST_EXCEEDED"
	CodeBadCursor         = "BAD_CURSOR"
	CodePageTooLarge      = "PAGE_TOO_LARGE"
	CodeAggregateBudget   = "AGGREGATE_BUDGET"
	CodeConflict          = "CONFLICT"
	CodeUntrusted         = "DOCUMENT_NOT_TRUSTED"
	CodeNoDocument        = "PERSISTED_QUERY_NOT_FOUND" // the name that clients of persisted queries know
	CodeRateLimited       = "RATE_LIMITED"
	CodeUnavailable       = "UNAVAILABLE"
	CodeInternal          = "INTERNAL"
)

// Error is an error a client may see: a stable code and a text without any value of a record.
type Error struct {
	Code    string
	Message string
	Field   string // the input field at fault, if any
	// RetryAfter is in how many seconds asking again may help; zero says nothing about it.
	RetryAfter int
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
	return &gqlerror.Error{Message: e.Message, Extensions: ext}
}

// Fail makes an Error.
func Fail(code, message string) *Error { return &Error{Code: code, Message: message} }

// FailField makes an Error about one input field.
func FailField(code, field, message string) *Error {
	return &Error{Code: code, Field: field, Message: message}
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
