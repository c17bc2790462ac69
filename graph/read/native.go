package read

import (
	"context"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// native is PostgreSQL by pgx, without database/sql between: cells are read from the wire's bytes, and texts are copied
// once, many to a block of memory.
type native struct{ db nativeQuerier }

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 24 * 3600 * 1e6
)

func (p native) rows(ctx context.Context, query string, args []any, width, expect int, mem *memory) ([][]cell, error) {
	rows, err := p.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := mem.rows.take(expect, 0)[:0]
	fields := rows.FieldDescriptions()
	for rows.Next() {
		raw := rows.RawValues()
		if len(raw) < width || len(fields) < width {
			return nil, fmt.Errorf("%d columns instead of %d", len(raw), width)
		}
		row := mem.cells.take(width, 8*width)
		for i := range row {
			if row[i], err = mem.cell(fields[i].DataTypeOID, fields[i].Format, raw[i]); err != nil {
				return nil, err
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// text copies b. The copy is not written to before the run is over, so it may be seen as a string until then.
func (m *memory) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	t := m.texts.take(len(b), 4<<10)
	copy(t, b)
	return unsafe.String(&t[0], len(t)) //nolint:gosec // the bytes are not written to while the run lasts, nor the string kept longer
}

// cell reads a value in the form PostgreSQL sent it (https://www.postgresql.org/docs/15/protocol-message-formats.html;
// binary formats as the server's *send functions write them).
func (m *memory) cell(oid uint32, format int16, b []byte) (cell, error) {
	if b == nil {
		return cell{}, nil
	}
	if format == pgx.TextFormatCode {
		switch oid {
		case pgtype.TextOID, pgtype.VarcharOID, pgtype.JSONOID, pgtype.JSONBOID:
			return cell{kind: cellText, s: m.text(b)}, nil
		}
		return cell{}, fmt.Errorf("type %d came as text", oid)
	}
	var want int
	var c cell
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.JSONOID, pgtype.BPCharOID:
		return cell{kind: cellText, s: m.text(b)}, nil
	case pgtype.JSONBOID:
		if len(b) < 1 || b[0] != 1 {
			return cell{}, fmt.Errorf("jsonb of an unknown version")
		}
		return cell{kind: cellText, s: m.text(b[1:])}, nil
	case pgtype.UUIDOID:
		if want = 16; len(b) == want {
			c = cell{kind: cellUUID, s: m.text(b)}
		}
	case pgtype.Int8OID:
		if want = 8; len(b) == want {
			c = cell{kind: cellInt, n: int64(binary.BigEndian.Uint64(b))}
		}
	case pgtype.Int4OID:
		if want = 4; len(b) == want {
			c = cell{kind: cellInt, n: int64(int32(binary.BigEndian.Uint32(b)))}
		}
	case pgtype.Int2OID:
		if want = 2; len(b) == want {
			c = cell{kind: cellInt, n: int64(int16(binary.BigEndian.Uint16(b)))}
		}
	case pgtype.BoolOID:
		if want = 1; len(b) == want {
			c = cell{kind: cellBool, n: int64(b[0])}
		}
	case pgtype.Float8OID:
		if want = 8; len(b) == want {
			c = cell{kind: cellFloat, n: int64(binary.BigEndian.Uint64(b))}
		}
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		if want = 8; len(b) == want {
			c = cell{kind: cellTime, n: int64(binary.BigEndian.Uint64(b)) + epochMicros}
		}
	case pgtype.DateOID:
		if want = 4; len(b) == want {
			c = cell{kind: cellTime, n: (int64(int32(binary.BigEndian.Uint32(b))) + epochDays) * 24 * 3600 * 1e6}
		}
	default:
		return cell{}, fmt.Errorf("type %d is none the schema has", oid)
	}
	if len(b) != want {
		return cell{}, fmt.Errorf("type %d has %d bytes instead of %d", oid, len(b), want)
	}
	return c, nil
}
