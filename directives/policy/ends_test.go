package policy

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestEnds(t *testing.T) {
	for _, ends := range []Ends{{}, {8: 17}, {1: 5, 8: 17, 1 << 55: 9}} {
		text := ends.String()
		back, err := ParseEnds(text)
		if err != nil || !maps.Equal(ends, back) {
			t.Errorf("%s: %v, %v", text, back, err)
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%s is no JSON", text)
		}
		for _, now := range []int64{4, 5, 16, 17, 18} {
			if ends.Over(now) != OverIn(text, now) {
				t.Errorf("%s at %d: %x, %x", text, now, ends.Over(now), OverIn(text, now))
			}
		}
	}
	if over := (Ends{8: 17}).Over(17); over != 8 {
		t.Errorf("at its end a consent has run out: %x", over)
	}
}

// What cannot be read has run out.
func TestEndsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"{", "}", "{}", "x", `{"8"}`, `{"8":}`, `{8:1}`, `{"8":1`, `{"8":1,}`, `{"8":1} `, `{"x":1}`, `{"8":99999999999999999999}`, `{"":1}`, `{":1}`, `{"8":1}{"9":2}`} {
		if over := OverIn(text, 0); over != ^State(0) {
			t.Errorf("%s: %x", text, over)
		}
		if _, err := ParseEnds(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func BenchmarkOverIn(b *testing.B) {
	text := Ends{8: 1 << 60, 1 << 40: 1 << 60}.String()
	b.ReportAllocs()
	for b.Loop() {
		OverIn(text, 1<<50)
	}
}
