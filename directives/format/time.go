package format

import (
	"strings"
	"time"
)

const (
	wantDateTime = "a date and time with its offset, as in RFC 3339: 2026-01-31T09:30:00Z"
	wantDate     = "a date, as in RFC 3339: 1990-12-31"
)

// looseTimes are forms without an offset, as databases and spreadsheets print them; they are read as UTC.
var looseTimes = []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04",
	"2006-01-02 15:04:05.999999999Z07:00", time.DateOnly}

func (p Parser) dateTime(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return inRange(v.UTC().Truncate(time.Microsecond), wantDateTime)
	case string:
		s := strings.TrimSpace(v)
		if t, err := time.Parse(time.RFC3339, strings.ToUpper(s)); err == nil {
			return inRange(t.UTC().Truncate(time.Microsecond), wantDateTime)
		}
		if p.Loose {
			for _, layout := range looseTimes {
				if t, err := time.Parse(layout, s); err == nil {
					return inRange(t.UTC().Truncate(time.Microsecond), wantDateTime)
				}
			}
		}
	}
	return time.Time{}, fail("not a date and time", wantDateTime)
}

func (p Parser) date(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		y, m, d := v.Date()
		return inRange(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), wantDate)
	case string:
		s := strings.TrimSpace(v)
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return inRange(t, wantDate)
		}
		if p.Loose {
			// A dump writes a date column as its midnight. Any other hour means it is not a date, and which day it is would
			// depend on where it was written.
			if t, err := p.dateTime(s); err == nil && t.Equal(t.Truncate(24*time.Hour)) {
				return t, nil
			}
		}
	}
	return time.Time{}, fail("not a date", wantDate)
}

// inRange keeps to the four-digit years of RFC 3339; JSON and both databases can hold those.
func inRange(t time.Time, want string) (time.Time, error) {
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fail("out of range", want)
	}
	return t, nil
}
