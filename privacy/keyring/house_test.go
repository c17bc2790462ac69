package keyring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/compiler"
	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/e2e/postgres"
	"github.com/cloakroom-crm/cloakroom/ent/seal"
	"github.com/cloakroom-crm/cloakroom/ent/store"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/keyringtest"
	"github.com/cloakroom-crm/cloakroom/privacy/keyring/rootkey"
)

// sdl is a small world: people, their files, and notes about either. PERSON_NICK is where the storage of a field goes.
const sdl = `
enum Purpose { CARE @lawful(basis: CONTRACT, bit: 0, notice: "We look after you.") }
enum Role { NURSE @clearance(categories: [IDENTITY, CONTACT, HEALTH], upTo: SPECIAL, purposes: [CARE]) }

type Person @entity(table: "people") @subject @purpose(only: [CARE]) @access(to: [READ, CREATE, UPDATE, DELETE], roles: [NURSE])
  @retain(for: "P1Y", after: "leftAt", because: "x") {
  name: String @pii(category: IDENTITY)
  email: String @unique @format(as: EMAIL) @pii(category: CONTACT, find: EXACT)
  nick: String @pii(category: IDENTITY, mask: NULL, STORE)
  born: Date @pii(category: IDENTITY, mask: NULL)
  seen: DateTime @pii(category: IDENTITY, mask: NULL)
  visits: Int @pii(category: IDENTITY, mask: NULL, find: EXACT)
  weight: Float @pii(category: HEALTH, mask: NULL)
  owed: Decimal @pii(category: IDENTITY, mask: NULL)
  smokes: Boolean @pii(category: HEALTH, mask: NULL)
  blood: Blood @pii(category: HEALTH, mask: NULL)
  history: JSON @pii(category: HEALTH, mask: NULL)
  leftAt: DateTime @public(because: "x")
}
enum Blood { A B }
type File @entity(table: "files") @purpose(only: [CARE]) @access(roles: [NURSE]) @retain(for: "P1Y", after: "at", because: "x") {
  at: DateTime @public(because: "x")
  person: Person @owner @edge(onDelete: CASCADE)
}
type Note @entity(table: "notes") @purpose(only: [CARE]) @access(roles: [NURSE]) @retain(for: "P1Y", after: "at", because: "x") {
  at: DateTime @public(because: "x")
  text: String @pii(category: HEALTH, find: EXACT)
  person: Person @owner @edge(onDelete: CASCADE)
  file: File @owner @edge(onDelete: CASCADE)
}
scalar JSON
`

func compiled(t testing.TB, nick string) *ir.Schema {
	t.Helper()
	text := strings.NewReplacer("STORE", "store: "+nick, "scalar JSON\n", "").Replace(sdl)
	s, found := compiler.Compile([]ir.Source{{Name: "small.graphqls", Text: text}})
	if len(found) > 0 {
		t.Fatal(found)
	}
	return s
}

// world is the small world on one database.
type world struct {
	*keyring.Keyring
	schema *ir.Schema
	data   *store.Store
	dir    string
	log    *logBuffer
	// of the keys, to open them once more
	keys, ledger, root string
}

// each runs a test with data and keys in SQLite, and in PostgreSQL.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })
	}
}

func open(t testing.TB, name string, edit ...func(*keyring.Config)) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{dir: dir, schema: compiled(t, "SEALED"), log: &logBuffer{}, ledger: filepath.Join(dir, "erasures.db"), root: filepath.Join(dir, "root.json")}
	url := filepath.Join(dir, "data.db")
	w.keys = filepath.Join(dir, "keys.db")
	if name == "postgres" {
		url = postgres.Start(t)
		w.keys = url
	}
	w.data = keyringtest.Store(t, url)
	w.tables(t)
	if err := rootkey.CreateFile(w.root); err != nil {
		t.Fatal(err)
	}
	w.Keyring = w.again(t, edit...)
	return w
}

// again opens another keyring on the same keys, as another process would.
func (w *world) again(t testing.TB, edit ...func(*keyring.Config)) *keyring.Keyring {
	t.Helper()
	k, err := w.try(t, edit...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func (w *world) try(t testing.TB, edit ...func(*keyring.Config)) (*keyring.Keyring, error) {
	t.Helper()
	c := keyring.Config{Schema: w.schema, Data: w.data, Keys: keyringtest.Store(t, w.keys), Ledger: keyringtest.Store(t, w.ledger),
		Root: rootkey.Later("file:" + w.root), Log: slog.New(slog.NewTextHandler(w.log, nil)), Settle: time.Millisecond}
	for _, e := range edit {
		e(&c)
	}
	return keyring.Open(context.Background(), c)
}

// logBuffer keeps a log that several goroutines write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tables makes the tables of the schema, with a column for either storage of Person.nick.
func (w *world) tables(t testing.TB) {
	t.Helper()
	id, blob := "text", "blob"
	if w.data.Dialect == dialect.Postgres {
		id, blob = "uuid", "bytea"
	}
	for _, typ := range w.schema.Entities() {
		columns := []string{"id " + id + " PRIMARY KEY"}
		if typ.Subject {
			columns = append(columns, "subject_id "+id, "privacy_state bigint NOT NULL DEFAULT 0")
		} else if typ.HasSealed() {
			columns = append(columns, "sealed_by "+id)
		}
		for _, f := range typ.Fields {
			switch {
			case f.Sealed():
				columns = append(columns, f.Column+" "+blob)
			case f.Kind == ir.ToOne:
				columns = append(columns, f.Column+" "+id)
			case f.Kind == ir.Column:
				columns = append(columns, f.Column+" timestamp")
			}
			if f.Blind() {
				columns = append(columns, f.IndexColumn()+" bigint")
			}
			if f.Unique {
				columns = append(columns, f.InstanceColumn()+" bigint NOT NULL DEFAULT 0", fmt.Sprintf("UNIQUE (%s, %s)", f.IndexColumn(), f.InstanceColumn()))
			}
		}
		if typ.Subject {
			columns = append(columns[:len(columns):len(columns)], "nick text")
			// constraints come last
			for i, c := range columns {
				if strings.HasPrefix(c, "UNIQUE") {
					columns = append(append(columns[:i:i], columns[i+1:]...), c)
					break
				}
			}
		}
		w.exec(t, fmt.Sprintf("CREATE TABLE %s (%s)", typ.Table, strings.Join(columns, ", ")))
	}
}

// exec runs SQL with ? as the parameters.
func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := w.data.DB.Exec(w.numbered(query), args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (w *world) numbered(query string) string {
	if w.data.Dialect != dialect.Postgres {
		return query
	}
	for n := 1; strings.Contains(query, "?"); n++ {
		query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
	}
	return query
}

// scan reads one value.
func (w *world) scan(t testing.TB, dest any, query string, args ...any) {
	t.Helper()
	if err := w.data.DB.QueryRow(w.numbered(query), args...).Scan(dest); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// row writes a row; keys and values by field name.
func (w *world) row(t testing.TB, typ string, values map[string]any) uuid.UUID {
	t.Helper()
	ty := w.schema.Type(typ)
	id := uuid.Must(uuid.NewV7())
	if ty.Subject {
		w.exec(t, fmt.Sprintf("INSERT INTO %s (id, subject_id) VALUES (?, ?)", ty.Table), id.String(), id.String())
	} else {
		w.exec(t, fmt.Sprintf("INSERT INTO %s (id) VALUES (?)", ty.Table), id.String())
	}
	var changes []keyringtest.Change
	for _, edges := range []bool{true, false} { // whom it is about comes first
		for name, v := range values {
			if f := ty.Field(name); (f.Kind == ir.ToOne) == edges {
				changes = append(changes, keyringtest.Change{Type: ty, Row: id, Column: f.Column, Value: v})
			}
		}
		keyringtest.Put(t, w.Keyring, w.data, changes...)
		changes = nil
	}
	return id
}

// read opens a cell of a stored row with a keyring; nil when it does not open, or is empty.
func (w *world) read(t testing.TB, k *keyring.Keyring, typ, field string, row uuid.UUID) any {
	t.Helper()
	f := w.schema.Type(typ).Field(field)
	var by uuid.NullUUID
	var cell []byte
	w.scan(t, &by, fmt.Sprintf("SELECT %s FROM %s WHERE id = ?", f.Owner.SealedBy(), f.Owner.Table), row.String())
	w.scan(t, &cell, fmt.Sprintf("SELECT %s FROM %s WHERE id = ?", f.SealedColumn(), f.Owner.Table), row.String())
	if cell == nil {
		return nil
	}
	b, err := k.Keys(context.Background(), []uuid.UUID{by.UUID})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	plain, ok := b.Open(nil, by.UUID, row, f, cell)
	if !ok {
		return nil
	}
	v, err := format.PlainValue(plain)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// everything is a value for every sealed field of Person.
func everything(n int) map[string]any {
	return map[string]any{
		"name": fmt.Sprintf("Ada %d", n), "email": fmt.Sprintf("Ada%d@Example.com", n), "nick": "ad", "born": time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC),
		"seen": time.Date(2026, 11, 25, 1, 2, 3, 4000, time.UTC), "visits": int64(n), "weight": 61.5, "owed": int64(-15000), "smokes": false, "blood": "A",
		"history": json.RawMessage(`["measles",{"at":7}]`),
	}
}

// put overwrites a value by field name, or subject_id.
func (w *world) put(t testing.TB, typ string, row uuid.UUID, field string, v any) {
	t.Helper()
	ty := w.schema.Type(typ)
	column := field
	if f := ty.Field(field); f != nil {
		column = f.Column
	}
	keyringtest.Put(t, w.Keyring, w.data, keyringtest.Change{Type: ty, Row: row, Column: column, Value: v})
}

// backup is a copy of the files of data, keys and root key.
type backup struct {
	w   *world
	dir string
}

func (w *world) copy(t testing.TB) backup {
	t.Helper()
	b := backup{w, t.TempDir()}
	w.exec(t, "VACUUM INTO '"+filepath.Join(b.dir, "data.db")+"'")
	keys := keyringtest.Store(t, w.keys)
	if _, err := keys.DB.Exec("VACUUM INTO '" + filepath.Join(b.dir, "keys.db") + "'"); err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(w.root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "root.json"), root, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// restore is a world of the backup's files, with a ledger from elsewhere.
func (b backup) restore(t testing.TB, ledger string) *world {
	t.Helper()
	return &world{schema: b.w.schema, dir: b.dir, log: b.w.log, data: keyringtest.Store(t, filepath.Join(b.dir, "data.db")),
		keys: filepath.Join(b.dir, "keys.db"), ledger: ledger, root: filepath.Join(b.dir, "root.json")}
}

// change sets a sealed field through the hook of a mutation.
func change(t testing.TB, k *keyring.Keyring, data *store.Store, typ *ir.Type, row uuid.UUID, f *ir.Field, v any) {
	t.Helper()
	if err := tryChange(k, data, typ, row, f, v); err != nil {
		t.Error(err)
	}
}

func tryChange(k *keyring.Keyring, data *store.Store, typ *ir.Type, row uuid.UUID, f *ir.Field, v any) (err error) {
	tx, err := data.DB.Begin()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	w := k.On(tx)
	defer w.Close()
	m := &mutation{typ: typ.Name, id: row, fields: map[string]any{f.Column: nil}}
	if v != nil {
		m.fields[f.Column] = seal.Open(v)
	}
	if err := w.Seal(context.Background(), m); err != nil {
		return err
	}
	var cell any
	if c, ok := m.fields[f.Column].(seal.Cell); ok {
		cell = c.Bytes()
	}
	query := fmt.Sprintf(`UPDATE %s SET %s = ? WHERE id = ?`, typ.Table, f.Column)
	if data.Dialect == dialect.Postgres {
		query = fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE id = $2`, typ.Table, f.Column)
	}
	if _, err := tx.Exec(query, cell, row.String()); err != nil {
		return err
	}
	return tx.Commit()
}

// mutation is an update of one row as Ent would make it. A field that is nil is cleared.
type mutation struct {
	ent.Mutation
	typ    string
	id     uuid.UUID
	fields map[string]any
}

func (m *mutation) Op() ent.Op            { return ent.OpUpdateOne }
func (m *mutation) Type() string          { return m.typ }
func (m *mutation) ID() (uuid.UUID, bool) { return m.id, true }
func (m *mutation) Field(name string) (ent.Value, bool) {
	v := m.fields[name]
	return v, v != nil
}
func (m *mutation) FieldCleared(name string) bool {
	v, ok := m.fields[name]
	return ok && v == nil
}
func (m *mutation) SetField(name string, v ent.Value) error {
	m.fields[name] = v
	return nil
}
func (m *mutation) ClearField(name string) error {
	m.fields[name] = nil
	return nil
}
