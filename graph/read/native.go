package read

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-crm/cloakroom/ent/detach"
)

// native is PostgreSQL by pgx, without database/sql between: cells are read from the wire's bytes, and texts are copied
// once, many to a block of memory.
type native struct{ pool *pgxpool.Pool }

func (p native) run(ctx context.Context, calls []call, _ bool, mem *memory) (out [][][]cell, err error) {
	ctx = detach.Context(ctx)
	out = make([][][]cell, len(calls))
	for i, c := range calls {
		rows, err := p.pool.Query(ctx, c.sql, c.args...)
		if err != nil {
			return nil, err
		}
		if out[i], err = mem.scan(rows, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nativeSnapshot is a transaction in which several statements see one state. BEGIN and COMMIT travel with the first
// statement and the last: a journey of their own would cost as much as a small statement.
type nativeSnapshot struct {
	conn       *pgxpool.Conn
	begun, end bool
}

const (
	beginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	endRead   = "COMMIT"
)

func (s *nativeSnapshot) run(ctx context.Context, calls []call, last bool, mem *memory) (out [][][]cell, err error) {
	var b pgx.Batch
	opening := !s.begun
	if opening {
		b.Queue(beginRead)
	}
	for _, c := range calls {
		b.Queue(c.sql, c.args...)
	}
	if last {
		b.Queue(endRead)
	}
	s.begun = true
	results := s.conn.SendBatch(detach.Context(ctx), &b)
	defer func() {
		if err = errors.Join(err, results.Close()); err != nil { // runs what was not read yet, the COMMIT
			out = nil
		}
		s.end = last && err == nil
	}()
	if opening {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
	}
	out = make([][][]cell, len(calls))
	for i, c := range calls {
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		if out[i], err = mem.scan(rows, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// done ends reading even when the request is over. The pool drops a connection whose transaction could not be ended.
func (s *nativeSnapshot) done() {
	if s.begun && !s.end {
		_, _ = s.conn.Exec(context.Background(), "ROLLBACK")
	}
	s.conn.Release()
}

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 24 * 3600 * 1e6
)

// scan reads the rows of a call, and closes them.
func (m *memory) scan(rows pgx.Rows, c call) ([][]cell, error) {
	defer rows.Close()
	out := m.rows.take(c.expect, 0)[:0]
	var fields []pgconn.FieldDescription
	for rows.Next() {
		if fields == nil {
			fields = rows.FieldDescriptions()
		}
		raw := rows.RawValues()
		if len(raw) < c.width || len(fields) < c.width {
			return nil, fmt.Errorf("%d columns instead of %d", len(raw), c.width)
		}
		row := m.cells.take(c.width, 8*c.width)
		for i := range row {
			var err error
			if row[i], err = m.cell(fields[i].DataTypeOID, fields[i].Format, raw[i]); err != nil {
				return nil, err
			}
		}
		out = append(out, row)
	}
	rows.Close()
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
	case pgtype.ByteaOID: // a sealed cell
		return cell{kind: cellText, s: m.text(b)}, nil
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
