package shared

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cloakroom-crm/cloakroom/graph"
)

// Documents is the registry of trusted documents. It lies in the database; each replica keeps all of it in memory, asks at
// most once in lookEvery whether it changed, and at once when a notice says so: what was removed is unknown everywhere
// before a second is over, also where no notice arrives.
//
// Threat: whoever writes to the database without holding the key of the deployment could have an operation trusted, or
// trusted for another purpose. So an entry counts only with a MAC over all of it, and an id that is a SHA-256 only for
// the text it is of.
type Documents struct {
	table
	key    []byte
	now    func() time.Time
	log    *slog.Logger
	events graph.Events

	changed atomic.Bool         // look now
	one     *semaphore.Weighted // one at a time looks; it guards what follows
	looked  time.Time           // when the version was last compared
	version int64
	known   map[string]graph.Document // by id and by digest of the text
}

// Entry is a registered document.
type Entry struct {
	ID      string    `json:"id"` // a SHA-256 of the text in hexadecimal digits, or a name
	Text    string    `json:"text"`
	Purpose string    `json:"purpose"`
	Name    string    `json:"name"` // of its operation
	Added   time.Time `json:"added"`
}

// Bounds of the registry: all of it is in the memory of every replica.
const (
	maxDocuments = 10_000
	lookEvery    = time.Second
)

// Digest is the SHA-256 of a text in lower-case hexadecimal digits.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isDigest reports whether an id claims to be a SHA-256.
func isDigest(id string) bool {
	raw, err := hex.DecodeString(id)
	return err == nil && len(raw) == sha256.Size
}

func (d *Documents) mac(e Entry) []byte {
	return sign(d.key, e.ID, e.Text, e.Purpose, e.Name, strconv.FormatInt(e.Added.Unix(), 10))
}

// Document implements graph.Documents.
func (d *Documents) Document(ctx context.Context, id string) (graph.Document, error) {
	if err := d.one.Acquire(ctx, 1); err != nil {
		return graph.Document{}, fmt.Errorf("wait for the documents: %w", err)
	}
	defer d.one.Release(1)
	if d.changed.Swap(false) { // before it is looked: what changes meanwhile is looked at again
		d.looked = time.Time{}
	}
	if now := d.now(); d.looked.IsZero() || now.Sub(d.looked) >= lookEvery {
		if err := d.refresh(ctx); err != nil {
			return graph.Document{}, err
		}
		d.looked = now
	}
	found, ok := d.known[id]
	if !ok {
		return graph.Document{}, graph.ErrNoDocument
	}
	return found, nil
}

// refresh reads the registry again if it changed.
func (d *Documents) refresh(ctx context.Context) error {
	version, err := d.changes(ctx)
	if err != nil || d.known != nil && version == d.version {
		return err
	}
	all, err := d.List(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]graph.Document, 2*len(all))
	for _, e := range all {
		doc := graph.Document{Text: e.Text, Purpose: e.Purpose}
		known[e.ID], known[Digest(e.Text)] = doc, doc
	}
	d.known, d.version = known, version
	return nil
}

func (d *Documents) changes(ctx context.Context) (version int64, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT version FROM shared_changes WHERE what = 'documents'").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look whether documents changed: %w", err)
	}
	return version, nil
}

// List returns the entries that count, by id.
func (d *Documents) List(ctx context.Context) ([]Entry, error) { return d.list(ctx, d.db) }

func (d *Documents) list(ctx context.Context, db querier) ([]Entry, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, text, purpose, name, added_at, mac FROM shared_documents ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	defer rows.Close()
	var out []Entry
	foreign := 0
	for rows.Next() {
		var e Entry
		var added int64
		var mac []byte
		if err := rows.Scan(&e.ID, &e.Text, &e.Purpose, &e.Name, &added, &mac); err != nil {
			return nil, fmt.Errorf("read the documents: %w", err)
		}
		e.Added = time.Unix(added, 0).UTC()
		if !hmac.Equal(mac, d.mac(e)) || isDigest(e.ID) && e.ID != Digest(e.Text) {
			foreign++
			continue
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	if foreign > 0 {
		d.log.WarnContext(ctx, "trusted documents are ignored: they were not registered with the key of this deployment; if gateway.key is a new one, remove and add them again", "documents", foreign)
	}
	return out, nil
}

// Errors of Add.
var (
	ErrManyDocuments = fmt.Errorf("the registry has room for %d documents: remove those that no client sends any more", maxDocuments)
	ErrOtherText     = errors.New("the id stands for another text already, and what an id stands for never changes: remove it first, or let the tool make ids of texts")
	ErrOtherPurpose  = errors.New("the text is registered for another purpose: remove that entry first, or write @for into one of the two")
)

// Conflict is an entry that cannot be added, and why.
type Conflict struct {
	Entry Entry
	Err   error
}

// Error names the entry.
func (c Conflict) Error() string { return c.Entry.ID + ": " + c.Err.Error() }

// Unwrap returns the reason.
func (c Conflict) Unwrap() error { return c.Err }

// Add registers all entries or none; those that are there already stay. It returns how many are new. Who calls it has
// validated them.
func (d *Documents) Add(ctx context.Context, entries []Entry) (added int, err error) {
	err = d.change(ctx, func(tx *sql.Tx) error {
		all, err := d.list(ctx, tx)
		if err != nil {
			return err
		}
		byID, byDigest := map[string]Entry{}, map[string]Entry{}
		for _, e := range all {
			byID[e.ID], byDigest[Digest(e.Text)] = e, e
		}
		var errs []error
		added = 0
		for _, e := range entries {
			digest := Digest(e.Text)
			old, isOld := byID[e.ID]
			twin, isTwin := byDigest[digest]
			switch {
			case isDigest(e.ID) && e.ID != digest:
				errs = append(errs, Conflict{e, errors.New("the id looks like a SHA-256, and is not that of the text")})
				continue
			case isOld && old.Text != e.Text:
				errs = append(errs, Conflict{e, ErrOtherText})
				continue
			case isTwin && twin.Purpose != e.Purpose:
				errs = append(errs, Conflict{e, ErrOtherPurpose})
				continue
			case isOld:
				continue
			}
			e.Added = d.now().UTC().Truncate(time.Second)
			byID[e.ID], byDigest[digest] = e, e
			// One that does not count, because it has no MAC of ours, gives way.
			if _, err := tx.ExecContext(ctx, d.sql("DELETE FROM shared_documents WHERE id = ?"), e.ID); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, d.sql("INSERT INTO shared_documents (id, text, purpose, name, added_at, mac) VALUES (?, ?, ?, ?, ?, ?)"),
				e.ID, e.Text, e.Purpose, e.Name, e.Added.Unix(), d.mac(e)); err != nil {
				return err
			}
			added++
		}
		if len(byID) > maxDocuments {
			errs = append(errs, ErrManyDocuments)
		}
		return errors.Join(errs...)
	})
	return added, err
}

// Remove takes entries out; on every replica they are unknown before a second is over. It returns how many there were.
func (d *Documents) Remove(ctx context.Context, ids []string) (removed int, err error) {
	err = d.change(ctx, func(tx *sql.Tx) error {
		removed = 0
		for _, id := range ids {
			res, err := tx.ExecContext(ctx, d.sql("DELETE FROM shared_documents WHERE id = ?"), id)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	return removed, err
}

// change runs fn as the only one that changes the registry, counts the change, and tells the other replicas.
func (d *Documents) change(ctx context.Context, fn func(tx *sql.Tx) error) error {
	err := d.within(ctx, func(tx *sql.Tx) error {
		// The first statement takes the row's lock: two who add at once see each other's entries.
		if _, err := tx.ExecContext(ctx, "INSERT INTO shared_changes (what, version) VALUES ('documents', 1) ON CONFLICT (what) DO UPDATE SET version = shared_changes.version + 1"); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	d.stale()
	if err := d.events.Publish(ctx, graph.TopicDocuments, nil); err != nil {
		d.log.DebugContext(ctx, "other replicas notice the change of documents by themselves", "err", err)
	}
	return nil
}

// stale makes the next look-up ask the database.
func (d *Documents) stale() { d.changed.Store(true) }

// follow heeds notices until the bus ends.
func (d *Documents) follow(notices <-chan graph.Notice) {
	for range notices {
		d.stale()
	}
}
