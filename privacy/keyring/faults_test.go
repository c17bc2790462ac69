package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
)

// loses takes a key out of the keys database, as a backup from before it was made would.
func (w *world) loses(t testing.TB, subject uuid.UUID) {
	t.Helper()
	keys := keyringtest.Store(t, w.keys)
	if _, err := keys.DB.Exec(w.numbered(`DELETE FROM keyring_keys WHERE subject_id = ?`), subject.String()); err != nil {
		t.Fatal(err)
	}
}

// A key that is missing may be in a backup. What it seals is not thrown away as if it had been destroyed.
func TestAMissingKeyIsNotADestroyedOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		note := w.row(t, "Note", map[string]any{"person": ada, "text": "measles"})
		w.loses(t, ada)
		cells := func() (n int) {
			w.scan(t, &n, `SELECT count(*) FROM notes WHERE text_sealed IS NOT NULL`)
			return n
		}
		k := w.again(t)
		tx, err := w.data.DB.Begin()
		if err != nil {
			t.Fatal(err)
		}
		keeper := k.On(tx)
		if _, err := tx.Exec(w.numbered(`UPDATE notes SET person_id = ? WHERE id = ?`), eve.String(), note.String()); err != nil {
			t.Fatal(err)
		}
		typ := w.schema.Type("Note")
		keeper.Turned(typ, note, typ.Field("person"))
		if err := keeper.Flush(ctx); !errors.Is(err, keyring.ErrUnavailable) {
			t.Errorf("a note whose key is missing turned to somebody else: %v", err)
		}
		keeper.Close()
		if err := tx.Rollback(); err != nil || cells() != 1 {
			t.Fatal(err, cells())
		}
		// The field goes back to PLAIN.
		w.schema = compiled(t, "PLAIN")
		plain := w.again(t)
		c, err := plain.Convert(ctx, nil)
		if err != nil || c.Values != 1 || c.Gone != 0 || c.Rejected != 1 {
			t.Errorf("%+v %v", c, err)
		}
		var left int
		w.scan(t, &left, `SELECT count(*) FROM people WHERE nick_sealed IS NOT NULL`)
		if left != 1 || !strings.Contains(w.log.String(), "is the keys database older than the data") {
			t.Error("the cell was thrown away", left)
		}
	})
}

// Legal holds win, and nobody of the list is erased. What the ledger has is carried out all the same.
func TestLegalHoldsWin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		w.exec(t, fmt.Sprintf(`UPDATE people SET privacy_state = privacy_state | %d WHERE id = ?`, int64(policy.Held)), ada.String())
		err := w.Destroy(ctx, "request 1", eve, ada)
		if !errors.Is(err, keyring.ErrOnHold) || !strings.Contains(err.Error(), ada.String()) || strings.Contains(err.Error(), eve.String()) {
			t.Fatal(err)
		}
		if w.read(t, w.Keyring, "Person", "name", eve) != "Ada 2" || w.read(t, w.Keyring, "Person", "name", ada) != "Ada 1" {
			t.Error("somebody was erased")
		}
		if s, err := w.Status(ctx); err != nil || s.Erasures != 0 || s.Destroyed != 0 {
			t.Error(s, err)
		}
		w.exec(t, `UPDATE people SET privacy_state = 0`)
		if err := w.Destroy(ctx, "request 1", eve, ada); err != nil {
			t.Fatal(err)
		}
		w.exec(t, fmt.Sprintf(`UPDATE people SET privacy_state = %d`, int64(policy.Held))) // restored
		if r, err := w.Replay(ctx, nil); err != nil || r.Again != 2 {
			t.Error(r, err)
		}
	})
}

// Two processes make, and destroy, the keys of the same people at once, each in its own order.
func TestManyKeysAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.again(t)
		for round := range 4 {
			there := make([]uuid.UUID, 300)
			for i := range there {
				there[i] = uuid.New()
			}
			back := make([]uuid.UUID, len(there))
			for i, s := range there {
				back[len(back)-1-i] = s
			}
			both(t, func() error { return ensure(w.Keyring, there) }, func() error { return ensure(other, back) })
			if round%2 == 1 {
				both(t, func() error { return w.Destroy(ctx, "x", there...) }, func() error { return other.Destroy(ctx, "x", back...) })
			}
		}
	})
}

func ensure(k *keyring.Keyring, subjects []uuid.UUID) error {
	b, err := k.Ensure(ctx, subjects)
	if err == nil {
		b.Close()
	}
	return err
}

func both(t *testing.T, one, other func() error) {
	t.Helper()
	var wait sync.WaitGroup
	for _, do := range []func() error{one, other} {
		wait.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// A note changes while its file is given to somebody else: neither is lost. SQLite has one writer at a time anyway.
func TestAChangeBesideResealingIsNotLost(t *testing.T) {
	w := open(t, "postgres")
	ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
	file := w.row(t, "File", map[string]any{"person": ada})
	note := w.row(t, "Note", map[string]any{"file": file, "text": "before"})
	text := w.schema.Type("Note").Field("text")

	writer, err := w.data.DB.Begin() // has changed the note, and not committed
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Keys(ctx, []uuid.UUID{ada})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cell, err := b.Seal(ada, note, text, "after")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec(`UPDATE notes SET text_sealed = $1 WHERE id = $2`, cell, note.String()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- turnFile(w, file, eve)
	}()
	time.Sleep(300 * time.Millisecond)
	if err := writer.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var by uuid.UUID
	w.scan(t, &by, `SELECT sealed_by FROM notes WHERE id = ?`, note.String())
	if got := w.read(t, w.Keyring, "Note", "text", note); by != eve || got != "after" {
		t.Errorf("%v, sealed by Eve: %t", got, by == eve)
	}
}

func turnFile(w *world, file, to uuid.UUID) error {
	tx, err := w.data.DB.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	keeper := w.On(tx)
	defer keeper.Close()
	if _, err := tx.Exec(`UPDATE files SET person_id = $1 WHERE id = $2`, to.String(), file.String()); err != nil {
		return err
	}
	typ := w.schema.Type("File")
	keeper.Turned(typ, file, typ.Field("person"))
	if err := keeper.Flush(context.Background()); err != nil {
		return err
	}
	return tx.Commit()
}

// A run that was stopped goes on where it was, in whatever order the schema has its types.
func TestReindexGoesOnInAnyOrder(t *testing.T) {
	for _, turned := range []bool{false, true} {
		w := open(t, "sqlite", func(c *keyring.Config) { c.JobRows = 1 })
		ada := w.row(t, "Person", everything(1))
		note := w.row(t, "Note", map[string]any{"person": ada, "text": "measles"})
		if turned {
			slices.Reverse(w.schema.Types)
		}
		for stop := 1; ; stop++ {
			c, cancel := context.WithCancel(ctx)
			steps := 0
			_, err := w.Reindex(c, func(int64, int64) {
				if steps++; steps > 1 {
					cancel()
				}
			})
			cancel()
			if err == nil {
				break
			}
			if stop > 10 {
				t.Fatal(err)
			}
		}
		for _, at := range []struct {
			field *ir.Field
			row   uuid.UUID
			v     any
		}{{w.schema.Type("Note").Field("text"), note, "measles"}, {w.schema.Type("Person").Field("visits"), ada, int64(1)}} {
			want, err := w.Blind(ctx, at.field, at.v)
			if err != nil {
				t.Fatal(err)
			}
			var have int64
			w.scan(t, &have, fmt.Sprintf(`SELECT %s FROM %s WHERE id = ?`, at.field.IndexColumn(), at.field.Owner.Table), at.row.String())
			if len(want) != 1 || have != want[0] {
				t.Errorf("%s is not found any more", at.field.Coordinate())
			}
		}
	}
}

// A closed keyring gives no index: one made with a key of zeros would tell the value to whoever tries out some.
func TestAClosedKeyringIsClosed(t *testing.T) {
	w := open(t, "sqlite")
	f := w.schema.Type("Note").Field("text")
	if _, err := w.Blind(ctx, f, "x"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := w.Blind(ctx, f, "x"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := w.Ensure(ctx, []uuid.UUID{uuid.New()}); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
}

// Another process still has the key and writes, or ends between keys and data: the rows are looked at again.
func TestWhatIsWrittenLateIsHidden(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		other := w.again(t)
		if err := ensure(other, []uuid.UUID{ada}); err != nil { // it is in its cache
			t.Fatal(err)
		}
		if err := w.Destroy(ctx, "request 1", ada); err != nil {
			t.Fatal(err)
		}
		typ := w.schema.Type("Note")
		note := w.row(t, "Note", map[string]any{"person": eve})
		keyringtest.Put(t, other, w.data, keyringtest.Change{Type: typ, Row: note, Column: typ.Field("person").Column, Value: ada})
		keyringtest.Put(t, other, w.data, keyringtest.Change{Type: typ, Row: note, Column: typ.Field("text").Column, Value: "measles"})
		w.exec(t, `UPDATE people SET privacy_state = 0`)
		left := func() (n int) {
			w.scan(t, &n, fmt.Sprintf(`SELECT (SELECT count(*) FROM notes WHERE text_index IS NOT NULL) + (SELECT count(*) FROM people WHERE privacy_state & %d = 0)`, int64(policy.Erasing)))
			return n
		}
		if left() != 3 {
			t.Fatal(left())
		}
		now := time.Now()
		third := w.again(t, func(c *keyring.Config) { c.Now = func() time.Time { return now } })
		now = now.Add(2 * time.Minute)
		if err := third.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		if left() != 1 {
			t.Error("the index of a late note, or a row, is still there", left())
		}
	})
}

// A note is written while its file is given to somebody else: it is sealed with the key of whom it comes to be about.
func TestANoteBesideItsFileIsNotStranded(t *testing.T) {
	w := open(t, "postgres")
	ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
	file := w.row(t, "File", map[string]any{"person": ada})
	note := uuid.Must(uuid.NewV7())
	typ := w.schema.Type("Note")
	tx, err := w.data.DB.Begin()
	if err != nil {
		t.Fatal(err)
	}
	keeper := w.On(tx)
	defer keeper.Close()
	if err := keeper.Expect(ctx, typ, []uuid.UUID{note}, true, func(_ int, column string) uuid.UUID {
		if column == typ.Field("file").Column {
			return file
		}
		return uuid.Nil
	}); err != nil {
		t.Fatal(err)
	}
	b, err := w.Keys(ctx, []uuid.UUID{ada})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cell, err := b.Seal(ada, note, typ.Field("text"), "measles")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`INSERT INTO notes (id, file_id, sealed_by, text_sealed) VALUES ($1, $2, $3, $4)`, note.String(), file.String(), ada.String(), cell); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- turnFile(w, file, eve) }()
	time.Sleep(300 * time.Millisecond)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var by uuid.UUID
	w.scan(t, &by, `SELECT sealed_by FROM notes WHERE id = ?`, note.String())
	if by != eve || w.read(t, w.Keyring, "Note", "text", note) != "measles" {
		t.Error("the note is sealed with the key of whom its file was about")
	}
}

// A row whose key is missing gets no second key: its first cells would be lost when the key is restored.
func TestNoSecondKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, bare := w.row(t, "Person", everything(1)), w.row(t, "Person", nil)
		w.loses(t, ada)
		w.loses(t, bare)
		k := w.again(t)
		person := w.schema.Type("Person")
		if err := tryChange(k, w.data, person, ada, person.Field("name"), "Augusta"); !errors.Is(err, keyring.ErrUnavailable) {
			t.Errorf("a row with sealed cells: %v", err)
		}
		if err := tryChange(k, w.data, person, bare, person.Field("name"), "Eve"); err != nil {
			t.Errorf("a row without: %v", err)
		}
		if known, err := k.Knows(ctx, ada); err != nil || known {
			t.Errorf("a second key was made: %v", err)
		}
		if w.read(t, k, "Person", "name", bare) != "Eve" {
			t.Error("the first key was not made")
		}
	})
}

// An index that cannot be made anew keeps the older one, and its key with it, until its cell opens again.
func TestReindexKeepsWhatDoesNotOpen(t *testing.T) {
	w := open(t, "sqlite")
	ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
	var cell, bad []byte
	w.scan(t, &cell, `SELECT email_sealed FROM people WHERE id = ?`, ada.String())
	bad = append(bad, cell...)
	bad[len(bad)-1] ^= 1
	w.exec(t, `UPDATE people SET email_sealed = ? WHERE id = ?`, bad, ada.String())
	if _, err := w.Reindex(ctx, nil); !errors.Is(err, keyring.ErrTampered) {
		t.Fatal(err)
	}
	email := w.schema.Type("Person").Field("email")
	found := func(row uuid.UUID, address string) bool {
		t.Helper()
		all, err := w.Blind(ctx, email, address)
		if err != nil {
			t.Fatal(err)
		}
		var index int64
		w.scan(t, &index, `SELECT email_index FROM people WHERE id = ?`, row.String())
		return slices.Contains(all, index)
	}
	if !found(ada, "Ada1@Example.com") || !found(eve, "Ada2@Example.com") {
		t.Error("somebody is not found any more")
	}
	w.exec(t, `UPDATE people SET email_sealed = ? WHERE id = ?`, cell, ada.String())
	if _, err := w.Reindex(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Status(ctx); err != nil || len(s.Indexes) != 1 || !found(ada, "Ada1@Example.com") || !found(eve, "Ada2@Example.com") {
		t.Errorf("%+v %v", s, err)
	}
}

// One key that does not open keeps the others from nothing.
func TestRewrapGoesOnPastADamagedKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		keys := keyringtest.Store(t, w.keys)
		if _, err := keys.DB.Exec(w.numbered(`UPDATE keyring_keys SET wrapped = ? WHERE subject_id = ?`), make([]byte, 60), ada.String()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Rewrap(ctx, nil); !errors.Is(err, keyring.ErrTampered) || n == 0 {
			t.Errorf("%d %v", n, err)
		}
		k := w.again(t)
		if w.read(t, k, "Person", "name", eve) != "Ada 2" {
			t.Error("another one cannot be read")
		}
		s, err := k.Status(ctx)
		if err != nil || s.Versions[0].Keys != 1 {
			t.Errorf("%+v %v", s, err)
		}
	})
}

// A version that the root key does not open takes nothing away from those who are wrapped with another.
func TestADamagedVersionHarmsNoOther(t *testing.T) {
	w := open(t, "sqlite")
	ada := w.row(t, "Person", everything(1))
	if _, err := w.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	eve := w.row(t, "Person", everything(2))
	keys := keyringtest.Store(t, w.keys)
	if _, err := keys.DB.Exec(`UPDATE keyring_keks SET wrapped = (SELECT wrapped FROM keyring_keks WHERE version = 2) WHERE version = 1`); err != nil {
		t.Fatal(err)
	}
	k := w.again(t)
	if _, err := k.Keys(ctx, []uuid.UUID{ada}); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("keys of the damaged version: %v", err)
	}
	if _, err := k.Keys(ctx, []uuid.UUID{eve}); err != nil {
		t.Errorf("keys of the other version: %v", err)
	}
}
