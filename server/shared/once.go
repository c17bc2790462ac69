package shared

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/graph/read"
)

// once remembers mutations that were sent with an Idempotency-Key, in the transaction that carries them out: what is
// remembered has happened, and what has not is not remembered, whatever breaks in between. There is no time in which a
// mutation may have happened and nobody knows.
//
// Nothing of a request or an answer is kept: HMACs of who asked, with which key, and of what, and the opaque id of what
// came of it. A repeat is answered by reading that back, by the rules as they stand then.
type once struct {
	table
	key []byte
	now func() time.Time
}

// onceLife is how long a key is remembered.
const onceLife = 24 * time.Hour

// Claim implements graph.Once.
func (o *once) Claim(ctx context.Context, tx *sql.Tx, who, key, request, field string, result uuid.UUID) (uuid.UUID, bool, error) {
	at, print := sign(o.key, "key", who, key), sign(o.key, "request", who, key, request)
	now := o.now()
	if _, err := tx.ExecContext(ctx, o.sql("DELETE FROM shared_once WHERE key = ? AND until < ?"), at, now.Unix()); err != nil {
		return uuid.Nil, false, fmt.Errorf("remember a mutation: %w", err)
	}
	// The row of no field stands for the request. Whoever comes second with the same key waits here for the first.
	for _, f := range []string{"", field} {
		res, err := tx.ExecContext(ctx, o.sql("INSERT INTO shared_once (key, field, fingerprint, result, until) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key, field) DO NOTHING"),
			at, f, print, result.String(), now.Add(onceLife).Unix())
		if err != nil {
			return uuid.Nil, false, fmt.Errorf("remember a mutation: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return uuid.Nil, false, fmt.Errorf("remember a mutation: %w", err)
		}
		if n == 1 {
			continue
		}
		var was []byte
		var of string
		if err := tx.QueryRowContext(ctx, o.sql("SELECT fingerprint, CAST(result AS text) FROM shared_once WHERE key = ? AND field = ?"), at, f).Scan(&was, &of); err != nil {
			return uuid.Nil, false, fmt.Errorf("look for a mutation: %w", err)
		}
		if !hmac.Equal(was, print) {
			return uuid.Nil, false, errMismatch
		}
		if f == field {
			id, err := uuid.Parse(of)
			return id, true, err
		}
	}
	return result, false, nil
}

var errMismatch = read.Fail(read.CodeIdempotencyMismatch, "this Idempotency-Key came with another request before: take a new key for a new request")
