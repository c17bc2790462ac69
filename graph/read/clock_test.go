package read

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAppendTimeIsThatOfPackageTime(t *testing.T) {
	try := func(micros int64) {
		at := time.UnixMicro(micros).UTC()
		if got, want := string(appendTime(nil, micros, false)), at.Format(time.RFC3339Nano); got != want {
			t.Fatalf("%d: %s, want %s", micros, got, want)
		}
		if got, want := string(appendTime(nil, micros, true)), at.Format(time.DateOnly); got != want {
			t.Fatalf("%d: %s, want %s", micros, got, want)
		}
	}
	for _, at := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2000, 2, 29, 23, 59, 59, 999999000, time.UTC), time.Date(1900, 2, 28, 0, 0, 0, 0, time.UTC),
		time.Date(1900, 3, 1, 0, 0, 0, 1000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 500000000, time.UTC), time.Date(2024, 12, 31, 1, 2, 3, 40000, time.UTC),
	} {
		try(at.UnixMicro())
	}
	for _, micros := range []int64{0, 1, -1, firstMicros, firstMicros - 1, firstMicros + 1, endMicros - 1, endMicros} {
		try(micros)
	}
	for day := int64(-719528); day < 2932897; day += 13 { // every year and every day of it, now and then
		try(day * microsPerDay)
	}
	for range 200000 {
		try(firstMicros + rand.Int64N(endMicros-firstMicros))
	}
}

func BenchmarkAppendTime(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendTime(buf[:0], 1795514400123456, false)
	}
}
