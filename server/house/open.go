package house

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/graph"
	"github.com/cloakroom-crm/cloakroom/graph/schema"
)

// Options of Open.
type Options struct {
	Data     string // directory of the keys; made with mode 0700
	Database string // URL, see server.DatabaseURL
	Existing bool   // fail with ErrNoDatabase where there is none, instead of making one
	AsIs     bool   // with Existing: fail with ErrOlder where the database is older than the program, instead of migrating it
	Log      *slog.Logger
}

// House is an open data directory.
type House struct {
	Schema  *ir.Schema
	Gateway *graph.Gateway
	store   *store.Store
	scratch string // a directory to remove
}

// Errors of Open.
var (
	ErrNoDatabase = errors.New("there is no database: `cloakroom serve` and `cloakroom import` make one; or is --data another directory?")
	ErrOlder      = errors.New("the database is older than this program: start `cloakroom serve` once, which brings it up to date")
	ErrNoParent   = errors.New("only the data directory is made when it is missing: make this one first, or see that --database is spelt right")
)

// Open opens a data directory, making what is not there yet. The directory of a database elsewhere is not made: a path with
// a typing mistake would become a second, empty database.
func Open(ctx context.Context, o Options) (*House, error) {
	if info, err := os.Stat(o.Data); o.Existing && (err != nil || !info.IsDir()) {
		return nil, fmt.Errorf("%s: %w", o.Data, ErrNoDatabase)
	}
	if path, ok := file(o.Database); ok {
		if _, err := os.Stat(path); o.Existing && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", path, ErrNoDatabase)
		}
		if err := parent(path, o.Data); err != nil {
			return nil, err
		}
	}
	compiled, err := Schema()
	if err != nil {
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
	h := &House{Schema: compiled, store: db}
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
	isNew, err := h.isNew(ctx)
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
	if o.AsIs && !isNew {
		have, want, err := h.store.Version(ctx)
		if err != nil {
			return err
		}
		if have < want {
			return ErrOlder
		}
	}
	keys, err := graph.LoadKeys(o.Data, isNew)
	if err != nil {
		return err
	}
	if err := h.store.Migrate(ctx); err != nil {
		return err
	}
	h.Gateway, err = graph.New(graph.Config{Schema: h.Schema, Store: h.store, Keys: keys, Log: o.Log})
	return err
}

// isNew reports whether no migration has been at the database.
func (h *House) isNew(ctx context.Context) (bool, error) {
	query := `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
	if h.store.Dialect == dialect.Postgres {
		query = `SELECT to_regclass('goose_db_version') IS NOT NULL`
	}
	var migrated bool
	if err := h.store.DB.QueryRowContext(ctx, query).Scan(&migrated); err != nil {
		return false, fmt.Errorf("look into the database: %w", err)
	}
	return !migrated, nil
}

// Close closes the database.
func (h *House) Close() error {
	err := h.store.Close()
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
