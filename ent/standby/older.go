package standby

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// snapshot is an operation of a gateway that is under way in the database.
type snapshot struct {
	pid   int32
	began string // the transaction of that process; empty where we may not know
}

// olderSQL lists the operations that may read from before a transaction, or from before now where it has none. Only reads are
// asked for: a transaction with an id of its own writes, and shows nothing to anybody. A role sees its own sessions whole; of
// those of others it sees all but when they began.
const olderSQL = `SELECT pid, coalesce(extract(epoch FROM xact_start)::text, '') FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE $2 AND pid <> pg_backend_pid()
  AND backend_xid IS NULL AND backend_xmin IS NOT NULL AND age(backend_xmin) >= coalesce(age($1::text::xid8::xid), 0)`

func older(ctx context.Context, db *pgxpool.Pool, xid string) (map[snapshot]bool, error) {
	var id any
	if xid != "" {
		id = xid
	}
	rows, err := db.Query(ctx, olderSQL, id, store.ApplicationName+"%")
	if err != nil {
		return nil, fmt.Errorf("look for operations under way: %w", err)
	}
	found := map[snapshot]bool{}
	var one snapshot
	_, err = pgx.ForEachRow(rows, []any{&one.pid, &one.began}, func() error { found[one] = true; return nil })
	if err != nil {
		return nil, fmt.Errorf("look for operations under way: %w", err)
	}
	return found, nil
}

// drained waits until every operation that reads from before the transaction has ended. Those that begin meanwhile see it: the
// first look settles whom there is to wait for.
func drained(ctx context.Context, db *pgxpool.Pool, xid string) error {
	left, err := older(ctx, db, xid)
	for wait := time.Millisecond; err == nil && len(left) > 0; wait = min(2*wait, 20*time.Millisecond) {
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("%d operations that began before are under way: %w", len(left), err)
		}
		var now map[snapshot]bool
		if now, err = older(ctx, db, xid); err != nil {
			break
		}
		for s := range left {
			if !now[s] {
				delete(left, s)
			}
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
