package keyring

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// Rotator is a root key that rotates by our hand, such as a file. Key services rotate by theirs.
type Rotator interface {
	// Rotate adds a new root key; what the old ones wrapped stays readable.
	Rotate() error
	// Retire removes all but the newest, unless check finds something that the newest alone does not open.
	Retire(check func(rootkey.Opens) error) error
}

// Rotate makes a new version of the key-encryption key, and with a Rotator a new root key. New data keys are wrapped with it;
// Rewrap brings the others over (NIST SP 800-57 part 1 §5.3: cryptoperiods).
func (k *Keyring) Rotate(ctx context.Context) (version int64, err error) {
	current, err := k.seals.current(ctx)
	if err != nil {
		return 0, err
	}
	if r, ok := k.c.Root.(Rotator); ok {
		if err := r.Rotate(); err != nil {
			return 0, fmt.Errorf("rotate the root key: %w", err)
		}
	}
	version = current.version + 1
	if err := k.addKEK(ctx, version); err != nil {
		return 0, err
	}
	k.seals.forget()
	return version, nil
}

// Progress is told how much of a job is done, and of how much.
type Progress func(done, total int64)

func (p Progress) tell(done, total int64) {
	if p != nil {
		p(done, max(done, total))
	}
}

// Rewrap wraps every data key, the index keys and the signing keys, with the newest version of the key-encryption key. It may be stopped at any
// point and run again: what is left is what has an older version. Reads and writes go on beside it.
func (k *Keyring) Rewrap(ctx context.Context, progress Progress) (done int64, err error) {
	k.seals.forget()
	current, err := k.seals.current(ctx)
	if err != nil {
		return 0, err
	}
	var total int64
	if err := k.keys.QueryRowContext(ctx, k.d.sql(`SELECT count(*) FROM keyring_keys WHERE kek_version < ?`), current.version).Scan(&total); err != nil {
		return 0, fmt.Errorf("count keys: %w", err)
	}
	progress.tell(0, total)
	if err := k.rewrapIndexKeys(ctx, current); err != nil {
		return 0, err
	}
	if err := k.rewrapSigners(ctx, current); err != nil {
		return 0, err
	}
	var after *uuid.UUID // the key of rows that are about nobody is the first: no id comes before it
	var shut int64
	for {
		list, err := k.older(ctx, current.version, after)
		if err != nil {
			return done, err
		}
		if len(list) == 0 {
			break
		}
		n, err := k.rewrap(ctx, current, list)
		if err != nil {
			return done, fmt.Errorf("wrap data keys with version %d (run it again to go on): %w", current.version, err)
		}
		after = &list[len(list)-1].subject
		done, shut = done+n, shut+int64(len(list))-n
		progress.tell(done+shut, total)
	}
	if shut > 0 {
		return done, fmt.Errorf("%d data keys do not open and are as they were, see the log: restore them from a backup of the keys database: %w", shut, ErrTampered)
	}
	return done, nil
}

func (k *Keyring) older(ctx context.Context, version int64, after *uuid.UUID) ([]wrappedKey, error) {
	beyond, args := "", []any{version}
	if after != nil {
		beyond, args = " AND subject_id > ?", append(args, after.String())
	}
	var out []wrappedKey
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var w wrappedKey
		if err := rows.Scan(&w.subject, &w.version, &w.wrapped); err != nil {
			return err
		}
		out = append(out, w)
		return nil
	}, k.d.sql(`SELECT subject_id, kek_version, wrapped FROM keyring_keys WHERE kek_version < ?`+beyond+` ORDER BY subject_id LIMIT ?`), append(args, 4*k.c.JobRows)...) // keys are small
	if err != nil {
		return nil, fmt.Errorf("read data keys: %w", err)
	}
	return out, nil
}

// rewrap wraps keys anew, and returns how many. One that does not open is left as it is, and is a security event.
func (k *Keyring) rewrap(ctx context.Context, current *secret, list []wrappedKey) (int64, error) {
	ids, wrapped := make([]uuid.UUID, 0, len(list)), make([][]byte, 0, len(list))
	for _, w := range list {
		kek, err := k.seals.version(ctx, w.version)
		if err != nil {
			return 0, err
		}
		key, err := unwrapKey(kek.aead, w.wrapped, dataKeyFor(w.subject))
		if err != nil {
			k.rejected(ctx, w)
			continue
		}
		again, err := wrapKey(current.aead, key, dataKeyFor(w.subject))
		clear(key)
		if err != nil {
			return 0, err
		}
		ids, wrapped = append(ids, w.subject), append(wrapped, again)
	}
	return int64(len(ids)), within(ctx, k.keys, func(tx *sql.Tx) error {
		// A key that was destroyed in between has no version, and stays destroyed.
		if k.d.postgres() {
			_, err := tx.ExecContext(ctx, `UPDATE keyring_keys AS k SET kek_version = $1, wrapped = n.wrapped
				FROM unnest(CAST($2 AS uuid[]), CAST($3 AS bytea[])) AS n (subject_id, wrapped) WHERE k.subject_id = n.subject_id AND k.kek_version < $1`,
				current.version, k.d.list(ids), wrapped)
			return err
		}
		stmt, err := tx.PrepareContext(ctx, `UPDATE keyring_keys SET kek_version = ?, wrapped = ? WHERE subject_id = ? AND kek_version < ?`)
		if err != nil {
			return err
		}
		defer func() { _ = stmt.Close() }()
		for i, id := range ids {
			if _, err := stmt.ExecContext(ctx, current.version, wrapped[i], id.String(), current.version); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *Keyring) rewrapIndexKeys(ctx context.Context, current *secret) error {
	versions, err := k.blinds.all(ctx)
	if err != nil {
		return err
	}
	for _, v := range versions {
		wrapped, err := wrapKey(current.aead, v.key, indexKeyFor(v.version))
		if err != nil {
			return err
		}
		if _, err := k.keys.ExecContext(ctx, k.d.sql(`UPDATE keyring_indexes SET kek_version = ?, wrapped = ? WHERE version = ? AND kek_version < ?`),
			current.version, wrapped, v.version, current.version); err != nil {
			return fmt.Errorf("wrap the index key with version %d: %w", current.version, err)
		}
	}
	return nil
}

// Retire destroys a version of the key-encryption key for good: what older backups of the keys database have under it is
// closed. ErrInUse while anything is wrapped with it, or it is the newest.
func (k *Keyring) Retire(ctx context.Context, version int64) error {
	k.seals.forget()
	current, err := k.seals.current(ctx)
	if err != nil {
		return err
	}
	if version >= current.version {
		return fmt.Errorf("retire version %d: it is the newest: rotate and rewrap first: %w", version, ErrInUse)
	}
	res, err := k.keys.ExecContext(ctx, k.d.sql(`DELETE FROM keyring_keks WHERE version = ?`), version)
	if isForeignKey(err) {
		return fmt.Errorf("retire version %d: rewrap first: %w", version, ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("retire version %d: %w", version, err)
	}
	k.seals.forget()
	if err := k.scrub(ctx, k.c.Keys); err != nil {
		return err
	}
	if err := k.retireRoot(ctx); err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 { // said last: an earlier run may have ended in between
		return fmt.Errorf("retire version %d: there is none", version)
	}
	return nil
}

// retireRoot wraps the versions that are left with the newest root key, and removes the others from a Rotator.
func (k *Keyring) retireRoot(ctx context.Context) error {
	r, ok := k.c.Root.(Rotator)
	if !ok {
		return nil
	}
	wrapped, err := k.wrappedKEKs(ctx)
	if err != nil {
		return err
	}
	for v, w := range wrapped {
		key, err := k.c.Root.Unwrap(ctx, w, kekFor(v))
		if err != nil {
			return fmt.Errorf("wrap version %d with the newest root key: %w", v, err)
		}
		again, err := k.c.Root.Wrap(ctx, key, kekFor(v))
		clear(key)
		if err != nil {
			return fmt.Errorf("wrap version %d with the newest root key: %w", v, err)
		}
		if _, err := k.keys.ExecContext(ctx, k.d.sql(`UPDATE keyring_keks SET wrapped = ? WHERE version = ?`), again, v); err != nil {
			return err
		}
	}
	err = r.Retire(func(open rootkey.Opens) error {
		wrapped, err := k.wrappedKEKs(ctx)
		if err != nil {
			return err
		}
		for v, w := range wrapped {
			key, err := open(w, kekFor(v))
			clear(key)
			if err != nil {
				return fmt.Errorf("version %d is not wrapped with the newest root key: somebody else rotated at the same time: run it again", v)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove older root keys: %w", err)
	}
	return nil
}

func (k *Keyring) wrappedKEKs(ctx context.Context) (map[int64][]byte, error) {
	wrapped := map[int64][]byte{}
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var v int64
		var w []byte
		err := rows.Scan(&v, &w)
		wrapped[v] = w
		return err
	}, `SELECT version, wrapped FROM keyring_keks`)
	if err != nil {
		return nil, fmt.Errorf("read the keys database: %w", err)
	}
	return wrapped, nil
}

// Status is the state of the keyring, without secrets.
type Status struct {
	Root      string          `json:"root"`
	Problem   string          `json:"problem,omitempty"` // why keys cannot be had
	Versions  []VersionStatus `json:"versions"`
	Indexes   []int64         `json:"indexVersions"`
	Signing   []SigningStatus `json:"signingVersions"` // the newest last
	Keys      int64           `json:"keys"`
	Destroyed int64           `json:"destroyed"`
	Erasures  int64           `json:"erasures"` // lines of the ledger
	Apart     bool            `json:"keysApartFromData"`
	Moving    []Move          `json:"moving"`
	Cached    int             `json:"cached"`
}

// VersionStatus is a version of the key-encryption key.
type VersionStatus struct {
	Version int64     `json:"version"`
	Root    string    `json:"root"` // what wraps it
	Created time.Time `json:"created"`
	Keys    int64     `json:"keys"` // that it wraps
}

// SigningStatus is a version of the signing key.
type SigningStatus struct {
	Version int64      `json:"version"`
	Created time.Time  `json:"created"`
	Retired *time.Time `json:"retired,omitempty"`
}

// Status looks at everything, also when keys cannot be had.
func (k *Keyring) Status(ctx context.Context) (Status, error) {
	s := Status{Root: k.c.Root.String(), Apart: k.c.Keys.DB != k.c.Data.DB && !k.sameDatabase(ctx), Cached: k.cache.len(), Moving: k.moving.list(), Versions: []VersionStatus{}, Indexes: []int64{}, Signing: []SigningStatus{}}
	if _, err := k.blinds.all(ctx); err != nil {
		if !errors.Is(err, ErrUnavailable) {
			return s, err
		}
		s.Problem = err.Error()
	}
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var v VersionStatus
		if err := rows.Scan(&v.Version, &v.Root, &v.Created, &v.Keys); err != nil {
			return err
		}
		s.Versions = append(s.Versions, v)
		s.Keys += v.Keys
		return nil
	}, `SELECT v.version, v.root, v.created_at, (SELECT count(*) FROM keyring_keys AS k WHERE k.kek_version = v.version) FROM keyring_keks AS v ORDER BY v.version`)
	if err != nil {
		return s, fmt.Errorf("read the keys database: %w", err)
	}
	err = each(ctx, k.keys, func(rows *sql.Rows) error {
		var v int64
		err := rows.Scan(&v)
		s.Indexes = append(s.Indexes, v)
		return err
	}, `SELECT version FROM keyring_indexes ORDER BY version`)
	if err != nil {
		return s, fmt.Errorf("read the keys database: %w", err)
	}
	err = each(ctx, k.keys, func(rows *sql.Rows) error {
		var v SigningStatus
		err := rows.Scan(&v.Version, &v.Created, &v.Retired)
		s.Signing = append(s.Signing, v)
		return err
	}, `SELECT version, created_at, retired_at FROM keyring_signers ORDER BY version`)
	if err != nil {
		return s, fmt.Errorf("read the keys database: %w", err)
	}
	if err := k.keys.QueryRowContext(ctx, `SELECT count(*) FROM keyring_keys WHERE destroyed_at IS NOT NULL`).Scan(&s.Destroyed); err != nil {
		return s, fmt.Errorf("read the keys database: %w", err)
	}
	s.Erasures, err = k.count(ctx)
	return s, err
}

// sameDatabase reports whether the keys lie in the database of the data.
func (k *Keyring) sameDatabase(ctx context.Context) bool {
	if !k.d.postgres() || !k.dd.postgres() {
		return false
	}
	const who = `SELECT current_database() || ' ' || (SELECT system_identifier FROM pg_control_system())`
	var a, b string
	if k.keys.QueryRowContext(ctx, who).Scan(&a) != nil || k.data.QueryRowContext(ctx, who).Scan(&b) != nil {
		return true // who cannot tell assumes the worse
	}
	return a == b
}
