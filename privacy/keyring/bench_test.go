package keyring_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkRewrap wraps keys anew, 100,000 of them or as many as KEYRING_BENCH_KEYS says, and tells how many a second.
func BenchmarkRewrap(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("KEYRING_BENCH_KEYS")); err == nil {
		n = v
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
			w := open(b, name)
			people := make([]uuid.UUID, 1000)
			start := time.Now()
			for range n / len(people) {
				for i := range people {
					people[i] = uuid.Must(uuid.NewV7())
				}
				batch, err := w.Ensure(ctx, people)
				if err != nil {
					b.Fatal(err)
				}
				batch.Close()
			}
			made := time.Since(start)
			b.ResetTimer()
			for b.Loop() {
				if _, err := w.Rotate(ctx); err != nil {
					b.Fatal(err)
				}
				if done, err := w.Rewrap(ctx, nil); err != nil || done < int64(n) {
					b.Fatal(done, err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
			b.ReportMetric(float64(n)/made.Seconds(), "made/s")
		})
	}
}
