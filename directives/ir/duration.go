package ir

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time by the clock, as ISO 8601-1 writes it: hours, minutes and seconds, and nothing of a calendar
// (see Period for that).
type Duration time.Duration

// ParseDuration reads the one canonical form of a duration: `PT` and then hours, minutes and seconds, each at least one and
// without leading zeros. Minutes are below 60 where hours are given, and seconds where either is. `PT0S`, `-PT5M`, `P1D`,
// `PT1.5H` and `PT1H90M` are errors.
func ParseDuration(s string) (Duration, error) {
	fail := func(why string) (Duration, error) {
		return 0, fmt.Errorf("%q is not a duration: %s, for example \"PT15M\", \"PT1H30M\" or \"PT30S\"", s, why)
	}
	rest, ok := strings.CutPrefix(s, "PT")
	if !ok {
		return fail("it must begin with PT")
	}
	if rest == "" {
		return fail("it has no parts")
	}
	var d Duration
	last := -1
	const order = "HMS"
	units := [...]Duration{Duration(time.Hour), Duration(time.Minute), Duration(time.Second)}
	for rest != "" {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 0 || i == len(rest) {
			return fail("each part is a number and one of H, M, S")
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
		switch {
		case at < 0:
			return fail("each part is a number and one of H, M, S")
		case at <= last:
			return fail("the parts go hours, minutes, seconds, each once")
		case last >= 0 && n > 59:
			return fail("behind a larger part a number is below 60")
		}
		d += Duration(n) * units[at]
		last = at
		rest = rest[i+1:]
	}
	return d, nil
}

// String renders a canonical form.
func (d Duration) String() string {
	s := int64(time.Duration(d) / time.Second)
	if s <= 0 {
		return "PT0S"
	}
	var b strings.Builder
	b.WriteString("PT")
	for _, part := range []struct {
		n    int64
		unit byte
	}{{s / 3600, 'H'}, {s / 60 % 60, 'M'}, {s % 60, 'S'}} {
		if part.n > 0 {
			b.WriteString(strconv.FormatInt(part.n, 10))
			b.WriteByte(part.unit)
		}
	}
	return b.String()
}
