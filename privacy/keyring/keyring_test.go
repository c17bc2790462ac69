package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

var ctx = context.Background()

func TestEveryKindOfValueComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.row(t, "Person", everything(7))
		for name, want := range everything(7) {
			if got := w.read(t, w.Keyring, "Person", name, id); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %#v, want %#v", name, got, want)
			}
		}
		if other := w.again(t); w.read(t, other, "Person", "name", id) != "Ada 7" {
			t.Error("another process does not read it")
		}
	})
}

// Whoever can write to the database can not move a cell: to another row, field, person or table, shortened or changed.
func TestSwappedCellsDoNotOpen(t *testing.T) {
	w := open(t, "sqlite")
	note := w.schema.Type("Note").Field("text")
	person := w.schema.Type("Person")
	var people []uuid.UUID
	for n := range 40 {
		people = append(people, w.row(t, "Person", everything(n)))
	}
	b, err := w.Keys(ctx, people)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cell := func(row uuid.UUID, column string) (c []byte) {
		w.scan(t, &c, `SELECT `+column+` FROM people WHERE id = ?`, row.String())
		return c
	}
	tried := 0
	name := person.Field("name")
	for i, one := range people {
		for j, other := range people {
			if i == j {
				continue
			}
			tried++
			if _, ok := b.Open(nil, one, one, name, cell(other, "name_sealed")); ok {
				t.Fatal("a cell of another row opens")
			}
			if _, ok := b.Open(nil, other, one, name, cell(other, "name_sealed")); ok {
				t.Fatal("a cell of another row opens with its own key")
			}
		}
		for _, f := range person.Fields {
			if f.Sealed() && f != name {
				if _, ok := b.Open(nil, one, one, name, cell(one, f.Column)); ok {
					t.Fatalf("%s opens as a name", f.Name)
				}
				tried++
			}
		}
		whole := cell(one, "name_sealed")
		for _, bad := range [][]byte{{}, {1}, whole[:len(whole)-1], whole[1:], append([]byte{2}, whole[1:]...), append(whole[:len(whole):len(whole)], 0)} {
			if _, ok := b.Open(nil, one, one, name, bad); ok {
				t.Fatal("a changed cell opens")
			}
		}
		if _, ok := b.Open(nil, one, one, note, whole); ok {
			t.Fatal("a cell of another table opens")
		}
		for at := range whole {
			bad := append([]byte{}, whole...)
			bad[at] ^= 0x10
			if _, ok := b.Open(nil, one, one, name, bad); ok {
				t.Fatalf("byte %d can be changed", at)
			}
		}
		if plain, ok := b.Open(nil, one, one, name, whole); !ok || !strings.Contains(string(plain), "Ada") {
			t.Fatal("an honest cell does not open")
		}
	}
	if tried < 1000 {
		t.Errorf("only %d cells were swapped", tried)
	}
	if log := w.log.String(); !strings.Contains(log, "sealed_cell_rejected") || strings.Contains(log, "Ada") {
		t.Errorf("the log says %.300s", log)
	}
	if n := strings.Count(w.log.String(), "sealed_cell_rejected"); n > 20 {
		t.Errorf("one batch wrote %d events", n)
	}
}

// A row is sealed with the key of whom it is about, and again when that changes: also when it changes far away.
func TestCellsFollowThePerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		ofAda := w.row(t, "File", map[string]any{"person": ada})
		note := w.row(t, "Note", map[string]any{"file": ofAda, "text": "measles"})
		nobodys := w.row(t, "Note", map[string]any{"text": "the door squeaks"})
		put := func(typ string, row uuid.UUID, field string, v any) {
			t.Helper()
			w.put(t, typ, row, field, v)
		}
		by := func(row uuid.UUID) (id uuid.NullUUID) {
			w.scan(t, &id, `SELECT sealed_by FROM notes WHERE id = ?`, row.String())
			return id
		}
		if by(note).UUID != ada || by(nobodys).Valid || w.read(t, w.Keyring, "Note", "text", nobodys) != "the door squeaks" {
			t.Fatal(by(note), by(nobodys))
		}
		put("File", ofAda, "person", eve) // the note says nothing of it
		if by(note).UUID != eve || w.read(t, w.Keyring, "Note", "text", note) != "measles" {
			t.Error("a note did not follow its file", by(note))
		}
		put("Note", note, "person", ada)
		if by(note).UUID != ada || w.read(t, w.Keyring, "Note", "text", note) != "measles" {
			t.Error("a note did not follow its person", by(note))
		}
		put("Note", note, "person", nil)
		put("File", ofAda, "person", nil)
		if by(note).Valid || w.read(t, w.Keyring, "Note", "text", note) != "measles" {
			t.Error("a note of nobody is not nobody's", by(note))
		}
		put("Note", note, "person", eve)
		if err := w.Destroy(ctx, "test", ada); err != nil {
			t.Fatal(err)
		}
		if w.read(t, w.Keyring, "Note", "text", note) != "measles" {
			t.Error("a note went with somebody it was about once")
		}
		// One person who was two.
		bob := w.row(t, "Person", everything(3))
		case3 := w.row(t, "File", map[string]any{"person": bob})
		note3 := w.row(t, "Note", map[string]any{"file": case3, "text": "cough"})
		put("Person", bob, "subject_id", eve)
		if by(note3).UUID != eve || w.read(t, w.Keyring, "Note", "text", note3) != "cough" || w.read(t, w.Keyring, "Person", "name", bob) != "Ada 3" {
			t.Error("what is kept of a person who was two did not follow")
		}
	})
}

func TestDestroyedIsGoneForGood(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.row(t, "Person", everything(1)), w.row(t, "Person", everything(2))
		note := w.row(t, "Note", map[string]any{"person": ada, "text": "measles"})
		other := w.again(t)
		if w.read(t, other, "Person", "name", ada) != "Ada 1" {
			t.Fatal("another process does not read it")
		}
		if err := w.Destroy(ctx, "request 1", ada, ada); err != nil {
			t.Fatal(err)
		}
		if got := w.read(t, w.Keyring, "Person", "name", ada); got != nil {
			t.Errorf("still %v", got)
		}
		if got := w.read(t, w.Keyring, "Note", "text", note); got != nil {
			t.Errorf("still %v", got)
		}
		var state int64
		w.scan(t, &state, `SELECT privacy_state FROM people WHERE id = ?`, ada.String())
		if policy.State(state)&policy.Erasing == 0 {
			t.Error("the rows do not say it, so other replicas go on reading from their caches")
		}
		var left int
		w.scan(t, &left, `SELECT (SELECT count(email_index) FROM people WHERE id = ?) + (SELECT count(text_index) FROM notes)`, ada.String())
		if left != 0 {
			t.Error("a blind index still tells of somebody who was erased")
		}
		if err := other.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		if got := w.read(t, other, "Person", "name", ada); got != nil {
			t.Errorf("another process still reads %v", got)
		}
		if _, err := w.Ensure(ctx, []uuid.UUID{ada}); !errors.Is(err, keyring.ErrDestroyed) {
			t.Errorf("the person gets a new key: %v", err)
		}
		if w.read(t, w.Keyring, "Person", "name", eve) != "Ada 2" {
			t.Error("somebody else went too")
		}
		if err := w.Destroy(ctx, "x", uuid.Nil); err == nil {
			t.Error("the key of nobody was destroyed")
		}
	})
}

// A page that read a key just before it was destroyed does not put it back.
func TestADestroyedKeyIsNotPutBack(t *testing.T) {
	w := open(t, "sqlite")
	ada := w.row(t, "Person", everything(1))
	k := w.again(t)
	b, err := k.Keys(ctx, []uuid.UUID{ada})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(ctx, "test", ada); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if n := cached(t, k); n != 0 {
		t.Errorf("%d keys in memory", n)
	}
	if b, err := k.Keys(ctx, []uuid.UUID{ada}); err != nil {
		t.Fatal(err)
	} else if _, ok := b.Open(nil, ada, ada, w.schema.Type("Person").Field("name"), []byte("x")); ok {
		t.Error("opened")
	}
}

func cached(t *testing.T, k *keyring.Keyring) int {
	t.Helper()
	s, err := k.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s.Cached
}

func TestTheCacheIsBounded(t *testing.T) {
	w := open(t, "sqlite")
	var people []uuid.UUID
	for range 200 {
		people = append(people, uuid.New())
	}
	if b, err := w.Ensure(ctx, people); err != nil {
		t.Fatal(err)
	} else {
		b.Close()
	}
	k := w.again(t, func(c *keyring.Config) { c.CacheBytes = 50 << 10 })
	name := w.schema.Type("Person").Field("name")
	for range 3 {
		b, err := k.Keys(ctx, people) // more at once than there is room for
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range people {
			cell, err := b.Seal(p, p, name, "x")
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := b.Open(nil, p, p, name, cell); !ok {
				t.Fatal("a key in use was wiped")
			}
		}
		b.Close()
		if n := cached(t, k); n > 50 {
			t.Errorf("%d keys in memory", n)
		}
	}
}

// TestCacheSize measures what a cipher takes, so that a bound in bytes is one.
func TestCacheSize(t *testing.T) {
	w := open(t, "sqlite")
	const n = 20_000
	people := make([]uuid.UUID, n)
	for i := range people {
		people[i] = uuid.New()
	}
	k := w.again(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b, err := k.Ensure(ctx, people)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	each := int(heap()-before) / n
	t.Logf("%d bytes a key", each)
	if each > 1200 {
		t.Errorf("a key takes %d bytes", each)
	}
	if cached(t, k) != n {
		t.Error("not all are cached")
	}
	runtime.KeepAlive(people)
}

// What is restored from before an erasure is not served: Replay carries it out again, on data and on keys.
func TestReplayAfterARestore(t *testing.T) {
	w := open(t, "sqlite")
	const n = 1000
	people := make([]uuid.UUID, 0, n)
	for i := range n {
		people = append(people, w.row(t, "Person", map[string]any{"name": fmt.Sprint("Ada ", i), "email": fmt.Sprintf("a%d@example.com", i)}))
	}
	stays := w.row(t, "Person", everything(n))
	backup := w.copy(t)
	if err := w.Destroy(ctx, "test", people...); err != nil {
		t.Fatal(err)
	}
	readable := func(w *world, k *keyring.Keyring) (n int) {
		for _, p := range people {
			if w.read(t, k, "Person", "name", p) != nil {
				n++
			}
		}
		return n
	}
	if n := readable(w, w.Keyring); n != 0 {
		t.Fatalf("%d are readable", n)
	}
	old := backup.restore(t, w.ledger)
	k := old.again(t)
	k.Hold()
	if err := k.Held(); !errors.Is(err, keyring.ErrHeld) {
		t.Error(err)
	}
	if got := readable(old, k); got != n {
		t.Fatalf("the backup is no backup: %d of %d", got, n)
	}
	r, err := k.Replay(ctx, nil)
	if err != nil || r.Again != n || r.Erasures != n {
		t.Fatalf("%+v %v", r, err)
	}
	if k.Held() != nil {
		t.Error("still held")
	}
	if n := readable(old, k); n != 0 {
		t.Errorf("%d are readable again", n)
	}
	if n := readable(old, old.again(t)); n != 0 {
		t.Errorf("another process reads %d", n)
	}
	var hidden int
	old.scan(t, &hidden, fmt.Sprintf(`SELECT count(*) FROM people WHERE privacy_state & %d > 0 AND email_index IS NULL`, int64(policy.Erasing)))
	if hidden != n {
		t.Errorf("%d rows are hidden", hidden)
	}
	if old.read(t, k, "Person", "name", stays) == nil {
		t.Error("somebody else went too")
	}
	if r, err := k.Replay(ctx, nil); err != nil || r.Again != 0 {
		t.Errorf("a second time: %+v %v", r, err)
	}
}

// The ledger of a replica learns what others erased.
func TestTheLedgerLearns(t *testing.T) {
	w := open(t, "sqlite")
	ada := w.row(t, "Person", everything(1))
	if err := w.Destroy(ctx, "test", ada); err != nil {
		t.Fatal(err)
	}
	w.ledger = filepath.Join(w.dir, "another.db")
	k := w.again(t)
	if r, err := k.Replay(ctx, nil); err != nil || r.Learned != 1 || r.Again != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if s, err := k.Status(ctx); err != nil || s.Erasures != 1 || s.Destroyed != 1 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestRotateRewrapRetire(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada := w.row(t, "Person", everything(1))
		nobodys := w.row(t, "Note", map[string]any{"text": "the door squeaks"})
		if err := w.Retire(ctx, 1); !errors.Is(err, keyring.ErrInUse) {
			t.Errorf("the newest version: %v", err)
		}
		other := w.again(t)
		w.read(t, other, "Person", "name", ada)
		v, err := w.Rotate(ctx)
		if err != nil || v != 2 {
			t.Fatal(v, err)
		}
		if err := w.Retire(ctx, 1); !errors.Is(err, keyring.ErrInUse) {
			t.Errorf("a version that wraps a key: %v", err)
		}
		eve := w.row(t, "Person", everything(2))
		var seen []int64
		n, err := w.Rewrap(ctx, func(done, total int64) { seen = append(seen, done, total) })
		if err != nil || n == 0 || len(seen) < 4 || seen[len(seen)-2] != seen[len(seen)-1] {
			t.Fatal(n, err, seen)
		}
		if err := w.Retire(ctx, 1); err != nil {
			t.Fatal(err)
		}
		for name, k := range map[string]*keyring.Keyring{"this process": w.Keyring, "another process": other, "a new process": w.again(t)} {
			if w.read(t, k, "Person", "name", ada) != "Ada 1" || w.read(t, k, "Person", "name", eve) != "Ada 2" || w.read(t, k, "Note", "text", nobodys) == nil {
				t.Errorf("%s does not read any more", name)
			}
			// Who still believes in the old version makes a key all the same.
			if b, err := k.Ensure(ctx, []uuid.UUID{uuid.New()}); err != nil {
				t.Errorf("%s: %v", name, err)
			} else {
				b.Close()
			}
		}
		s, err := w.Status(ctx)
		if err != nil || len(s.Versions) != 1 || s.Versions[0].Version != 2 || s.Problem != "" || s.Apart == (w.data.Dialect == "postgres") {
			t.Errorf("%+v %v", s, err)
		}
	})
}

// A backup of the keys from before a version was retired opens nothing, not even with the root key of today.
func TestARetiredVersionClosesOlderBackups(t *testing.T) {
	w := open(t, "sqlite")
	ada := w.row(t, "Person", everything(1))
	backup := w.copy(t)
	if err := w.Destroy(ctx, "test", ada); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rewrap(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Retire(ctx, 1); err != nil {
		t.Fatal(err)
	}
	old := backup.restore(t, filepath.Join(w.dir, "no-ledger.db"))
	old.root = w.root
	k, err := old.try(t)
	if err == nil {
		_, err = k.Keys(ctx, []uuid.UUID{ada})
	}
	if !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, rootkey.ErrWrongKey) {
		t.Errorf("a thief with an old backup and the root key: %v", err)
	}
}

func TestKeysThatCannotBeHad(t *testing.T) {
	w := open(t, "sqlite")
	ada := w.row(t, "Person", everything(1))
	away := filepath.Join(w.dir, "away.json")
	if err := os.Rename(w.root, away); err != nil {
		t.Fatal(err)
	}
	k := w.again(t)
	if _, err := k.Keys(ctx, []uuid.UUID{ada}); !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, rootkey.ErrMissing) || !strings.Contains(err.Error(), w.root) {
		t.Errorf("without the root key: %v", err)
	}
	if _, err := k.Blind(ctx, w.schema.Type("Person").Field("email"), "x"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
	if s, err := k.Status(ctx); err != nil || s.Problem == "" || s.Keys == 0 {
		t.Errorf("%+v %v", s, err)
	}
	if err := rootkey.CreateFile(w.root); err != nil {
		t.Fatal(err)
	}
	if _, err := w.again(t).Keys(ctx, []uuid.UUID{ada}); !errors.Is(err, rootkey.ErrWrongKey) {
		t.Errorf("with another root key: %v", err)
	}
	if err := os.Rename(away, w.root); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3100 * time.Millisecond) // it does not ask again at once
	if w.read(t, k, "Person", "name", ada) != "Ada 1" {
		t.Error("the key is back, and nobody looks")
	}
	// A keys database that was lost is not made anew.
	w.keys = filepath.Join(w.dir, "lost.db")
	if _, err := w.try(t); !errors.Is(err, keyring.ErrLost) {
		t.Errorf("without the keys database: %v", err)
	}
}

// The index finds equal values, tells fields and versions apart, and is cut to its bits.
func TestBlindIndexes(t *testing.T) {
	w := open(t, "sqlite")
	email, visits := w.schema.Type("Person").Field("email"), w.schema.Type("Person").Field("visits")
	text := w.schema.Type("Note").Field("text")
	index := func(k *keyring.Keyring, f *ir.Field, v any) int64 {
		t.Helper()
		all, err := k.Blind(ctx, f, v)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0]
	}
	other := w.again(t)
	if index(w.Keyring, email, "Ada@Example.com") != index(other, email, "ada@example.com") {
		t.Error("addresses have a case, or processes disagree")
	}
	if index(w.Keyring, text, "Ada") == index(w.Keyring, text, "ada") {
		t.Error("other texts have none")
	}
	if index(w.Keyring, email, "x") == index(w.Keyring, text, "x") {
		t.Error("two fields share an index")
	}
	seen := map[int64]int{}
	short := w.again(t, func(c *keyring.Config) { c.IndexBits = 10 })
	const n = 20_000
	for i := range n {
		v := index(short, visits, int64(i))
		if v < 0 || v >= 1<<10 {
			t.Fatal(v)
		}
		seen[v]++
		if v := index(w.Keyring, visits, int64(i)); v < 0 || v >= 1<<32 {
			t.Fatal(v)
		}
	}
	// Documented: one look-up among n rows meets n/2^bits strays.
	for v, have := range seen {
		if have < n>>10/8 || have > n>>10*3 { // of 1,024 some have few: with a third of the mean one run in nine would fail
			t.Errorf("index %d: %d values share it, expected about %d", v, have, n>>10)
		}
	}
	if !format.Same(email, "A@b.example", "a@B.example") || format.Same(text, "A", "a") || format.Same(visits, int64(1), int64(2)) {
		t.Error("values compare otherwise than their index")
	}
}

func TestReindex(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var people []uuid.UUID
		for n := range 700 {
			people = append(people, w.row(t, "Person", map[string]any{"name": "x", "email": fmt.Sprintf("a%d@example.com", n)}))
		}
		if err := w.Destroy(ctx, "test", people[3]); err != nil {
			t.Fatal(err)
		}
		email := w.schema.Type("Person").Field("email")
		before, err := w.Blind(ctx, email, "a5@example.com")
		if err != nil {
			t.Fatal(err)
		}
		// Stopped halfway, both indexes are looked for, and it goes on where it was.
		stop, cancel := context.WithCancel(ctx)
		if _, err := w.Reindex(stop, func(done, total int64) {
			if done >= 400 {
				cancel()
			}
		}); err == nil {
			t.Fatal("was not stopped")
		}
		k := w.again(t)
		finds := func() {
			t.Helper()
			for n, id := range people {
				if n == 3 {
					continue
				}
				all, err := k.Blind(ctx, email, fmt.Sprintf("a%d@example.com", n))
				if err != nil {
					t.Fatal(err)
				}
				var have int64
				w.scan(t, &have, `SELECT email_index FROM people WHERE id = ?`, id.String())
				found := false
				for _, v := range all {
					found = found || v == have
				}
				if !found {
					t.Fatalf("row %d is not found any more", n)
				}
			}
		}
		finds()
		var first int64
		if done, err := k.Reindex(ctx, func(done, _ int64) {
			if first == 0 {
				first = done
			}
		}); err != nil || done < 699 || first < 400 {
			t.Fatal(done, first, err)
		}
		finds()
		after, err := k.Blind(ctx, email, "a5@example.com")
		if err != nil || len(after) != 1 || after[0] == before[0] {
			t.Error("the key is the same", before, after, err)
		}
	})
}

// A cell is bound to the place's name: who compiled the schema once more reads and seals the same.
func TestPlacesAreNames(t *testing.T) {
	w := open(t, "sqlite")
	id := w.row(t, "Person", everything(1))
	w.schema = compiled(t, "SEALED")
	if got := w.read(t, w.Keyring, "Person", "name", id); got != "Ada 1" {
		t.Errorf("with the schema compiled again: %v", got)
	}
	other := w.schema.Type("Person").Field("email")
	one, err := w.Blind(ctx, compiled(t, "SEALED").Type("Person").Field("email"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := w.Blind(ctx, other, "x"); err != nil || one[0] != two[0] {
		t.Error(one, two, err)
	}
}
