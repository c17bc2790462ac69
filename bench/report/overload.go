package report

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/trial"
)

// leastWork is what C is to get done under four times the load it can bear, as a part of what it can do.
const leastWork = 0.8

// OverloadTable renders what became of more and more load.
func OverloadTable(c trial.Capacity, loads []trial.Load) string {
	var b strings.Builder
	fmt.Fprintf(&b, "As fast as it answers: %.0f cheap, %.0f costly, or %.0f pairs of both a second, while the driver keeps %.2f of %d processors busy.\n\n", c.Cheap, c.Costly, c.Pairs, c.Driver, runtime.NumCPU())
	fmt.Fprintln(&b, "| offered | work done | driver | work for what it left | cheap answered | p50 | p99 | costly answered | p50 | p99 | refused | late | failed | resident MB | goroutines |")
	fmt.Fprintln(&b, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond)) }
	for _, l := range loads {
		fmt.Fprintf(&b, "| %g × | %.2f | %.2f | %.2f | %.0f %% | %s | %s | %.0f %% | %s | %s | %d | %d | %d | %.0f | %d |\n", l.Times, l.Work, l.Driver, l.Work/l.Left,
			part(l.Cheap), ms(l.Cheap.P50), ms(l.Cheap.P99), part(l.Costly), ms(l.Costly.P50), ms(l.Costly.P99),
			l.Cheap.Refused+l.Costly.Refused, l.Cheap.Late+l.Costly.Late, l.Cheap.Failed+l.Costly.Failed, l.RSS, l.Goroutines)
	}
	last := loads[len(loads)-1]
	failed := 0
	for _, l := range loads {
		failed += l.Cheap.Failed + l.Costly.Failed
	}
	fmt.Fprintf(&b, "\n| goal | measured | |\n|---|--:|---|\n")
	fmt.Fprintf(&b, "| work done at %g × for what the driver left: at least %g | %.2f | %s |\n", last.Times, leastWork, last.Work/last.Left, verdict(last.Work/last.Left >= leastWork))
	fmt.Fprintf(&b, "| cheap requests answered at %g ×: at least 99 %% | %.1f %% | %s |\n", last.Times, part(last.Cheap), verdict(part(last.Cheap) >= 99))
	fmt.Fprintf(&b, "| neither answered nor told to come again: none | %d | %s |\n", failed, verdict(failed == 0))
	fmt.Fprintf(&b, "| goroutines, before and after: the same ±10 | %d, %d | %s |\n", c.Goroutines, c.GoroutinesAfter, verdict(c.GoroutinesAfter-c.Goroutines <= 10))
	return b.String()
}

// part is how many of the requests were answered, in per cent.
func part(f trial.Fate) float64 { return min(100, 100*f.Answered/f.Offered) }

// WriteOverload stores the table in the text.
func WriteOverload(c trial.Capacity, loads []trial.Load) error {
	return between("load", OverloadTable(c, loads))
}
