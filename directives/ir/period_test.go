package ir

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParsePeriodAcceptsOneFormPerPeriod(t *testing.T) {
	for _, s := range []string{"P1D", "P2Y6M", "P90D", "P6W", "P1Y11M30D", "P18M", "P10Y"} {
		p, err := ParsePeriod(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
		} else if p.String() != s {
			t.Errorf("%s renders as %s", s, p)
		}
	}
	for _, s := range []string{"", "P", "1D", "-P1D", "P-1D", "P0D", "P01D", "P1Y0M", "P1Y12M", "PT5M", "P1DT1H", "P1W2D", "P1D1M", "P1D1D", "P1.5Y", "p1d", "P1d", "P 1D", "P999999D", "P1"} {
		if p, err := ParsePeriod(s); err == nil {
			t.Errorf("%q parsed as %v", s, p)
		}
	}
}

func TestPeriodEnd(t *testing.T) {
	for _, c := range []struct{ begin, period, end string }{
		{"2026-01-31", "P1M", "2026-03-01"}, // its last day is 28 February
		{"2024-01-31", "P1M", "2024-03-01"},
		{"2024-02-29", "P1Y", "2025-03-01"},
		{"2026-11-24", "P6W", "2027-01-06"},
		{"2026-11-24", "P2Y6M", "2029-05-25"},
	} {
		p, err := ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		begin, _ := time.Parse(time.DateOnly, c.begin)
		if got := p.End(begin.Add(17 * time.Hour)).Format(time.DateOnly); got != c.end {
			t.Errorf("%s + %s ends %s, want %s", c.begin, c.period, got, c.end)
		}
	}
}

// Cutoff is what SQL sees of a period, so it must agree with End on every moment.
func TestCutoffAgreesWithEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Period{Years: rapid.IntRange(0, 12).Draw(t, "years"), Months: rapid.IntRange(0, 11).Draw(t, "months"), Days: rapid.IntRange(0, 400).Draw(t, "days")}
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "now"), 0)
		cutoff := p.Cutoff(now)
		begin := cutoff.Add(time.Duration(rapid.Int64Range(-40*24*3600, 40*24*3600).Draw(t, "offset")) * time.Second)
		if ended := !p.End(begin).After(now); ended != begin.Before(cutoff) {
			t.Fatalf("%v from %v at %v: ended %v, cutoff %v", p, begin, now, ended, cutoff)
		}
	})
}

func FuzzParsePeriod(f *testing.F) {
	f.Add("P2Y6M")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePeriod(s); err == nil && p.String() != s {
			t.Fatalf("%q has a second form %q", s, p)
		}
	})
}
