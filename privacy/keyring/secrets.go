package keyring

import (
	"bytes"
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// secret is one version of a key-encryption key, of an index key or of a signing key.
type secret struct {
	policy.Withheld

	version int64
	wrapped []byte      // as stored: what did not change is not opened again
	err     error       // why this version cannot be used; it is tried again
	aead    cipher.AEAD // of a key-encryption key
	key     []byte      // of an index key; of the key that signs an ed25519.PrivateKey
	fields  sync.Map    // the keys derived from an index key, by *ir.Field
	signs   SigningKey  // of a signing key
}

// secrets are the versions of such a key, read when they are first needed.
type secrets struct {
	table    string
	load     func(ctx context.Context, old, known map[int64]*secret) error
	mu       sync.Mutex
	versions map[int64]*secret
	failed   error
	closed   bool
	until    time.Time // when to try again
	loaded   time.Time
}

// retryAfter keeps every request from waiting for a key service that just did not answer.
const retryAfter = 3 * time.Second

// version returns one version. One that is not known is looked for: another process may have made it.
func (s *secrets) version(ctx context.Context, v int64) (*secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.versions[v]; found != nil {
		return found.usable()
	}
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	if found := s.versions[v]; found != nil {
		return found.usable()
	}
	return nil, unavailable(fmt.Sprintf("version %d of %s", v, s.table), errors.New("it was retired, or the keys database is not the one the keys were made in"))
}

// current returns the latest version.
func (s *secrets) current(ctx context.Context) (*secret, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	return all[0].usable()
}

// usable returns the version unless the root key does not open it.
func (s *secret) usable() (*secret, error) {
	if s.err != nil {
		return nil, unavailable("open the keys", s.err)
	}
	return s, nil
}

// all returns every version, the latest first. There is always one.
func (s *secrets) all(ctx context.Context) ([]*secret, error) {
	out, err := s.list(ctx)
	if err == nil && len(out) == 0 {
		err = unavailable("read "+s.table, errors.New("it is empty"))
	}
	return out, err
}

// list returns every version there is, the latest first.
func (s *secrets) list(ctx context.Context) ([]*secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions == nil {
		if err := s.read(ctx); err != nil {
			return nil, err
		}
	}
	var out []*secret
	for _, found := range s.versions {
		at := 0
		for at < len(out) && out[at].version > found.version {
			at++
		}
		out = append(out[:at], append([]*secret{found}, out[at:]...)...)
	}
	return out, nil
}

// read loads the versions, under the lock.
func (s *secrets) read(ctx context.Context) error {
	if s.closed {
		return errClosed
	}
	if s.failed != nil && time.Now().Before(s.until) {
		return s.failed
	}
	s.failed = nil
	known := map[int64]*secret{}
	if err := s.load(ctx, s.versions, known); err != nil {
		err = unavailable("open the keys", err)
		if ctx.Err() == nil { // whose time was up is not the service's fault
			s.failed, s.until = err, time.Now().Add(retryAfter)
		}
		return err
	}
	s.versions, s.loaded = known, time.Now()
	return nil
}

// within reads again unless that was done a short time ago.
func (s *secrets) within(ctx context.Context, age time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions != nil && time.Since(s.loaded) < age {
		return nil
	}
	return s.read(ctx)
}

// refresh reads again, if anything was read before.
func (s *secrets) refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions == nil {
		return nil
	}
	return s.read(ctx)
}

// forget lets go of what was read. It is not wiped, because somebody may be using it.
func (s *secrets) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions, s.failed = nil, nil
}

// wipe overwrites what was read, once nobody uses it any more.
func (s *secrets) wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.versions {
		if v.aead != nil {
			wipe(v.aead)
		}
		clear(v.key)
		v.fields.Range(func(_, key any) bool { clear(key.([]byte)); return true })
	}
	s.versions, s.closed = nil, true
}

var errClosed = unavailable("open the keys", errors.New("the keyring is closed"))

func (s *secrets) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// kekFor is what a key-encryption key is bound to at the root.
func kekFor(version int64) []byte {
	return fmt.Appendf(nil, "cloakroom key-encryption key 1 %d", version)
}

// indexKeyFor is what an index key is bound to under its key-encryption key.
func indexKeyFor(version int64) string { return fmt.Sprintf("cloakroom index key 1 %d", version) }

func (k *Keyring) loadKEKs(ctx context.Context, old, known map[int64]*secret) error {
	wrapped := map[int64][]byte{}
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var v int64
		var w []byte
		if err := rows.Scan(&v, &w); err != nil {
			return err
		}
		wrapped[v] = w
		return nil
	}, `SELECT version, wrapped FROM keyring_keks`)
	if err != nil {
		return err
	}
	for v, w := range wrapped {
		if have := old[v]; have != nil && bytes.Equal(have.wrapped, w) {
			known[v] = have
			continue
		}
		key, err := k.c.Root.Unwrap(ctx, w, kekFor(v))
		if err != nil {
			err = fmt.Errorf("unwrap version %d of the key-encryption key with %s: %w", v, k.c.Root, err)
			if !errors.Is(err, rootkey.ErrWrongKey) {
				return err
			}
			known[v] = &secret{version: v, err: err} // what the others wrap is still read
			continue
		}
		aead, err := newAEAD(key)
		if err != nil {
			return err
		}
		known[v] = &secret{version: v, wrapped: w, aead: aead}
	}
	return nil
}

// addKEK makes a version of the key-encryption key. Of two processes that do so at once one wins.
func (k *Keyring) addKEK(ctx context.Context, version int64) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	defer clear(key)
	wrapped, err := k.c.Root.Wrap(ctx, key, kekFor(version))
	if err != nil {
		return unavailable("wrap it with "+k.c.Root.String(), err)
	}
	_, err = k.keys.ExecContext(ctx, k.d.sql(`INSERT INTO keyring_keks (version, wrapped, root, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (version) DO NOTHING`),
		version, wrapped, k.c.Root.String(), k.c.Now().UTC())
	return err
}

func (k *Keyring) loadIndexKeys(ctx context.Context, old, known map[int64]*secret) error {
	type row struct {
		version, kek int64
		wrapped      []byte
	}
	var found []row
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var r row
		if err := rows.Scan(&r.version, &r.kek, &r.wrapped); err != nil {
			return err
		}
		found = append(found, r)
		return nil
	}, `SELECT version, kek_version, wrapped FROM keyring_indexes`)
	if err != nil {
		return err
	}
	for _, r := range found {
		if have := old[r.version]; have != nil && bytes.Equal(have.wrapped, r.wrapped) {
			known[r.version] = have
			continue
		}
		kek, err := k.seals.version(ctx, r.kek)
		if err != nil {
			return err
		}
		key, err := unwrapKey(kek.aead, r.wrapped, indexKeyFor(r.version))
		if err != nil {
			return fmt.Errorf("unwrap version %d of the index key: %w", r.version, err)
		}
		known[r.version] = &secret{version: r.version, wrapped: r.wrapped, key: key}
	}
	return nil
}

func (k *Keyring) addIndexKey(ctx context.Context, version int64) error {
	kek, err := k.seals.current(ctx)
	if err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	defer clear(key)
	wrapped, err := wrapKey(kek.aead, key, indexKeyFor(version))
	if err != nil {
		return err
	}
	_, err = k.keys.ExecContext(ctx, k.d.sql(`INSERT INTO keyring_indexes (version, kek_version, wrapped, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (version) DO NOTHING`),
		version, kek.version, wrapped, k.c.Now().UTC())
	return err
}

// isForeignKey reports whether a statement failed because a version it names is not there.
func isForeignKey(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23503"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}
