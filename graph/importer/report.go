package importer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report says what an import did. It holds names and numbers, no values.
type Report struct {
	Entity    string        `json:"entity"`
	DryRun    bool          `json:"dryRun"`
	Stopped   bool          `json:"stopped"` // before the end of the file; the counts are of what was read until then
	Encoding  string        `json:"encoding"`
	Delimiter string        `json:"delimiter"`
	Rows      int           `json:"rows"` // rows after the header, blank lines not counted
	Accepted  int           `json:"accepted"`
	Rejected  int           `json:"rejected"`
	Records   []RecordCount `json:"records"`
	Rejects   []RejectCount `json:"rejects"`
	Emptied   []RejectCount `json:"emptied"` // values left out because the map says `invalid: empty`
	Unused    []string      `json:"unused"`  // columns of the file the map does not read
	Notes     []string      `json:"notes"`
	Took      time.Duration `json:"tookNanos"`
}

// RecordCount counts the records of one type that rows made. In a dry run Created are those that would be, and Unchanged
// all that are there already.
type RecordCount struct {
	Entity    string `json:"entity"`
	Name      string `json:"name,omitempty"` // in the map, of a record a row brings along
	Created   int    `json:"created"`
	Updated   int    `json:"updated"`
	Unchanged int    `json:"unchanged"`
}

// RejectCount counts the rows with one problem.
type RejectCount struct {
	Column string `json:"column"` // header, or the field's number where the row as such is broken
	Field  string `json:"field"`  // Type.field, or empty
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Lines  []int  `json:"lines"` // the first few
}

const reportedLines = 5

// tally adds one occurrence, keeping counts in the order of their first.
func tally(list []RejectCount, line int, p problem) []RejectCount {
	i := slices.IndexFunc(list, func(c RejectCount) bool {
		return c.Column == p.column && c.Field == p.field && c.Reason == p.kind()
	})
	if i < 0 {
		list = append(list, RejectCount{Column: p.column, Field: p.field, Reason: p.kind()})
		i = len(list) - 1
	}
	list[i].Count++
	if len(list[i].Lines) < reportedLines {
		list[i].Lines = append(list[i].Lines, line)
	}
	return list
}

// String is the report for a terminal.
func (r *Report) String() string {
	var b strings.Builder
	verb := "imported"
	if r.DryRun {
		verb = "would import (dry run)"
	}
	rows := fmt.Sprintf("%d of %d rows", r.Accepted, r.Rows)
	if r.Stopped {
		fmt.Fprintf(&b, "stopped after %d rows: ", r.Rows)
		rows = fmt.Sprintf("%d", r.Accepted)
	}
	fmt.Fprintf(&b, "%s %s as %s in %s; %d rejected\n", verb, rows, r.Entity, r.Took.Round(time.Millisecond), r.Rejected)
	for _, c := range r.Records {
		if r.DryRun {
			fmt.Fprintf(&b, "  %-12s %d new, %d known\n", c.Entity, c.Created, c.Unchanged)
		} else {
			fmt.Fprintf(&b, "  %-12s %d created, %d updated, %d unchanged\n", c.Entity, c.Created, c.Updated, c.Unchanged)
		}
	}
	list := func(title string, counts []RejectCount) {
		if len(counts) > 0 {
			b.WriteString(title + ":\n")
		}
		for _, c := range counts {
			fmt.Fprintf(&b, "  %d× %s (line %s)\n", c.Count, c.text(), lines(c))
		}
	}
	list("rejected", r.Rejects)
	list("left empty", r.Emptied)
	if len(r.Unused) > 0 {
		fmt.Fprintf(&b, "not read: %s\n", strings.Join(r.Unused, ", "))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func (c RejectCount) text() string {
	switch {
	case c.Field == "" && c.Column == "":
		return c.Reason
	case c.Field == "":
		return "field " + c.Column + ": " + c.Reason
	case c.Column == "":
		return c.Field + ": " + c.Reason
	}
	return fmt.Sprintf("%s, column %q: %s", c.Field, c.Column, c.Reason)
}

func lines(c RejectCount) string {
	s := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Lines), " ", ", "), "[]")
	if c.Count > len(c.Lines) {
		s += ", …"
	}
	return s
}
