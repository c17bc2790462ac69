package ir

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT15M":     15 * time.Minute,
		"PT90M":     90 * time.Minute,
		"PT1H30M":   90 * time.Minute,
		"PT12H":     12 * time.Hour,
		"PT1H2M3S":  time.Hour + 2*time.Minute + 3*time.Second,
		"PT1H3S":    time.Hour + 3*time.Second,
		"PT99999S":  99999 * time.Second,
		"PT99999H":  99999 * time.Hour,
		"PT1M59S":   119 * time.Second,
		"PT10M":     10 * time.Minute,
		"PT100M59S": 100*time.Minute + 59*time.Second,
	} {
		d, err := ParseDuration(text)
		if err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v %v", text, time.Duration(d), err)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s is written %s, which is %v %v", text, d, time.Duration(again), err)
		}
	}
	for _, text := range []string{"", "P", "PT", "PT0S", "PT00M", "PT05M", "-PT5M", "PT-5M", "+PT5M", "P1D", "P1DT1H", "PT1D", "PT1Y", "PT5", "5M", "PTM",
		"PT1.5H", "PT1,5H", "PT1M1H", "PT1H1H", "PT1H60M", "PT1M60S", "PT100000S", "PT5M ", " PT5M", "pt5m", "PT5m", "PT1H0M", "15m", "PT٥M"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken for %v", text, time.Duration(d))
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	f.Add("PT1H30M")
	f.Add("PT0S")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if d <= 0 {
			t.Fatalf("%q is %v", s, time.Duration(d))
		}
		if again, err := ParseDuration(d.String()); err == nil && again != d {
			t.Fatalf("%q became %s", s, d)
		}
	})
}

func TestStepUpMeets(t *testing.T) {
	min15, hour := Duration(15*time.Minute), Duration(time.Hour)
	for _, c := range []struct {
		has, needs StepUp
		want       bool
	}{
		{StepUp{}, StepUp{}, true},
		{StepUp{}, StepUp{AAL: 1}, false},
		{StepUp{AAL: 1}, StepUp{AAL: 2}, false},
		{StepUp{AAL: 2}, StepUp{AAL: 1}, true},
		{StepUp{AAL: 2}, StepUp{AAL: 2, FreshWithin: min15}, false},
		{StepUp{AAL: 2, FreshWithin: hour}, StepUp{AAL: 2, FreshWithin: min15}, false},
		{StepUp{AAL: 2, FreshWithin: min15}, StepUp{AAL: 2, FreshWithin: hour}, true},
		{StepUp{FreshWithin: min15}, StepUp{AAL: 1}, false},
	} {
		if got := c.has.Meets(c.needs); got != c.want {
			t.Errorf("%s for %s: %t", c.has, c.needs, got)
		}
	}
}
