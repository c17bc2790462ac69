package standby

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

// DefaultWait is how long a change waits to be seen everywhere.
const DefaultWait = 3 * time.Second

// Config of a Set.
type Config struct {
	Primary *pgxpool.Pool
	Wait    time.Duration // how long a change waits to be seen everywhere; default DefaultWait
	Log     *slog.Logger  // default slog.Default()
}

// Set is a database and its standbys.
type Set struct {
	primary *pgxpool.Pool
	wait    time.Duration
	log     *slog.Logger
}

// Open returns the set of a database.
func Open(c Config) *Set {
	return &Set{primary: c.Primary, wait: cmp.Or(c.Wait, DefaultWait), log: cmp.Or(c.Log, slog.Default())}
}

// Await returns when no read by whichever gateway can be older any more than a transaction, which is committed. Without its id
// it waits for everything committed before.
func (s *Set) Await(ctx context.Context, xid string) error {
	ctx, end := context.WithTimeout(detach.Context(ctx), s.wait)
	defer end()
	return drained(ctx, s.primary, xid)
}
