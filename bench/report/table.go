// Package report writes what the benchmark found: a table, a plot, and the figures for machines.
package report

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/bench/question"
	"github.com/cloakroom-crm/cloakroom/bench/trial"
)

// goals are ratios of requests per second that C is to reach.
var goals = map[string]struct{ overA, overFloor float64 }{"Q1": {2, 0.7}, "Q2": {4, 0.9}, "Q3": {4, 0.9}, "Q4": {0, 0.7}}

// maxRSS is the goal for C's resident memory under load, in MB.
const maxRSS = 60

// Table renders the results as Markdown.
func Table(r trial.Results) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| question | variant | requests/s | × A | × floor | CPU µs/request | allocations/request | resident MB | bytes/answer |")
	fmt.Fprintln(&b, "|---|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, q := range question.All {
		figures, ok := r[q.Name]
		if !ok {
			continue
		}
		for i, v := range question.Variants {
			title := ""
			if i == 0 {
				title = "**" + q.Name + "** " + q.Title
			}
			f := figures[v]
			fmt.Fprintf(&b, "| %s | %s | %.0f | %s | %s | %.0f | %.0f | %.0f | %d |\n", title, name(v), f.RPS,
				ratio(f, figures[question.A]), ratio(f, figures[question.Floor]), f.CPU, f.Allocs, f.RSS, f.Bytes)
		}
	}
	fmt.Fprintf(&b, "\n| goal | measured | |\n|---|--:|---|\n")
	most := 0.0
	for _, q := range question.All {
		c, ok := r[q.Name][question.C]
		if !ok {
			continue
		}
		most = max(most, c.RSS)
		goal := goals[q.Name]
		line := func(v question.Variant, least float64) {
			if base := r[q.Name][v].RPS; least > 0 && base > 0 {
				fmt.Fprintf(&b, "| %s: C ≥ %g × %s | %.2f | %s |\n", q.Name, least, v, c.RPS/base, verdict(c.RPS/base >= least))
			}
		}
		line(question.A, goal.overA)
		line(question.Floor, goal.overFloor)
	}
	fmt.Fprintf(&b, "| C: at most %d MB resident | %.0f | %s |\n", maxRSS, most, verdict(most <= maxRSS))
	return b.String()
}

func name(v question.Variant) string {
	if v == question.C {
		return "**C**"
	}
	return string(v)
}

func ratio(f, base trial.Figure) string {
	if base.RPS == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f.RPS/base.RPS)
}

func verdict(ok bool) string {
	if ok {
		return "reached"
	}
	return "**missed**"
}

// FlatTable renders what a page costs among more and more people.
func FlatTable(sizes []trial.Size) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| contacts | first page: requests/s | CPU µs | page half way down: requests/s | CPU µs |")
	fmt.Fprintln(&b, "|--:|--:|--:|--:|--:|")
	for _, s := range sizes {
		fmt.Fprintf(&b, "| %d | %.0f | %.0f | %.0f | %.0f |\n", s.People, s.First.RPS, s.First.CPU, s.Deep.RPS, s.Deep.CPU)
	}
	fmt.Fprintf(&b, "\n| goal | measured | |\n|---|--:|---|\n")
	spread := func(title string, get func(trial.Size) float64) {
		least, most := 0.0, 0.0
		for i, s := range sizes {
			v := 1 / get(s)
			if i == 0 || v < least {
				least = v
			}
			most = max(most, v)
		}
		off := (most - least) / (most + least) * 100 // around the middle
		fmt.Fprintf(&b, "| %s costs the same ±15 %% | ±%.1f %% | %s |\n", title, off, verdict(off <= 15))
	}
	spread("the first page", func(s trial.Size) float64 { return s.First.RPS })
	spread("a page half way down", func(s trial.Size) float64 { return s.Deep.RPS })
	return b.String()
}
