package house

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// lookLimit is how long a place may take to answer: longer, and somebody waits for what will not come.
const lookLimit = 10 * time.Second

// look sees whether all that Open needs is there and as it should be. It changes nothing, so that what cannot be opened stays
// as it was.
func look(ctx context.Context, o Options, schema *ir.Schema) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	return lookInto(ctx, o, func(r rooms) error {
		isNew, err := IsNew(ctx, r.data)
		if err != nil {
			return err
		}
		if isNew && o.Existing {
			where := o.Data
			if path, ok := file(o.Database); ok {
				where = path
			}
			return fmt.Errorf("%s: %w", where, ErrNoDatabase)
		}
		pending, err := r.pending(ctx)
		switch {
		case err != nil:
			return err
		case len(pending) > 0 && o.AsIs:
			return ErrOlder
		case len(pending) > 0 && o.Check:
			return fmt.Errorf("%w (%d to go, the first is %s)", ErrPending, len(pending), pending[0].File)
		}
		if refusals, err := published.Refusals(ctx, r.data, schema); err != nil {
			return err
		} else if len(refusals) > 0 {
			return &published.RefusedError{Refusals: refusals}
		}
		if _, err := graph.FindKeys(o.Data, isNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := r.tryRoot(ctx, o, schema); err != nil {
			return err
		}
		return shared.Reach(ctx, o.Redis, o.Log)
	})
}

// rooms are databases that are looked into.
type rooms struct{ data, keys, ledger *store.Store }

// lookInto runs fn with the databases opened to look, an empty one in the place of each that is not there.
func lookInto(ctx context.Context, o Options, fn func(rooms) error) (err error) {
	var r rooms
	data, keys, ledger := o.Rooms()
	for _, l := range []struct {
		into *(*store.Store)
		room Room
	}{{&r.data, data}, {&r.keys, keys}, {&r.ledger, ledger}} {
		s, _, end, err := l.room.Look(ctx)
		if err != nil {
			return err
		}
		defer end()
		*l.into = s
	}
	return explained(fn(r), o.Database)
}

// Room is a database of a house.
type Room struct {
	policy.Withheld

	URL     string
	setting string // that names it
	what    string // it holds
}

// Rooms are the databases that the options name.
func (o Options) Rooms() (data, keys, ledger Room) {
	k := o.Keys.in(o.Data, o.Database)
	return Room{URL: o.Database, setting: "database"}, Room{URL: k.Database, setting: "keys.dsn", what: "keys: "},
		Room{URL: k.Ledger, setting: "keys.ledger", what: "erasure ledger: "}
}

// RootKey is the URI of the root key that the options name.
func (o Options) RootKey() string { return o.Keys.in(o.Data, o.Database).Root }

// Apart fails where a backup, or its restore, would take along what must stay behind.
func (o Options) Apart() error { return o.Keys.in(o.Data, o.Database).apart(o.Database) }

// Look opens the database to look into it. Where there is none, an empty one that end removes is in its place.
func (r Room) Look(ctx context.Context) (s *store.Store, there bool, end func(), err error) {
	s, err = store.Look(ctx, r.URL)
	if errors.Is(err, fs.ErrNotExist) {
		s, end, err = none(ctx)
		return s, false, end, err
	}
	if err != nil {
		return nil, false, nil, fmt.Errorf("%s%w", r.what, unreached(explained(err, r.URL), r.setting))
	}
	return s, true, func() { _ = s.Close() }, nil
}

// none is an empty database.
func none(ctx context.Context) (s *store.Store, end func(), err error) {
	dir, err := os.MkdirTemp("", "cloakroom-")
	if err != nil {
		return nil, nil, err
	}
	s, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "none.db"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, func() { _ = s.Close(); _ = os.RemoveAll(dir) }, nil
}

// IsNew reports whether no migration has been at a database of data.
func IsNew(ctx context.Context, s *store.Store) (bool, error) {
	migrated, err := s.HasTable(ctx, "goose_db_version")
	return !migrated, err
}

func (r rooms) pending(ctx context.Context) ([]store.Pending, error) {
	return PendingIn(ctx, r.data, r.keys, r.ledger)
}

// PendingIn are the migrations to come.
func PendingIn(ctx context.Context, data, keys, ledger *store.Store) ([]store.Pending, error) {
	all, err := data.Pending(ctx)
	if err != nil {
		return nil, err
	}
	for _, more := range []func() ([]store.Pending, error){
		func() ([]store.Pending, error) { return optin.Tables.Pending(ctx, data) },
		func() ([]store.Pending, error) { return shared.Tables.Pending(ctx, data) },
		func() ([]store.Pending, error) { return keyring.Pending(ctx, keys, ledger) },
	} {
		pending, err := more()
		if err != nil {
			return nil, err
		}
		all = append(all, pending...)
	}
	return all, nil
}

// tryRoot fails with what is wrong with the root key for good. Whether it is the right one is looked at where Sure wants that.
func (r rooms) tryRoot(ctx context.Context, o Options, schema *ir.Schema) error {
	if strings.HasPrefix(o.Keys.Root, "file:") {
		if _, err := rootkey.Open(o.Keys.Root); errors.Is(err, rootkey.ErrExposed) || errors.Is(err, rootkey.ErrUnfit) {
			return err // that it works would hide the mistake
		}
	}
	if !o.Sure {
		return nil
	}
	tried, err := keyring.Try(ctx, keyring.Config{Schema: schema, Data: r.data, Keys: r.keys, Root: rootkey.Later(o.Keys.Root)})
	if err != nil {
		return err
	}
	if len(tried) > 0 && errors.Is(tried[0].Err, rootkey.ErrWrongKey) { // the latest is what new keys are wrapped with
		return fmt.Errorf("keys: %w", tried[0].Err)
	}
	return nil
}
