package read

import (
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// cell is one value as a database handed it out. The two databases differ in what they hand out, and SQLite forgets a
// column's type behind an expression: what a cell means is settled by its field. The zero cell is null.
type cell struct {
	policy.Withheld

	kind cellKind
	n    int64  // of cellInt; cellBool (0, 1); cellFloat (its bits); cellTime (µs since 1970 UTC)
	s    string // of cellText; cellUUID (its 16 bytes)
}

type cellKind uint8

const (
	cellNull cellKind = iota
	cellText
	cellInt
	cellFloat
	cellBool
	cellTime
	cellUUID
)

// cellOf takes a value of database/sql.
func cellOf(v any) cell {
	switch v := v.(type) {
	case string:
		return cell{kind: cellText, s: v}
	case []byte:
		return cell{kind: cellText, s: string(v)}
	case int64:
		return cell{kind: cellInt, n: v}
	case float64:
		return cell{kind: cellFloat, n: int64(math.Float64bits(v))}
	case bool:
		c := cell{kind: cellBool}
		if v {
			c.n = 1
		}
		return c
	case time.Time:
		return cell{kind: cellTime, n: v.UnixMicro()}
	case [16]byte:
		return cell{kind: cellUUID, s: string(v[:])}
	default:
		return cell{}
	}
}

func (c cell) null() bool { return c.kind == cellNull }

// key is a row's id in the form rows are matched by: 16 bytes, or nothing.
func (c cell) key() string {
	switch c.kind {
	case cellUUID:
		return c.s
	case cellText:
		if id, err := uuid.Parse(c.s); err == nil {
			return string(id[:])
		}
	}
	return ""
}

// uuidOf is the id behind a key.
func uuidOf(key string) (id uuid.UUID) {
	copy(id[:], key)
	return id
}

func (c cell) float() float64 { return math.Float64frombits(uint64(c.n)) }

// as settles the cell as the field's storage value: a cell of the one kind that the field's scalar has.
func (c cell) as(s ir.Scalar) cell {
	switch s {
	case ir.DateTime, ir.Date:
		if c.kind == cellText {
			return parseTime(c.s)
		}
	case ir.Boolean:
		if c.kind == cellInt {
			c.kind = cellBool
		}
	case ir.Float:
		if c.kind == cellInt {
			return cell{kind: cellFloat, n: int64(math.Float64bits(float64(c.n)))}
		}
	}
	return c
}

var timeLayouts = [...]string{"2006-01-02 15:04:05.999999999-07:00", time.RFC3339Nano, "2006-01-02 15:04:05", time.DateOnly}

func parseTime(s string) cell {
	for _, l := range timeLayouts {
		if t, err := time.Parse(l, s); err == nil {
			return cell{kind: cellTime, n: t.UnixMicro()}
		}
	}
	return cell{}
}

// value is the cell as a storage value for masks, cursors and the keyring: string, int64, float64, bool, time.Time, nil.
func (c cell) value(s ir.Scalar) any {
	switch c = c.as(s); c.kind {
	case cellText:
		return c.s
	case cellInt:
		return c.n
	case cellFloat:
		return c.float()
	case cellBool:
		return c.n != 0
	case cellTime:
		return time.UnixMicro(c.n).UTC()
	case cellUUID:
		return uuidOf(c.s).String()
	default:
		return nil
	}
}
