package standby

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// Errors of a standby.
var (
	errPromoted = errors.New("it is no standby any more, but a primary: name it in `database`, not in `read-replicas`")
	errBehind   = errors.New("it lags behind the primary, or follows another one")
	errOther    = errors.New("another server answered: name each standby by an address of its own")
	errNotYet   = errors.New("it has not been looked at yet")
)

// lease says that a standby may answer reads.
type lease struct{ began, until int64 } // see now

// standby is one of them, as this gateway sees it.
//
// That it has what is committed is seen from an entry in a table, which is written on the primary and looked for on the standby.
// Positions in the log would tell less: after a promotion another server's log may be further on and not have it.
type standby struct {
	set   *Set
	place int                    // in the setting, from 1
	reads *pgxpool.Pool          // for operations
	watch *pgxpool.Pool          // for us, so that operations do not hold us up
	name  atomic.Pointer[string] // which server process it is
	lease atomic.Pointer[lease]
	beat  int64

	kick chan struct{}
	mu   sync.Mutex
	next *look
	lag  time.Duration
	why  error // it has no lease
}

// look is one look at whether it is up to date.
type look struct {
	done chan struct{}
	name string
	err  error
}

func newLook() *look { return &look{done: make(chan struct{})} }

func pool(url string, most int32, check func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, error) {
	return store.OpenPool(url, most, check)
}

func newStandby(s *Set, place int, url string) (*standby, error) {
	one := &standby{set: s, place: place, kick: make(chan struct{}, 1), next: newLook(), why: errNotYet}
	var err error
	if one.watch, err = pool(url, 4, nil); err != nil {
		return nil, err
	}
	// An address may lead to another server after a while: what is true of one need not be of the other.
	one.reads, err = pool(url, 0, func(ctx context.Context, conn *pgx.Conn) error {
		name, _, err := whois(ctx, conn)
		if known := one.name.Load(); err == nil && (known == nil || *known != name) {
			err = errOther
		}
		return err
	})
	if err != nil {
		one.watch.Close()
	}
	return one, err
}

func (o *standby) close() {
	o.lease.Store(nil)
	o.watch.Close()
	if o.reads != nil {
		o.reads.Close()
	}
}

// whois names a server process, and says whether it is a standby. A server that starts again is another one.
func whois(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (name string, standby bool, err error) {
	err = db.QueryRow(ctx, `SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), host(inet_server_addr()), inet_server_port(), nullif(current_setting('cluster_name'), '')), pg_is_in_recovery()`).Scan(&name, &standby)
	return name, standby, err
}

// follow looks at the standby now and then, and whenever somebody waits for it.
func (o *standby) follow(ctx context.Context) {
	defer o.lease.Store(nil)
	for {
		o.mu.Lock()
		l := o.next
		o.next = newLook()
		o.mu.Unlock()
		var lag time.Duration
		l.name, lag, l.err = o.renew(ctx)
		close(l.done)
		o.mu.Lock()
		was := o.why
		o.why = l.err
		if l.err == nil {
			o.lag = lag
		}
		o.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		switch {
		case l.err != nil && (was == nil || errors.Is(was, errNotYet)):
			o.set.log.WarnContext(ctx, "a standby does not serve: reads go to others, or to the primary", "standby", o.place, "err", l.err)
		case l.err == nil && was != nil:
			o.set.log.InfoContext(ctx, "a standby serves reads", "standby", o.place)
		}
		select {
		case <-ctx.Done():
			return
		case <-o.kick:
		case <-time.After(renewing):
		}
	}
}

// upToDate looks whether all that is committed is on the standby of that name.
func (o *standby) upToDate(ctx context.Context, name string) error {
	o.mu.Lock()
	l := o.next // the one under way may have begun before
	o.mu.Unlock()
	select {
	case o.kick <- struct{}{}:
	default: // it is on its way
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
	}
	if l.err == nil && l.name != name {
		return errOther
	}
	return l.err
}

// renew enters a lease, waits until the standby has the entry, and takes the lease.
func (o *standby) renew(ctx context.Context) (name string, lag time.Duration, err error) {
	ctx, end := context.WithTimeout(ctx, max(leased, o.set.wait))
	defer end()
	began := now()
	name, follows, err := whois(ctx, o.watch)
	if err != nil {
		return "", 0, fmt.Errorf("ask the standby: %w", err)
	}
	if known := o.name.Load(); known == nil || *known != name {
		o.lease.Store(nil)
		o.name.Store(&name)
		o.reads.Reset() // it leads to the one before
	}
	if !follows {
		o.lease.Store(nil)
		return name, 0, o.promoted(ctx)
	}
	if err := o.enter(ctx, name); err != nil {
		return name, 0, err
	}
	entered := now()
	if err := o.see(ctx, name); err != nil {
		return name, 0, err
	}
	o.lease.Store(&lease{began, began + int64(leased)})
	return name, time.Duration(now() - entered), nil
}

// enter enters the next beat of this gateway's lease on the primary.
func (o *standby) enter(ctx context.Context, name string) error {
	o.beat++
	_, err := o.set.beats.Exec(ctx, `INSERT INTO shared_leases (gateway, place, standby, beat, renewed_at) VALUES ($1, $2, $3, $4, clock_timestamp())
		ON CONFLICT (gateway, place) DO UPDATE SET standby = excluded.standby, beat = excluded.beat, renewed_at = excluded.renewed_at`, o.set.gateway, o.place, name, o.beat)
	if err != nil {
		return fmt.Errorf("enter the lease on the primary: %w", err)
	}
	return nil
}

// see waits until the beat is seen on the standby.
func (o *standby) see(ctx context.Context, name string) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		var beat int64
		var is string
		err := o.watch.QueryRow(ctx, `SELECT coalesce((SELECT beat FROM shared_leases WHERE gateway = $1 AND place = $2 AND standby = $3), 0)`, o.set.gateway, o.place, name).Scan(&beat)
		if err != nil {
			return errors.Join(errBehind, err)
		}
		if beat >= o.beat {
			// The address may have led elsewhere for this one statement.
			if is, _, err = whois(ctx, o.watch); err == nil && is != name {
				err = errOther
			}
			return err
		}
		if sleep(ctx, wait) != nil {
			return errBehind
		}
	}
}

// promoted gives back the lease of a standby that has become a primary. Whoever still reads there by a lease is told what is
// true if it is our primary, and that is what is looked at.
func (o *standby) promoted(ctx context.Context) error {
	name, _, err := whois(ctx, o.set.beats)
	if err == nil && name == *o.name.Load() {
		_, err = o.set.beats.Exec(ctx, `DELETE FROM shared_leases WHERE standby = $1`, name)
	}
	return errors.Join(errPromoted, err)
}

func (o *standby) state() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lease.Load()
	st := State{Serves: l != nil && now() < l.until, Lag: o.lag}
	if !st.Serves && o.why != nil {
		st.Why = o.why.Error()
	}
	return st
}
