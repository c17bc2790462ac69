package keyring

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// A field that changes from PLAIN to SEALED, or back, gets a second column. Until every value has moved, both are read, and
// whatever is written goes to the new one and leaves the old one empty. What is moving is seen from the columns themselves.

// Move is a field whose values are on the way to the storage the schema declares.
type Move struct {
	Field string `json:"field"`
	To    string `json:"to"` // SEALED or PLAIN
	field *ir.Field
}

// moving are the fields on the way.
type moving struct {
	mu     sync.RWMutex
	fields map[*ir.Field]bool
	epoch  uint64
	looked time.Time // at all fields
}

// has reports whether values of f may still be in its other column.
func (m *moving) has(f *ir.Field) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.fields[f]
}

func (m *moving) list() []Move {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := []Move{}
	for f := range m.fields {
		to := "PLAIN"
		if f.Sealed() {
			to = "SEALED"
		}
		out = append(out, Move{f.Coordinate(), to, f})
	}
	slices.SortFunc(out, func(a, b Move) int { return strings.Compare(a.Field, b.Field) })
	return out
}

func (m *moving) set(fields map[*ir.Field]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !maps.Equal(fields, m.fields) {
		m.epoch++
	}
	m.fields = fields
}

// again has the next look be at all fields.
func (m *moving) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked = time.Time{}
}

// Moving reports whether values of f may still be in the column of its other storage.
func (k *Keyring) Moving(f *ir.Field) bool { return k.moving.has(f) }

// Epoch changes whenever Moving does.
func (k *Keyring) Epoch() uint64 {
	k.moving.mu.RLock()
	defer k.moving.mu.RUnlock()
	return k.moving.epoch
}

// lookAtAll is how often fields are looked at that are not known to move: while servers are replaced one by one, an older one
// still writes to the column it knows.
const lookAtAll = 3 * time.Minute

// look finds what is moving. Fields that are known to move are looked at every time, all of them now and then.
func (k *Keyring) look(ctx context.Context) error {
	k.moving.mu.Lock()
	was, now := k.moving.fields, time.Now()
	looked := now.Sub(k.moving.looked) < lookAtAll
	if !looked {
		k.moving.looked = now
	}
	k.moving.mu.Unlock()
	if looked && len(was) == 0 {
		return nil
	}
	fields := map[*ir.Field]bool{}
	for _, t := range k.c.Schema.Entities() {
		var columns map[string]bool
		for _, f := range t.Fields {
			if f.Kind != ir.Column || f.Pii == nil || looked && !was[f] {
				continue
			}
			if columns == nil {
				var err error
				if columns, err = k.columns(ctx, t); err != nil {
					return err
				}
			}
			if !columns[f.OtherColumn()] {
				continue
			}
			var left bool
			if err := k.data.QueryRowContext(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM %s WHERE %s IS NOT NULL)`, ident(t.Table), ident(f.OtherColumn()))).Scan(&left); err != nil {
				return fmt.Errorf("see whether %s has moved: %w", f.Coordinate(), err)
			}
			if left {
				fields[f] = true
			}
		}
	}
	k.moving.set(fields)
	return nil
}

// columns are the columns of a table.
func (k *Keyring) columns(ctx context.Context, t *ir.Type) (map[string]bool, error) {
	out := map[string]bool{}
	query := `SELECT name FROM pragma_table_info(?)`
	if k.dd.postgres() {
		query = `SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?`
	}
	err := each(ctx, k.data, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		out[name] = true
		return err
	}, k.dd.sql(query), t.Table)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t.Table, err)
	}
	return out, nil
}
