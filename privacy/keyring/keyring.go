package keyring

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// Config is what a Keyring needs.
type Config struct {
	Schema *ir.Schema
	Data   *store.Store // the rows whose cells are sealed
	Keys   *store.Store // the wrapped keys; may be the database of the data on PostgreSQL
	Ledger *store.Store // the erasures, apart from both
	// Root opens the root key. It is called at the first need and again after a failure, so that a key service may be away
	// for a while.
	Root rootkey.Root
	// CacheBytes bounds the memory of ciphers kept ready; default 64 MiB.
	CacheBytes int
	// IndexBits is how much of a blind index is kept, 1 to 63; default 32. See Blind.
	IndexBits int
	Now       func() time.Time // default time.Now, and the clock of the keys database where processes on several machines share it
	Log       *slog.Logger     // security events and failures; default slog.Default()
	// Beside are further tables of the data whose rows, by subject_id, go with whoever is erased.
	Beside []string
	// JobRows is how many rows a job handles in one transaction; default 500.
	JobRows int
	Trace   func(sql string) // sees the statements that fetch data keys; nil: none
	// Settle is how long other processes may take to learn of new versions; default 15 s.
	Settle time.Duration
}

// Keyring holds the keys of people. It is safe for concurrent use.
type Keyring struct {
	c       Config
	keys    *sql.DB
	d       dialectOf // of the keys database
	data    *sql.DB
	dd      dialectOf // of the data
	places  map[*ir.Field][]byte
	cache   *cache
	seals   secrets // key-encryption keys
	blinds  secrets // index keys
	signers secrets // signing keys
	held    atomic.Bool
	moving  moving
	bits    int
	shared  bool // the clock is that of the keys database

	following sync.Mutex
	seen      time.Time // up to when Follow has read
	closed    time.Time // up to when the rows of whoever was destroyed were looked at again
}

// Open opens the keyring: it sets up the databases of keys and ledger, and makes the first keys where there are none. It does
// not need the key service unless it has to make keys. With ErrLost it refuses to make keys for data that is sealed with others.
func Open(ctx context.Context, c Config) (*Keyring, error) {
	shared := c.Now == nil && c.Keys.Dialect == dialect.Postgres
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	if c.Settle == 0 {
		c.Settle = 15 * time.Second
	}
	if c.JobRows == 0 {
		c.JobRows = 500
	}
	if c.IndexBits == 0 {
		c.IndexBits = 32
	}
	k := &Keyring{c: c, keys: c.Keys.DB, d: dialectOf(c.Keys.Dialect), data: c.Data.DB, dd: dialectOf(c.Data.Dialect),
		places: map[*ir.Field][]byte{}, cache: newCache(c.CacheBytes), bits: c.IndexBits, shared: shared, seen: c.Now(), closed: c.Now().Add(-2 * lateAfter)}
	for _, t := range c.Schema.Entities() {
		for _, f := range t.Fields {
			if f.Kind == ir.Column && f.Pii != nil { // also of those that are plain: their cells may not have moved yet
				k.places[f] = place(f)
			}
		}
	}
	k.seals = secrets{table: "keyring_keks", load: k.loadKEKs}
	k.blinds = secrets{table: "keyring_indexes", load: k.loadIndexKeys}
	k.signers = secrets{table: "keyring_signers", load: k.loadSigners}
	if err := migrate(ctx, c.Keys, "keys"); err != nil {
		return nil, err
	}
	if err := migrate(ctx, c.Ledger, "ledger"); err != nil {
		return nil, err
	}
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	return k, k.look(ctx)
}

// begin makes the first keys of an empty keys database.
func (k *Keyring) begin(ctx context.Context) error {
	var n int
	if err := k.keys.QueryRowContext(ctx, `SELECT count(*) FROM keyring_indexes`).Scan(&n); err != nil {
		return fmt.Errorf("read the keys database: %w", err)
	}
	if n > 0 {
		return nil
	}
	sealed, err := sealedData(ctx, k.c)
	if err != nil {
		return err
	}
	if sealed {
		return ErrLost
	}
	if err := k.addKEK(ctx, 1); err != nil {
		return fmt.Errorf("make the first key-encryption key: %w", err)
	}
	if err := k.addIndexKey(ctx, 1); err != nil {
		return fmt.Errorf("make the first index key: %w", err)
	}
	return nil
}

// sealedData reports whether any row has a sealed cell.
func sealedData(ctx context.Context, c Config) (bool, error) {
	for _, t := range c.Schema.Entities() {
		for _, f := range t.Fields {
			if !f.Sealed() {
				continue
			}
			var found bool
			if err := c.Data.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM %s WHERE %s IS NOT NULL)`, ident(t.Table), ident(f.Column))).Scan(&found); err != nil {
				return false, fmt.Errorf("look for sealed data: %w", err)
			}
			if found {
				return true, nil
			}
		}
	}
	return false, nil
}

// Close wipes every key in memory. Nobody may use the keyring any more. The databases are closed by whoever opened them.
func (k *Keyring) Close() {
	k.cache.close()
	k.seals.wipe()
	k.blinds.wipe()
	k.signers.wipe()
}

// Batch is the keys of some people, held ready while a page is made. It is for one goroutine.
type Batch struct {
	policy.Withheld

	k       *Keyring
	entries map[uuid.UUID]*entry
	last    uuid.UUID
	entry   *entry
	ad      []byte
	events  int
}

// Keys returns the keys of subjects, uuid.Nil standing for rows that are about nobody. Whoever's key is not in memory is
// asked for in one query. A person without a key is no error: their cells do not open. ErrUnavailable when keys cannot be had.
func (k *Keyring) Keys(ctx context.Context, subjects []uuid.UUID) (*Batch, error) {
	b := &Batch{k: k, entries: make(map[uuid.UUID]*entry, len(subjects))}
	missing := k.cache.acquire(subjects, b.entries)
	if len(missing) == 0 {
		return b, nil
	}
	wrapped, err := k.wrapped(ctx, missing)
	if err == nil {
		err = k.unwrap(ctx, wrapped, b.entries)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close gives the keys back. A key that was destroyed in between is wiped with its last user.
func (b *Batch) Close() {
	b.k.cache.release(b.entries)
	b.entries, b.entry = nil, nil
}

// place is the first part of the associated data of a field's cells. Another compilation of the same schema has other fields, and
// the same places.
func (k *Keyring) place(f *ir.Field) []byte {
	if p, ok := k.places[f]; ok {
		return p
	}
	return place(f)
}

func (b *Batch) of(subject uuid.UUID) *entry {
	if b.entry == nil || b.last != subject {
		b.last, b.entry = subject, b.entries[subject]
	}
	return b.entry
}

// Open decrypts a cell of field f in a row, which is sealed with the key of subject, to the bytes of format.AppendPlain, behind
// dst. It is not ok when the key is gone, or when the cell does not belong there: that is a security event, and is logged.
func (b *Batch) Open(dst []byte, subject, row uuid.UUID, f *ir.Field, cell []byte) (plain []byte, ok bool) {
	e := b.of(subject)
	if e == nil {
		return nil, false
	}
	b.ad = bind(b.ad[:0], b.k.place(f), row, subject)
	plain, err := openCell(dst, e.aead, b.ad, cell)
	if err != nil {
		b.event(f, row, subject, err)
		return nil, false
	}
	return plain, true
}

// maxEvents bounds what one page writes to the log: a table full of rubbish must not fill the disk.
const maxEvents = 20

// event reports a cell that does not open (ISO/IEC 27001 A.8.15). It names places and no value.
func (b *Batch) event(f *ir.Field, row, subject uuid.UUID, why error) {
	if b.events++; b.events > maxEvents {
		return
	}
	b.k.c.Log.Error("a sealed cell does not open and is withheld", "event", "security", "kind", "sealed_cell_rejected",
		"field", f.Coordinate(), "row", row.String(), "subject", subject.String(), "why", why.Error(), "more", b.events == maxEvents)
}

// Seal encrypts a storage value for its place, with the key of subject.
func (b *Batch) Seal(subject, row uuid.UUID, f *ir.Field, v any) ([]byte, error) {
	e := b.of(subject)
	if e == nil {
		return nil, fmt.Errorf("seal %s: %w", f.Coordinate(), ErrDestroyed)
	}
	b.ad = bind(b.ad[:0], b.k.place(f), row, subject)
	cell, err := sealCell(e.aead, b.ad, v)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", f.Coordinate(), err)
	}
	return cell, nil
}

// wrappedKey is a row of keyring_keys.
type wrappedKey struct {
	policy.Withheld

	subject uuid.UUID
	version int64
	wrapped []byte
}

// wrapped reads the keys of subjects: one statement.
func (k *Keyring) wrapped(ctx context.Context, subjects []uuid.UUID) ([]wrappedKey, error) {
	out := make([]wrappedKey, 0, len(subjects))
	query := k.d.sql(`SELECT subject_id, kek_version, wrapped FROM keyring_keys WHERE destroyed_at IS NULL AND ` + k.d.among("subject_id"))
	if k.c.Trace != nil {
		k.c.Trace(query)
	}
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var w wrappedKey
		if err := rows.Scan(&w.subject, &w.version, &w.wrapped); err != nil {
			return err
		}
		out = append(out, w)
		return nil
	}, query, k.d.list(subjects))
	if err != nil {
		return nil, unavailable("read keys", err)
	}
	return out, nil
}

// destroyed tells whose keys were destroyed. Who has no key and is not among them lost it: the keys database is older than the
// data, or was tampered with. A backup may have it, so nothing that it seals is thrown away.
func (k *Keyring) destroyed(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID]bool, error) {
	out := map[uuid.UUID]bool{}
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		out[id] = true
		return err
	}, k.d.sql(`SELECT subject_id FROM keyring_keys WHERE destroyed_at IS NOT NULL AND `+k.d.among("subject_id")), k.d.list(subjects))
	if err != nil {
		return nil, unavailable("read destroyed keys", err)
	}
	return out, nil
}

// unavailable keeps the cause of a failure to get keys behind ErrUnavailable.
func unavailable(what string, err error) error {
	return fmt.Errorf("%s: %w", what, errors.Join(ErrUnavailable, err))
}

// dataKeyFor is what a data key is bound to.
func dataKeyFor(subject uuid.UUID) string { return "cloakroom data key 1 " + string(subject[:]) }

// unwrap makes ciphers of wrapped keys and hands them into the batch.
func (k *Keyring) unwrap(ctx context.Context, wrapped []wrappedKey, into map[uuid.UUID]*entry) error {
	for _, w := range wrapped {
		aead, err := k.open(ctx, w)
		if errors.Is(err, errForeign) || errors.Is(err, errLength) {
			k.rejected(ctx, w)
			continue
		}
		if err != nil {
			return err
		}
		if e := k.cache.add(w.subject, aead); e != nil {
			into[w.subject] = e
		}
	}
	return nil
}

// rejected reports a wrapped key that does not open.
func (k *Keyring) rejected(ctx context.Context, w wrappedKey) {
	k.c.Log.ErrorContext(ctx, "a wrapped key does not open and is left out", "event", "security", "kind", "data_key_rejected", "subject", w.subject.String(), "version", w.version)
}

func (k *Keyring) open(ctx context.Context, w wrappedKey) (cipher.AEAD, error) {
	kek, err := k.seals.version(ctx, w.version)
	if err != nil {
		return nil, err
	}
	key, err := unwrapKey(kek.aead, w.wrapped, dataKeyFor(w.subject))
	if err != nil {
		return nil, err
	}
	return newAEAD(key)
}

// Ensure is Keys for writers: whoever has no key gets one. It is written before the row it is for, so that no row is ever
// without its key; a key without a row does no harm. ErrDestroyed for a person who was erased.
func (k *Keyring) Ensure(ctx context.Context, subjects []uuid.UUID) (*Batch, error) {
	b, err := k.Keys(ctx, subjects)
	if err != nil {
		return nil, err
	}
	var missing []uuid.UUID
	for _, s := range subjects {
		if b.entries[s] == nil && !slices.Contains(missing, s) {
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 {
		return b, nil
	}
	if err := k.create(ctx, missing, b); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (k *Keyring) create(ctx context.Context, subjects []uuid.UUID, b *Batch) error {
	err := k.insert(ctx, subjects)
	if isForeignKey(err) { // the version was retired while this process still believed in it
		k.seals.forget()
		err = k.insert(ctx, subjects)
	}
	if err != nil {
		return err
	}
	wrapped, err := k.wrapped(ctx, subjects) // perhaps made by another process
	if err != nil {
		return err
	}
	if err := k.unwrap(ctx, wrapped, b.entries); err != nil {
		return err
	}
	for _, s := range subjects {
		if b.entries[s] == nil {
			return fmt.Errorf("make a key for subject %s: %w", s, ErrDestroyed)
		}
	}
	return nil
}

// insert writes new keys. The row of a destroyed key stays, and lets no other be.
func (k *Keyring) insert(ctx context.Context, subjects []uuid.UUID) error {
	kek, err := k.seals.current(ctx)
	if err != nil {
		return err
	}
	subjects = ordered(subjects)
	wrapped := make([][]byte, len(subjects))
	for i, s := range subjects {
		key, err := newKey()
		if err != nil {
			return err
		}
		wrapped[i], err = wrapKey(kek.aead, key, dataKeyFor(s))
		clear(key)
		if err != nil {
			return err
		}
	}
	if err := k.store(ctx, kek.version, subjects, wrapped); err != nil {
		return unavailable("write keys", err)
	}
	return nil
}

func (k *Keyring) store(ctx context.Context, version int64, subjects []uuid.UUID, wrapped [][]byte) error {
	now := k.c.Now().UTC()
	if k.d.postgres() { // one statement, however many
		_, err := k.keys.ExecContext(ctx, `INSERT INTO keyring_keys (subject_id, kek_version, wrapped, created_at)
			SELECT n.subject_id, $1, n.wrapped, $2 FROM unnest(CAST($3 AS uuid[]), CAST($4 AS bytea[])) AS n (subject_id, wrapped)
			ON CONFLICT (subject_id) DO NOTHING`, version, now, k.d.list(subjects), wrapped)
		return err
	}
	return within(ctx, k.keys, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, `INSERT INTO keyring_keys (subject_id, kek_version, wrapped, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (subject_id) DO NOTHING`)
		if err != nil {
			return err
		}
		defer func() { _ = stmt.Close() }()
		for i, s := range subjects {
			if _, err := stmt.ExecContext(ctx, s.String(), version, wrapped[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}
