package ir

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is an ISO 8601-1 calendar period. It is added with calendar arithmetic: `P1M` after 31 January is the last day
// of February, as Regulation (EEC, Euratom) No 1182/71 Art. 3(2)(c) counts months.
type Period struct {
	Years, Months, Weeks, Days int
}

// ParsePeriod reads the one canonical form of a period: `P` and then years, months and days, each at least one and
// without leading zeros, or weeks alone. Months are below 12 when years are given. `P0D`, `-P1D`, `P1Y0M`, `PT5M` and
// `P1W2D` are errors.
func ParsePeriod(s string) (Period, error) {
	fail := func(why string) (Period, error) {
		return Period{}, fmt.Errorf("%q is not a period: %s, for example \"P2Y6M\", \"P90D\" or \"P6W\"", s, why)
	}
	rest, ok := strings.CutPrefix(s, "P")
	if !ok {
		return fail("it must begin with P")
	}
	if strings.ContainsRune(rest, 'T') {
		return fail("it has a time part, retention counts days or longer")
	}
	var p Period
	last := -1
	const order = "YMWD"
	for rest != "" {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 0 || i == len(rest) {
			return fail("each part is a number and one of Y, M, W, D")
		}
		if rest[0] == '0' {
			return fail("a part is zero or has a leading zero")
		}
		if i > 5 {
			return fail("a part is larger than 99999")
		}
		n, err := strconv.Atoi(rest[:i])
		if err != nil {
			return fail("a part is not a number")
		}
		at := strings.IndexByte(order, rest[i])
		if at < 0 {
			return fail("each part is a number and one of Y, M, W, D")
		}
		if at <= last {
			return fail("the parts go years, months, days, each once")
		}
		last = at
		switch rest[i] {
		case 'Y':
			p.Years = n
		case 'M':
			p.Months = n
		case 'W':
			p.Weeks = n
		case 'D':
			p.Days = n
		}
		rest = rest[i+1:]
	}
	switch {
	case p == Period{}:
		return fail("it has no parts")
	case p.Weeks > 0 && (p.Years > 0 || p.Months > 0 || p.Days > 0):
		return fail("weeks stand alone")
	case p.Years > 0 && p.Months > 11:
		return fail("write twelve months as a year")
	}
	return p, nil
}

// String renders the canonical form.
func (p Period) String() string {
	var b strings.Builder
	b.WriteByte('P')
	for _, part := range []struct {
		n    int
		unit byte
	}{{p.Years, 'Y'}, {p.Months, 'M'}, {p.Weeks, 'W'}, {p.Days, 'D'}} {
		if part.n > 0 {
			b.WriteString(strconv.Itoa(part.n))
			b.WriteByte(part.unit)
		}
	}
	return b.String()
}

// End returns the moment the period that began at t ends: midnight UTC after its last day. A period counted in days or
// longer ends with the last hour of its last day (Regulation (EEC, Euratom) No 1182/71 Art. 3(2)).
func (p Period) End(t time.Time) time.Time {
	return p.lastDay(midnight(t)).AddDate(0, 0, 1)
}

// Cutoff returns the earliest beginning whose period has not ended by now: !End(t).After(now) exactly when
// t.Before(Cutoff(now)). Retention compares a column with it, so that one parameter serves every row.
func (p Period) Cutoff(now time.Time) time.Time {
	today := midnight(now)
	day := addMonths(today.AddDate(0, 0, -(7*p.Weeks+p.Days)), -(12*p.Years+p.Months)).AddDate(0, 0, -4)
	// End clamps to the end of a month, so several days can end together: step to the first that is still alive.
	for p.lastDay(day).Before(today) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

func (p Period) lastDay(day time.Time) time.Time {
	return addMonths(day, 12*p.Years+p.Months).AddDate(0, 0, 7*p.Weeks+p.Days)
}

func midnight(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// addMonths adds calendar months and clamps the day to the end of the month.
func addMonths(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	lastDay := first.AddDate(0, 1, -1).Day()
	day := min(t.Day(), lastDay)
	return first.AddDate(0, 0, day-1)
}
