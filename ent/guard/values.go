package guard

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"
)

// NewID returns a fresh UUIDv7 (RFC 9562 §5.7): ordered by time of creation, so indexes grow at one end.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// NewInstance tells a row from others that share the value of a @unique field, see ir.Field.InstanceColumn. It is random, so that
// nothing needs to be counted: two rows of one instance are as likely as two equal UUIDs of half the length.
func NewInstance() (int64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b[:])>>1 | 1), nil
}

// Never is later than every moment in microseconds since 1970.
const Never int64 = math.MaxInt64

// Now is the default of a DateTime field: the time of writing in UTC, in microseconds, the precision PostgreSQL keeps.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Today is the default of a Date field: midnight UTC.
func Today() time.Time { return time.Now().UTC().Truncate(24 * time.Hour) }

// At parses a constant default, RFC 3339 or a full-date. The compiler has checked the text, so a failure is a generator's
// bug and stops the program at start.
func At(text string) func() time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		panic("default " + text + ": " + err.Error())
	}
	t = t.UTC()
	return func() time.Time { return t }
}
