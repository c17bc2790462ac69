package keyring

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/ent/store"
)

// Destroy destroys the keys of subjects (GDPR Art. 17; NIST SP 800-88 calls it cryptographic erase). First it is written into
// the ledger, so that from there on it will happen, whatever fails. When Destroy returns
//
//   - no cell sealed with these keys can be opened any more, by this or any other process, in the data or in its backups;
//   - the rows of these people exist for nobody, on every replica, because their state says so in the rows themselves;
//   - blind indexes say nothing about them.
//
// Doing it twice does no harm. The reason is kept for good: it must not name anybody.
func (k *Keyring) Destroy(ctx context.Context, reason string, subjects ...policy.SubjectID) error {
	for _, s := range subjects {
		if s == uuid.Nil {
			return errors.New("destroy keys: the key of rows that are about nobody is nobody's to destroy")
		}
	}
	if err := k.onHold(ctx, subjects); err != nil {
		return err
	}
	return pieces(ordered(subjects), piece, func(subjects []uuid.UUID) error {
		list := make([]erasure, len(subjects))
		for i, s := range subjects {
			list[i] = erasure{s, k.c.Now(), reason}
		}
		if err := k.record(ctx, list); err != nil {
			return err
		}
		return k.carryOut(ctx, list)
	})
}

// onHold refuses people of whom any record is under a legal hold: what legal claims need is not erased (GDPR Art. 17(3)(e)).
// Nobody is erased then, so that whoever asked sees which request they have to look at. What is in the ledger already is
// carried out whatever a restored row says.
func (k *Keyring) onHold(ctx context.Context, subjects []uuid.UUID) error {
	held := map[uuid.UUID]bool{}
	for _, t := range k.c.Schema.Entities() {
		if !t.Subject {
			continue
		}
		query := k.dd.sql(fmt.Sprintf(`SELECT DISTINCT subject_id FROM %s WHERE privacy_state & %d <> 0 AND %s`, ident(t.Table), int64(policy.Held), k.dd.among("subject_id")))
		err := pieces(subjects, piece, func(subjects []uuid.UUID) error {
			return each(ctx, k.data, func(rows *sql.Rows) error {
				var id uuid.UUID
				err := rows.Scan(&id)
				held[id] = true
				return err
			}, query, k.dd.list(subjects))
		})
		if err != nil {
			return fmt.Errorf("look for legal holds: %w", err)
		}
	}
	if len(held) == 0 {
		return nil
	}
	ids := make([]string, 0, len(held))
	for id := range held {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	return fmt.Errorf("destroy keys of %s: %w", strings.Join(ids[:min(len(ids), 10)], ", "), ErrOnHold)
}

// carryOut does what the ledger says.
func (k *Keyring) carryOut(ctx context.Context, list []erasure) error {
	subjects := subjectsOf(list)
	k.cache.destroy(subjects)
	if err := k.bury(ctx, list); err != nil {
		return err
	}
	return k.close(ctx, subjects)
}

// bury takes the wrapped keys away, and leaves a stone where each was: nobody makes the person a new one.
func (k *Keyring) bury(ctx context.Context, list []erasure) error {
	// When this happens here, not when it was asked for: Follow looks for what is new.
	now, err := k.now(ctx)
	if err != nil {
		return fmt.Errorf("destroy keys: %w", err)
	}
	err = within(ctx, k.keys, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, k.d.sql(`INSERT INTO keyring_keys (subject_id, created_at, destroyed_at) VALUES (?, ?, ?)
			ON CONFLICT (subject_id) DO UPDATE SET kek_version = NULL, wrapped = NULL, destroyed_at = excluded.destroyed_at WHERE keyring_keys.destroyed_at IS NULL`))
		if err != nil {
			return err
		}
		defer func() { _ = stmt.Close() }()
		for _, e := range list {
			if _, err := stmt.ExecContext(ctx, e.subject.String(), now, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("destroy keys: %w", err)
	}
	return k.scrub(ctx, k.c.Keys)
}

// scrub makes SQLite forget what was overwritten: pages are cleared when they are given up (secure_delete), and the log that
// still has them is cut to nothing. While somebody reads it the log stays until a later time.
func (k *Keyring) scrub(ctx context.Context, s *store.Store) error {
	if s.Dialect != dialect.SQLite {
		return nil
	}
	var busy, pages, moved int
	if err := s.DB.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("clear the log of a database: %w", err)
	}
	if busy != 0 { // which is no error to SQLite
		k.c.Log.WarnContext(ctx, "what was overwritten is still in the log of the database, which somebody reads: it is cut when all programs that use it have ended", "keys", s == k.c.Keys)
	}
	return nil
}

// close marks the rows of people as being erased, which hides them from everybody, empties their blind indexes, and deletes what is
// kept beside.
func (k *Keyring) close(ctx context.Context, subjects []uuid.UUID) error {
	list := k.dd.list(subjects)
	return within(ctx, k.data, func(tx *sql.Tx) error {
		for _, t := range k.c.Schema.Entities() { // all people first: whoever is writing about one of them is waited for
			if !t.Subject {
				continue
			}
			query := fmt.Sprintf(`UPDATE %s SET privacy_state = privacy_state | %d WHERE %s AND privacy_state & %d = 0`,
				ident(t.Table), int64(policy.Erasing), k.dd.among("subject_id"), int64(policy.Erasing))
			if _, err := tx.ExecContext(ctx, k.dd.sql(query), list); err != nil {
				return fmt.Errorf("hide %s: %w", t.Plural, err)
			}
		}
		for _, t := range k.c.Schema.Entities() {
			if query := unindex(t); query != "" {
				if _, err := tx.ExecContext(ctx, k.dd.sql(query+k.dd.among(ident(t.SealedBy()))), list); err != nil {
					return fmt.Errorf("empty the blind indexes of %s: %w", t.Plural, err)
				}
			}
		}
		for _, table := range k.c.Beside {
			if _, err := tx.ExecContext(ctx, k.dd.sql(fmt.Sprintf(`DELETE FROM %s WHERE %s`, ident(table), k.dd.among("subject_id"))), list); err != nil {
				return fmt.Errorf("empty %s: %w", table, err)
			}
		}
		return nil
	})
}

// unindex is the statement that empties the blind indexes of a type, up to which rows.
func unindex(t *ir.Type) string {
	var set []string
	for _, f := range t.Fields {
		if f.Blind() {
			set = append(set, ident(f.IndexColumn())+" = NULL")
		}
	}
	if set == nil {
		return ""
	}
	return fmt.Sprintf(`UPDATE %s SET %s WHERE %s AND `, ident(t.Table), strings.Join(set, ", "), indexed(t))
}

// Hold keeps data from being served until Replay is through.
func (k *Keyring) Hold() { k.held.Store(true) }

// Held reports whether erasures have still to be carried out: ErrHeld.
func (k *Keyring) Held() error {
	if k.held.Load() {
		return ErrHeld
	}
	return nil
}

// Replayed says what Replay found.
type Replayed struct {
	Erasures int64 `json:"erasures"` // lines of the ledger
	Again    int64 `json:"again"`    // of those, carried out again: keys or rows had come back
	Learned  int64 `json:"learned"`  // lines the ledger did not have, and the keys database had
}

// Replay compares what is there with the ledger, and carries out again what a restored backup brought back. What the keys
// database knows and the ledger does not (the ledger of another replica has it) is written into the ledger. Until it is
// through, nothing may be served: see Hold. Progress gets the lines done and all lines, and may be nil.
func (k *Keyring) Replay(ctx context.Context, progress func(done, total int64)) (Replayed, error) {
	var r Replayed
	if err := k.learn(ctx, &r); err != nil {
		return r, err
	}
	total, err := k.count(ctx)
	if err != nil {
		return r, err
	}
	var after uuid.UUID
	for {
		list, err := k.erased(ctx, after)
		if err != nil {
			return r, err
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1].subject
		back, err := k.back(ctx, list)
		if err != nil {
			return r, err
		}
		if err := k.carryOut(ctx, back); err != nil {
			return r, err
		}
		r.Erasures += int64(len(list))
		r.Again += int64(len(back))
		if progress != nil {
			progress(r.Erasures, max(total, r.Erasures))
		}
	}
	if r.Again > 0 {
		k.c.Log.WarnContext(ctx, "erasures were carried out again on what was restored", "event", "security", "kind", "erasures_replayed", "again", r.Again)
	}
	k.held.Store(false)
	return r, nil
}

// learn copies the erasures the ledger does not have.
func (k *Keyring) learn(ctx context.Context, r *Replayed) error {
	var after uuid.UUID
	for {
		var list []erasure
		err := each(ctx, k.keys, func(rows *sql.Rows) error {
			e := erasure{reason: "learned from the keys database"}
			if err := rows.Scan(&e.subject, &e.at); err != nil {
				return err
			}
			list = append(list, e)
			return nil
		}, k.d.sql(`SELECT subject_id, destroyed_at FROM keyring_keys WHERE destroyed_at IS NOT NULL AND subject_id > ? ORDER BY subject_id LIMIT ?`), after.String(), piece)
		if err != nil {
			return fmt.Errorf("read destroyed keys: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].subject
		n, err := k.recordNew(ctx, list)
		if err != nil {
			return err
		}
		r.Learned += n
	}
}

// back lists the erasures of which something is there again: a key, a row that is not hidden, a blind index.
func (k *Keyring) back(ctx context.Context, list []erasure) ([]erasure, error) {
	subjects := subjectsOf(list)
	done, err := k.destroyed(ctx, subjects)
	if err != nil {
		return nil, err
	}
	undone := func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		done[id] = false
		return err
	}
	for _, t := range k.c.Schema.Entities() {
		var open []string
		if t.Subject {
			open = append(open, fmt.Sprintf("privacy_state & %d = 0", int64(policy.Erasing)))
		}
		if any := indexed(t); any != "" {
			open = append(open, any)
		}
		if open == nil {
			continue
		}
		query := fmt.Sprintf(`SELECT DISTINCT %s FROM %s WHERE (%s) AND %s`, ident(t.SealedBy()), ident(t.Table), strings.Join(open, " OR "), k.dd.among(ident(t.SealedBy())))
		if err := each(ctx, k.data, undone, k.dd.sql(query), k.dd.list(subjects)); err != nil {
			return nil, fmt.Errorf("look for restored %s: %w", t.Plural, err)
		}
	}
	var out []erasure
	for _, e := range list {
		if !done[e.subject] {
			out = append(out, e)
		}
	}
	return out, nil
}

// now is the time by the one clock that all processes share: that of the keys database.
func (k *Keyring) now(ctx context.Context) (time.Time, error) {
	if !k.shared { // a file's processes are on one machine
		return k.c.Now().UTC(), nil
	}
	var now time.Time
	err := k.keys.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return now.UTC(), err
}

// followMargin is how far back Follow reads again: a transaction is seen later than it began.
const followMargin = 2 * time.Minute

// lateAfter is how long after a destruction its rows are looked at again: longer than a request may take.
const lateAfter = time.Minute

// closeLate hides rows of people who were destroyed up to then, once more: those of whoever was about to write about them with a
// key that this process or another still had, and all of them where a process ended between the keys and the data.
func (k *Keyring) closeLate(ctx context.Context, until time.Time) error {
	if !until.After(k.closed) {
		return nil
	}
	var list []erasure
	err := each(ctx, k.keys, func(rows *sql.Rows) error {
		var e erasure
		err := rows.Scan(&e.subject)
		list = append(list, e)
		return err
	}, k.d.sql(`SELECT subject_id FROM keyring_keys WHERE destroyed_at > ? AND destroyed_at <= ?`), k.closed.UTC(), until.UTC())
	if err != nil {
		return fmt.Errorf("follow the keys database: %w", err)
	}
	err = pieces(list, piece, func(list []erasure) error {
		late, err := k.back(ctx, list)
		if err != nil || len(late) == 0 {
			return err
		}
		return k.close(ctx, ordered(subjectsOf(late)))
	})
	if err != nil {
		return fmt.Errorf("hide what was written late about people who were erased: %w", err)
	}
	k.closed = until
	return nil
}

// Follow learns what other processes did: keys they destroyed are wiped here, and new versions become known. A server calls it
// every few seconds. Reads do not wait for it: whoever was erased has no rows to read.
func (k *Keyring) Follow(ctx context.Context) error {
	k.following.Lock()
	defer k.following.Unlock()
	now, err := k.now(ctx)
	if err != nil {
		return fmt.Errorf("follow the keys database: %w", err)
	}
	var gone []uuid.UUID
	err = each(ctx, k.keys, func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		gone = append(gone, id)
		return err
	}, k.d.sql(`SELECT subject_id FROM keyring_keys WHERE destroyed_at > ?`), k.seen.Add(-followMargin).UTC())
	if err != nil {
		return fmt.Errorf("follow the keys database: %w", err)
	}
	k.cache.destroy(gone)
	k.seen = now
	if err := errors.Join(k.seals.refresh(ctx), k.blinds.refresh(ctx), k.signers.refresh(ctx)); err != nil {
		return fmt.Errorf("follow the keys database: %w", err)
	}
	return errors.Join(k.closeLate(ctx, now.Add(-lateAfter)), k.look(ctx))
}
