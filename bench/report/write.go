package report

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/cloakroom-crm/cloakroom/bench/trial"
)

// Where the results go, from the module's root.
const (
	resultsFile = "bench/results.json"
	plotFile    = "docs/performance.svg"
	textFile    = "docs/performance.md"
)

// Load is what else the machine was busy with before the run: processes that wanted a core, over a minute.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if load, _, ok := strings.Cut(string(text), " "); ok && err == nil {
		return load
	}
	return "unknown"
}

// Write stores the results: figures for machines, the plot, and the table in the text.
func Write(r trial.Results, rounds int, turn time.Duration, load string) error {
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := write(resultsFile, append(out, '\n')); err != nil {
		return err
	}
	if err := write(plotFile, []byte(Plot(r))); err != nil {
		return err
	}
	text := fmt.Sprintf("Median of %d turns of %s each, %d cores, %s, load before the run %s.\n\n%s", rounds, turn, runtime.NumCPU(), runtime.Version(), load, Table(r))
	return between("results", text)
}

// WriteFlat stores the sizes' table in the text.
func WriteFlat(sizes []trial.Size) error { return between("flat", FlatTable(sizes)) }

// between replaces what stands between the markers <!-- name --> and <!-- /name --> of the text.
func between(name, text string) error {
	old, err := os.ReadFile(textFile)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, found := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s: no markers %q and %q", textFile, strings.TrimSpace(begin), end)
	}
	return write(textFile, []byte(before+begin+text+end+after))
}

func write(path string, content []byte) error {
	return os.WriteFile(path, content, 0o644) //nolint:gosec // sources are for everybody to read
}
