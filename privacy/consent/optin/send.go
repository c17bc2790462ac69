package optin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Attempts of sending: the time between them doubles from the first to the last. An attempt has Lease before another may begin, also
// where whoever made it has died; it is longer than sending may take.
const (
	firstRetry = 2 * time.Second
	lastRetry  = 15 * time.Minute
	Lease      = time.Minute
)

// due is the condition that a request is to be sent now.
const due = `next_at <= ? AND link_until > ? AND used_at IS NULL`

// Due reports whether something is to be sent. It changes nothing and waits for nobody.
func (q *Requests) Due(ctx context.Context, db Querier, now time.Time) (any bool, err error) {
	var n int
	err = db.QueryRowContext(ctx, q.sql(`SELECT count(*) FROM (SELECT 1 FROM consent_requests WHERE `+due+` LIMIT 1) AS one`), micro(now), micro(now)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for what is to be sent: %w", err)
	}
	return n > 0, nil
}

// Claim takes a request that is to be sent, or returns ErrNone. Nobody else takes it before the lease is over, if the transaction
// commits, and nobody at all before that.
func (q *Requests) Claim(ctx context.Context, tx *sql.Tx, now time.Time) (*Request, error) {
	where := due + ` ORDER BY next_at LIMIT 1` + q.forUpdate(true, " SKIP LOCKED")
	var id string
	err := tx.QueryRowContext(ctx, q.sql(`SELECT id FROM consent_requests WHERE `+where), micro(now), micro(now)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("take what is to be sent: %w", err)
	}
	r, err := q.one(ctx, tx, `id = ?`, id)
	if err != nil {
		return nil, err
	}
	r.Attempts++
	_, err = tx.ExecContext(ctx, q.sql(`UPDATE consent_requests SET attempts = ?, next_at = ? WHERE id = ?`), r.Attempts, micro(now.Add(Lease)), id)
	if err != nil {
		return nil, fmt.Errorf("take what is to be sent: %w", err)
	}
	return r, nil
}

// Address notes where a claimed request goes. It reports false where an attempt before went elsewhere: the link might be read there.
func (q *Requests) Address(ctx context.Context, tx *sql.Tx, r *Request, address string) (same bool, err error) {
	if r.address != nil {
		return q.WentTo(r, []string{address}), nil
	}
	r.address = q.secrets.address(r.Subject, address)
	if _, err := tx.ExecContext(ctx, q.sql(`UPDATE consent_requests SET address = ? WHERE id = ?`), r.address, r.ID.String()); err != nil {
		return false, fmt.Errorf("note where a mail goes: %w", err)
	}
	return true, nil
}

// Drop has a request never be sent (again).
func (q *Requests) Drop(ctx context.Context, db Querier, r *Request) error {
	return q.settle(ctx, db, r, `next_at = NULL`)
}

// Sent says that the claimed attempt was taken by a mail server.
func (q *Requests) Sent(ctx context.Context, db Querier, r *Request, now time.Time) error {
	return q.settle(ctx, db, r, `next_at = NULL, sent_at = ?`, micro(now))
}

// Failed has the claimed attempt be followed by another.
func (q *Requests) Failed(ctx context.Context, db Querier, r *Request, now time.Time) error {
	return q.settle(ctx, db, r, `next_at = ?`, micro(now.Add(retry(r.Attempts))))
}

// retry is the time from an attempt to the next.
func retry(attempts int) time.Duration {
	wait := firstRetry
	for range attempts - 1 {
		if wait = 2 * wait; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}

// settle says what came of the attempt that r is, unless another has begun.
func (q *Requests) settle(ctx context.Context, db Querier, r *Request, set string, args ...any) error {
	_, err := db.ExecContext(ctx, q.sql(`UPDATE consent_requests SET `+set+` WHERE id = ? AND attempts = ? AND next_at IS NOT NULL`), append(args, r.ID.String(), r.Attempts)...)
	if err != nil {
		return fmt.Errorf("note what came of a mail: %w", err)
	}
	return nil
}

// Waiting is how many mails are still to be sent.
func (q *Requests) Waiting(ctx context.Context, db Querier, now time.Time) (n int64, err error) {
	err = db.QueryRowContext(ctx, q.sql(`SELECT count(*) FROM consent_requests WHERE next_at IS NOT NULL AND link_until > ? AND used_at IS NULL`), micro(now)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what is to be sent: %w", err)
	}
	return n, nil
}
