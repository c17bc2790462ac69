package graph

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/cloakroom-crm/cloakroom/graph/write"
)

var errOnceKey = errors.New("Idempotency-Key stands there once, with 1 to 128 visible ASCII characters, in quotation marks or without")

// onceKey reads the header Idempotency-Key: a string of Structured Fields (RFC 8941 Section 3.3.3), or, as many clients
// send it, what would stand in one. Empty: there is none.
func onceKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	key := strings.Trim(values[0], " \t")
	if inner, quoted := strings.CutPrefix(key, `"`); quoted {
		inner, closed := strings.CutSuffix(inner, `"`)
		if !closed || strings.ContainsAny(inner, `"\`) { // no key needs these
			return "", errOnceKey
		}
		key = inner
	}
	if len(values) > 1 || key == "" || len(key) > 128 {
		return "", errOnceKey
	}
	for _, c := range []byte(key) {
		if c < 0x21 || c > 0x7e {
			return "", errOnceKey
		}
	}
	return key, nil
}

// attempt says of a mutation that came with a key that it is carried out once. Queries change nothing, and are asked again.
func attempt(ctx context.Context, r *request, op *ast.OperationDefinition) (context.Context, error) {
	if r.onceKey == "" || op.Operation != ast.Mutation {
		return ctx, nil
	}
	all, err := json.Marshal([]any{r.query, r.operationName, r.variables, r.purpose}) // names in objects come sorted
	if err != nil {
		return nil, errMalformed
	}
	return write.WithAttempt(ctx, write.Attempt{Key: r.onceKey, Request: string(all)}), nil
}
