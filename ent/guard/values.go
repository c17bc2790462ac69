package guard

import (
	"time"

	"github.com/google/uuid"
)

// NewID returns a fresh UUIDv7 (RFC 9562 §5.7): ordered by time of creation, so indexes grow at one end.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

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
