package house

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/standby"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/read"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optin"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/optout"
	"github.com/cloakroom-crm/cloakroom/privacy/consent/receipt"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
	"github.com/cloakroom-crm/cloakroom/privacy/published"
	"github.com/cloakroom-crm/cloakroom/server/admission"
	"github.com/cloakroom-crm/cloakroom/server/shared"
)

// Options of Open.
type Options struct {
	policy.Withheld

	Data     string        // directory of the keys; made with mode 0700
	Database string        // URL, see server.DatabaseURL
	Standbys []string      // URLs of those of Database that may answer queries
	Confirm  time.Duration // how long a withdrawal waits, see package standby; 0: its default
	Keys     Keys
	Existing bool // fail with ErrNoDatabase where there is none, instead of making one
	AsIs     bool // with Existing: fail with ErrOlder where the database is older than the program, instead of migrating it
	// Check fails with ErrPending where a database is not at the program's version, instead of migrating it.
	Check bool
	// Sure fails where the root key is another one than the keys were wrapped with, instead of withholding what is sealed. A key
	// service that does not answer is no such failure: it may be back in a moment.
	Sure bool
	Lose []string // what migrations may lose, as TABLE.COLUMN or TABLE; see store.LossError
	// Hold leaves erasures that have to be carried out again on restored data to Replay, and answers nothing until then.
	// Without it Open does it.
	Hold bool
	Log  *slog.Logger
	// Gateway sets what the gateway needs besides: bounds, and the ports of what replicas share. It may look at the Schema.
	// Nil: only Do answers.
	Gateway  func(*graph.Config)
	Observer graph.Observer // sees what operations come to; nil: nobody looks
	Trace    read.Trace     // sees their steps; nil: nobody looks
	Mail     Mail           // how people are asked by mail
	Links    string         // origin that the links lead to by which people opt out; empty: none are made
	Redis    string         // URL of what replicas share, see shared.Parse; empty: kept in this process
	Rates    shared.Rates   // how much somebody may ask
}

// Keys say where the keys of people are. Empty ones have their places in the data directory, but for the keys of a PostgreSQL
// database: those are in it.
type Keys struct {
	policy.Withheld

	Database string // URL of the wrapped keys
	Root     string // URI of the root key, see package rootkey
	Ledger   string // URL of the erasure ledger
}

// House is an open data directory.
type House struct {
	Schema   *ir.Schema
	Gateway  *graph.Gateway
	Keyring  *keyring.Keyring
	Receipts *receipt.Issuer // of what the consent ledger has
	Shared   *shared.Shared  // with other replicas
	Gate     *admission.Gate
	standby  *standby.Set // nil on SQLite
	store    *store.Store
	keys     *store.Store
	ledger   *store.Store
	root     string // URI of the root key
	log      *slog.Logger
	care     care
	post     *post
	scratch  string // a directory to remove
}

// Errors of Open.
var (
	ErrNoDatabase = errors.New("there is no database: `cloakroom serve` and `cloakroom import` make one; or is --data another directory?")
	ErrOlder      = errors.New("the database is older than this program: run `cloakroom migrate`, or start `cloakroom serve` once, which brings it up to date")
	ErrPending    = errors.New("the database is not at this program's version, and with migrate=check nothing is changed at the start: run `cloakroom migrate`; --plan says what it would do")
	ErrSharedFile = errors.New("keys lie in a file of their own, so that a backup of the data does not hold them: name another with --keys.dsn")
	ErrNotApart   = errors.New("the erasure ledger lies apart from data and keys, because restoring them must not bring back the time before an erasure: name another place with --keys.ledger")
	ErrNoParent   = errors.New("only the data directory is made when it is missing: make this one first, or see that --database is spelt right")
)

// Open opens a data directory, making what is not there yet. The directory of a database elsewhere is not made: a path with
// a typing mistake would become a second, empty database. Before it makes or changes anything it has seen all that it needs.
func Open(ctx context.Context, o Options) (*House, error) {
	if info, err := os.Stat(o.Data); o.Existing && (err != nil || !info.IsDir()) {
		return nil, fmt.Errorf("%s: %w", o.Data, ErrNoDatabase)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Keys = o.Keys.in(o.Data, o.Database)
	if err := o.Keys.apart(o.Database); err != nil {
		return nil, err
	}
	if path, ok := file(o.Database); ok {
		if err := parent(path, o.Data); err != nil {
			return nil, err
		}
	}
	compiled, err := Schema()
	if err != nil {
		return nil, err
	}
	if err := look(ctx, o, compiled); err != nil {
		return nil, err
	}
	if !o.Existing {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return nil, fmt.Errorf("open data directory: %w", err)
		}
	}
	db, err := store.Open(ctx, o.Database)
	if err != nil {
		return nil, explained(err, o.Database)
	}
	h := &House{Schema: compiled, store: db, root: o.Keys.Root, log: o.Log}
	if err := h.settle(ctx, o); err != nil {
		return nil, errors.Join(explained(err, o.Database), h.Close())
	}
	return h, nil
}

// parent refuses a database whose directory is missing, unless making the data directory makes it.
func parent(path, data string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dirAbs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	dataAbs, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	if dataAbs == dirAbs || strings.HasPrefix(dataAbs, dirAbs+string(filepath.Separator)) {
		return nil
	}
	return fmt.Errorf("there is no directory %s: %w", dir, ErrNoParent)
}

// Scratch opens an empty house that Close removes without a trace.
func Scratch(ctx context.Context, log *slog.Logger) (*House, error) {
	dir, err := os.MkdirTemp("", "cloakroom-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("make a scratch directory: %w", err)
	}
	h, err := Open(ctx, Options{Data: dir, Database: "sqlite:" + filepath.Join(dir, "scratch.db"), Log: log})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	h.scratch = dir
	return h, nil
}

// settle brings keys and database to where operations can be answered. The key comes before the first migration: whoever
// finds a database and no key has lost it.
func (h *House) settle(ctx context.Context, o Options) error {
	isNew, err := IsNew(ctx, h.store)
	if err != nil {
		return err
	}
	keys, err := graph.LoadKeys(o.Data, isNew)
	if err != nil {
		return err
	}
	if err := h.store.Migrate(ctx, o.Lose...); err != nil {
		return err
	}
	if err := optin.Tables.Migrate(ctx, h.store); err != nil {
		return err
	}
	if !o.AsIs {
		if err := published.Publish(ctx, h.store, h.Schema, time.Now()); err != nil {
			return err
		}
	}
	if err := h.openKeyring(ctx, o); err != nil {
		return err
	}
	h.Receipts = receipt.New(signingKeys{h.Keyring}, h.Schema)
	h.Gate = admission.New(admission.Config{})
	h.Shared, err = shared.Open(ctx, shared.Options{Redis: o.Redis, Store: h.store, Key: keys.Shared, Rates: o.Rates, Log: o.Log})
	if err != nil {
		return err
	}
	if o.AsIs { // whoever changes nothing enters no leases
		o.Standbys = nil
	}
	if h.store.Pool != nil {
		h.standby, err = standby.Open(standby.Config{Primary: h.store.Pool, Database: o.Database, Standbys: o.Standbys, Wait: o.Confirm, Log: o.Log})
		if err != nil {
			return err
		}
	}
	asking, err := optin.New(optin.Config{Schema: h.Schema, Dialect: h.store.Dialect, Key: keys.Asking, Valid: o.Mail.Valid, Mails: o.Mail.Server != ""})
	if err != nil {
		return err
	}
	leaving, err := optout.New(h.Schema, keys.Leaving, o.Links)
	if err != nil {
		return err
	}
	c := graph.Config{Schema: h.Schema, Store: h.store, Keyring: h.Keyring, Receipts: h.Receipts, Keys: keys, Standbys: h.standby, Log: o.Log,
		Limiter: h.Shared.Limiter, Events: h.Shared.Events, Documents: h.Shared.Documents, Once: h.Shared.Once, Told: h.Shared.Told,
		Admission: h.Gate, Observer: o.Observer, Trace: o.Trace, Asking: asking, Leaving: leaving}
	if o.Gateway != nil {
		o.Gateway(&c)
	}
	if h.post, err = openPost(o.Mail); err != nil {
		return err
	}
	h.Gateway, err = graph.New(c)
	if err != nil {
		return err
	}
	switch {
	case o.Hold:
		h.Keyring.Hold()
	case !o.AsIs: // whatever only looks must not see what was erased either; a dry run shows nothing
		_, err = h.Keyring.Replay(ctx, nil)
	}
	return err
}

// openKeyring opens the keys of people. A root key in a file is made with the first keys it wraps, and never again: the
// keyring asks for it at this point only when it has to make these, and refuses to where there is sealed data already.
func (h *House) openKeyring(ctx context.Context, o Options) (err error) {
	path, inFile := strings.CutPrefix(o.Keys.Root, "file:")
	if h.keys, err = store.OpenDurable(ctx, o.Keys.Database); err != nil {
		return fmt.Errorf("keys: %w", explained(err, o.Keys.Database))
	}
	if h.ledger, err = store.OpenDurable(ctx, o.Keys.Ledger); err != nil {
		return fmt.Errorf("erasure ledger: %w", explained(err, o.Keys.Ledger))
	}
	c := keyring.Config{Schema: h.Schema, Data: h.store, Keys: h.keys, Ledger: h.ledger, Root: rootkey.Later(o.Keys.Root), Log: o.Log, Beside: []string{optin.Table}}
	h.Keyring, err = keyring.Open(ctx, c)
	if inFile && errors.Is(err, rootkey.ErrMissing) {
		if err := rootkey.CreateFile(path); err != nil {
			return err
		}
		h.Keyring, err = keyring.Open(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

// in fills in the places that were not named.
func (k Keys) in(data, database string) Keys {
	place := func(name string) string { return "sqlite:" + filepath.Join(data, name) }
	if k.Database == "" {
		k.Database = database
		if _, ok := file(database); ok {
			k.Database = place("keys.db")
		}
	}
	if k.Ledger == "" {
		k.Ledger = place("erasures.db")
	}
	if k.Root == "" {
		k.Root = "file:" + filepath.Join(data, "root-key.json")
	}
	return k
}

// apart refuses places where a backup, or its restore, would take along what must stay behind.
func (k Keys) apart(database string) error {
	same := func(a, b string) bool {
		pathA, fileA := file(a)
		pathB, fileB := file(b)
		if fileA && fileB {
			return filepath.Clean(pathA) == filepath.Clean(pathB)
		}
		return a == b
	}
	if _, ok := file(database); ok && same(k.Database, database) {
		return ErrSharedFile
	}
	if same(k.Ledger, database) || same(k.Ledger, k.Database) {
		return ErrNotApart
	}
	return nil
}

// Pools are the figures of the connections to each database.
func (h *House) Pools() map[string]func() sql.DBStats {
	return map[string]func() sql.DBStats{"data": h.store.Stats, "keys": h.keys.Stats, "ledger": h.ledger.Stats}
}

// Standbys are how the standbys of the database are.
func (h *House) Standbys() []standby.State {
	if h.standby == nil {
		return nil
	}
	return h.standby.States()
}

// Close wipes the keys and closes the databases.
func (h *House) Close() error {
	if h.standby != nil {
		h.standby.Close()
	}
	if h.Shared != nil {
		h.Shared.Close()
	}
	if h.Keyring != nil {
		h.Keyring.Close()
	}
	err := h.store.Close()
	for _, s := range []*store.Store{h.keys, h.ledger} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if h.scratch != "" {
		err = errors.Join(err, os.RemoveAll(h.scratch))
	}
	return err
}

// Schema compiles the schema the program was built with.
func Schema() (*ir.Schema, error) {
	sources, err := compiler.LoadFS(schema.FS)
	if err != nil {
		return nil, fmt.Errorf("embedded schema: %w", err)
	}
	s, found := compiler.Compile(sources)
	if len(found) > 0 {
		return nil, fmt.Errorf("embedded schema does not compile (%d findings, run `cloakroom lint`): %s", len(found), found[0])
	}
	return s, nil
}

// demoFile lies beside the schema it fits. A schema need not have one.
const demoFile = "demo.yaml"

// ErrNoDemo says that the schema came without demo data.
var ErrNoDemo = errors.New("this schema has no demo data: put a " + demoFile + " beside it and build again")

// Demo loads the demo data. Loading it twice changes nothing the second time.
func (h *House) Demo(ctx context.Context) error {
	text, err := schema.FS.ReadFile(demoFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoDemo
	}
	if err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	return h.Gateway.Seed(ctx, demoFile, text)
}
