package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/cloakroom-crm/cloakroom/ent/migrate"
)

// ErrNewer says that the database was migrated by a newer program: this one would misread it.
var ErrNewer = errors.New("the database is newer than this program; run the version that migrated it, or a later one")

// Migrate brings the database to this program's version, each migration in a transaction of its own. Several replicas may
// call it at once: on PostgreSQL an advisory lock lets one work while the others wait, on SQLite the file's write lock does.
// Migrations that would lose data are refused with a LossError, but for the losses that are named: TABLE.COLUMN or TABLE.
func (s *Store) Migrate(ctx context.Context, lose ...string) (err error) {
	files, err := fs.Sub(migrate.Files, s.name())
	if err != nil {
		return err
	}
	return s.MigrateFrom(ctx, files, goose.DefaultTablename, lose...)
}

// Version is the migration the database is at, and the one this program is made for. It reads only.
func (s *Store) Version(ctx context.Context) (have, want int64, err error) {
	files, err := fs.Sub(migrate.Files, s.name())
	if err != nil {
		return 0, 0, err
	}
	return s.versions(ctx, files, goose.DefaultTablename)
}

// MigrateFrom brings the database to the last of other migrations, for what does not lie in Ent's tables. Versions is the table that
// keeps how far it is: each set of migrations has its own, and several may lie in one database.
func (s *Store) MigrateFrom(ctx context.Context, files fs.FS, versions string, lose ...string) (err error) {
	if err := s.refuseLosses(ctx, files, versions, lose); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	db, err := s.migrations()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := provider(s.Dialect, db, files, versions)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for {
		have, want, err := p.GetVersions(ctx)
		if err != nil {
			return fmt.Errorf("migrate: read version: %w", err)
		}
		if have > want {
			return fmt.Errorf("migrate: database is at %d, program at %d: %w", have, want, ErrNewer)
		}
		if have == want {
			return nil
		}
		if _, err := p.Up(ctx); err != nil {
			// Two processes may open one SQLite file at the same time. The one that comes second finds its work done.
			if now, versionErr := p.GetDBVersion(ctx); versionErr == nil && now > have {
				continue
			}
			return fmt.Errorf("migrate from %d to %d: %w", have, want, err)
		}
		return s.verify(ctx, db)
	}
}

func provider(name string, db *sql.DB, files fs.FS, versions string) (*goose.Provider, error) {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	d := goose.DialectSQLite3
	if name == dialect.Postgres {
		d = goose.DialectPostgres
		// Look every second, for five minutes: a large table may take a while to change.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	table, err := database.NewStore(d, versions)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db, files, append(options, goose.WithStore(table))...)
}

// verify holds SQLite to its foreign keys after it changed tables without them.
func (s *Store) verify(ctx context.Context, db *sql.DB) error {
	if s.Dialect != dialect.SQLite {
		return nil
	}
	var broken int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&broken); err != nil {
		return fmt.Errorf("migrate: check foreign keys: %w", err)
	}
	if broken > 0 {
		return fmt.Errorf("migrate: %d rows refer to rows that are not there; restore the backup from before the migration", broken)
	}
	return nil
}
