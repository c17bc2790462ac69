package standby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

// Times.
const (
	// DefaultWait is how long a change waits to be seen everywhere.
	DefaultWait = 3 * time.Second
	// leased is how long a standby may answer after it was seen to be up to date.
	leased = 2 * time.Second
	// renewing is how often it is looked at.
	renewing = 300 * time.Millisecond
	// forgotten is how long after its last lease a standby has to have what is committed, or nobody is told that it is seen
	// everywhere: it may be promoted. It is far longer than leased, because it goes by the primary's clock.
	forgotten = 30 * time.Second
	maxRead   = 20 * time.Second // see MaxRead
)

// ErrElsewhere says that a gateway reads from a standby we know nothing of.
var ErrElsewhere = errors.New("a gateway reads, or did a moment ago, from a standby that is not there now or not in our read-replicas: all gateways need the same")

// Config of a Set.
type Config struct {
	Primary *pgxpool.Pool
	// Database and Standbys are URLs. With the first, leases of all gateways are heeded; it is nil where there is no table of them.
	Database string
	Standbys []string
	Wait     time.Duration // how long a change waits to be seen everywhere; default DefaultWait
	Log      *slog.Logger  // default slog.Default()
}

// Set is a database and its standbys.
type Set struct {
	primary  *pgxpool.Pool
	leases   bool
	wait     time.Duration
	log      *slog.Logger
	gateway  uuid.UUID // this process
	standbys []*standby
	beats    *pgxpool.Pool // to the primary, for leases alone

	turn  atomic.Uint64
	wrote atomic.Int64 // when this gateway last wrote, see now
	end   context.CancelFunc
	done  sync.WaitGroup
}

// born is where the monotonic clock of this process begins.
var born = time.Now()

// now is the monotonic clock. A standby's lease must not depend on what somebody sets the time to.
func now() int64 { return int64(time.Since(born)) }

// Open returns the set of a database. A standby that does not answer is no error: it is used once it does.
func Open(c Config) (*Set, error) {
	s := &Set{primary: c.Primary, leases: c.Database != "", wait: cmp.Or(c.Wait, DefaultWait), log: cmp.Or(c.Log, slog.Default()), gateway: uuid.New(), end: func() {}}
	if len(c.Standbys) == 0 {
		return s, nil
	}
	var err error
	if s.beats, err = pool(c.Database, 2, nil); err != nil {
		return nil, err
	}
	for i, url := range c.Standbys {
		one, err := newStandby(s, i+1, url)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("standby %d: %w", i+1, err)
		}
		s.standbys = append(s.standbys, one)
	}
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	for _, one := range s.standbys {
		s.done.Go(func() { one.follow(ctx) })
	}
	return s, nil
}

// Close gives back the leases.
func (s *Set) Close() {
	s.end()
	s.done.Wait()
	for _, one := range s.standbys {
		one.close()
	}
	if s.beats == nil {
		return
	}
	ctx, end := context.WithTimeout(context.Background(), time.Second)
	defer end()
	_, _ = s.beats.Exec(ctx, `DELETE FROM shared_leases WHERE gateway = $1`, s.gateway) // or they run out
	s.beats.Close()
}

// Pool is a standby that may answer a read which begins now; nil: only the primary may.
func (s *Set) Pool() *pgxpool.Pool {
	n := uint64(len(s.standbys))
	if n == 0 {
		return nil
	}
	first, at, wrote := s.turn.Add(1), now(), s.wrote.Load()
	for i := range n {
		one := s.standbys[(first+i)%n]
		if l := one.lease.Load(); l != nil && at < l.until && l.began > wrote {
			return one.reads
		}
	}
	return nil
}

// Wrote says that this gateway has written: whoever wrote reads what they wrote, so a standby may answer again once it has it.
func (s *Set) Wrote() {
	if len(s.standbys) > 0 {
		s.wrote.Store(now())
	}
}

// MaxRead is the longest that one operation may take on a standby, so that it ends before the standby is forgotten.
func (s *Set) MaxRead() time.Duration { return maxRead }

// Await returns when no read by whichever gateway can be older any more than a transaction, which is committed. Without its id
// it waits for everything committed before.
func (s *Set) Await(ctx context.Context, xid string) error {
	ctx, end := context.WithTimeout(detach.Context(ctx), s.wait)
	defer end()
	if err := drained(ctx, s.primary, xid); err != nil {
		return err
	}
	if !s.leases {
		return nil
	}
	has := map[string]bool{} // standbys that have it
	for {
		names, err := s.leasedTo(ctx)
		if err != nil {
			return err
		}
		missing := error(nil)
		for _, name := range names {
			if !has[name] {
				err := s.awaitOn(ctx, name, xid)
				has[name] = err == nil
				missing = cmp.Or(missing, err)
			}
		}
		if missing == nil {
			return nil
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			return missing
		}
	}
}

// leasedTo names the standbys that may answer a read of some gateway, or might have a moment ago.
//
// A gateway enters its lease before it looks whether the standby has the entry. One we do not find is entered later than we
// committed, and the standby that has it has what we committed, too: a standby carries out commits in their order.
func (s *Set) leasedTo(ctx context.Context) ([]string, error) {
	rows, err := s.primary.Query(ctx, `SELECT DISTINCT standby FROM shared_leases WHERE renewed_at > clock_timestamp() - $1::float8 * interval '1 second'`, forgotten.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look for standbys: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("look for standbys: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// awaitOn waits until a standby has all that is committed, and no read on it is older.
func (s *Set) awaitOn(ctx context.Context, name, xid string) error {
	for _, one := range s.standbys {
		if at := one.name.Load(); at == nil || *at != name {
			continue
		}
		if err := one.upToDate(ctx, name); err != nil {
			return fmt.Errorf("standby %d does not have it: %w", one.place, err)
		}
		return drained(ctx, one.watch, xid)
	}
	return ErrElsewhere
}

// State is how a standby is.
type State struct {
	Serves bool
	Lag    time.Duration // between a commit and its being seen there, when last looked at
	Why    string        // it does not serve
}

// States are how the standbys are, in the order of the setting.
func (s *Set) States() []State {
	out := make([]State, len(s.standbys))
	for i, one := range s.standbys {
		out[i] = one.state()
	}
	return out
}
