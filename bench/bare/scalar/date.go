// Package scalar is how the executors of bench/bare write days: as the other variants do.
package scalar

import (
	"errors"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalDate writes a day.
func MarshalDate(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		b := make([]byte, 0, len(time.DateOnly)+2)
		b = append(b, '"')
		b = t.AppendFormat(b, time.DateOnly)
		_, _ = w.Write(append(b, '"')) // what gqlgen writes to does not fail
	})
}

// UnmarshalDate reads a day.
func UnmarshalDate(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, errors.New("a date is a string")
	}
	return time.Parse(time.DateOnly, s)
}
