package seal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
)

// ErrOpen is what a database driver gets of a cell that nobody sealed.
var ErrOpen = errors.New("a cell that is to be sealed was about to be written in the clear")

// Cell is the value of a sealed field. The zero Cell is null.
type Cell struct {
	open   any    // string, int64, float64, bool, time.Time, uuid.UUID or json.RawMessage
	sealed []byte // as stored
}

// Open returns a cell that holds a plain storage value and waits to be sealed.
func Open(v any) Cell { return Cell{open: v} }

// Sealed returns a cell as the database keeps it.
func Sealed(b []byte) Cell { return Cell{sealed: b} }

// Plain returns the value of an open cell.
func (c Cell) Plain() (v any, open bool) { return c.open, c.open != nil }

// Bytes returns a sealed cell as stored; nil if it is null or open.
func (c Cell) Bytes() []byte { return c.sealed }

// Value gives the driver a sealed cell, and of an open one ErrOpen.
func (c Cell) Value() (driver.Value, error) {
	switch {
	case c.open != nil:
		return nil, ErrOpen
	case c.sealed == nil:
		return nil, nil
	}
	return c.sealed, nil
}

// Scan takes a cell from the driver. The driver may use its memory again, so the cell keeps a copy.
func (c *Cell) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c = Cell{}
	case []byte:
		*c = Sealed(append([]byte{}, v...))
	case string:
		*c = Sealed([]byte(v))
	default:
		return fmt.Errorf("a sealed cell is bytes, not a %T", v)
	}
	return nil
}

const withheld = "[withheld]"

// String tells nothing.
func (c Cell) String() string { return withheld }

// GoString tells nothing.
func (c Cell) GoString() string { return withheld }

// Format tells nothing, whatever the verb.
func (c Cell) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(withheld)) }

// LogValue tells nothing.
func (c Cell) LogValue() slog.Value { return slog.StringValue(withheld) }

// MarshalJSON tells nothing.
func (c Cell) MarshalJSON() ([]byte, error) { return []byte(`"` + withheld + `"`), nil }
