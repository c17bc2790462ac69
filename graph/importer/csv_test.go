package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func readAll(t testing.TB, text string) []record {
	t.Helper()
	r := newRecordReader(strings.NewReader(text), ',')
	var out []record
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
}

// show renders records as "line:cell|cell" and "line!field" for a broken one.
func show(recs []record) string {
	var b strings.Builder
	for i, rec := range recs {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(string(rune('0' + rec.line)))
		if rec.fault != nil {
			b.WriteString("!" + string(rune('0'+rec.fault.cell)))
			continue
		}
		b.WriteString(":" + string(bytes.Join(rec.cells, []byte("|"))))
	}
	return b.String()
}

func TestRecordReader(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                       {"a,b\nc,d\n", "1:a|b  2:c|d"},
		"no last line end":            {"a,b", "1:a|b"},
		"empty cells":                 {",\n,,\n", "1:|  2:||"},
		"a comma at the end":          {"a,", "1:a|"},
		"CRLF and blank lines":        {"a\r\n\r\n\nb\r\n", "1:a  4:b"},
		"quotes":                      {`"a,b","c ""d""",""` + "\n", `1:a,b|c "d"|`},
		"a quoted end":                {"a,\"\"", "1:a|"},
		"line breaks in quotes":       {"\"a\nb\r\nc\",d\ne\n", "1:a\nb\r\nc|d  4:e"},
		"quotes inside a cell":        {"12\" vinyl,a\"b\"\n", "1:12\" vinyl|a\"b\""},
		"space before a quote":        {"a, \"b\"\n", "1:a| \"b\""},
		"text after a quote":          {"a,\"b\"c\nd\n", "1!2  2:d"},
		"a quote that never ends":     {"a\nb,\"c\nd,e\nf\n", "1:a  2!2  3:d|e  4:f"},
		"one that ends in another":    {"a,\"b\nc,\"d\",e\nf\n", "1!2  2:c|d|e  3:f"},
		"never ends, again":           {"\"a\nb\n\"c\nd\n", "1!1  2:b  3!1  4:d"},
		"a quote alone":               {"\"", "1!1"},
		"NUL":                         {"a\x00,b\n", "1:a\x00|b"},
		"a lone CR is text":           {"a\rb,c\n", "1:a\rb|c"},
		"broken after a line break":   {"\"a\nb\"c\nd\n", "1!1  2:b\"c  3:d"},
		"a broken last line, no end":  {"\"a\nb", "1!1  2:b"},
		"an escape at the line's end": {"\"a\"\"\nb\"\n", "1:a\"\nb"},
	} {
		if got := show(readAll(t, c.in)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestRecordsAreBounded(t *testing.T) {
	long := strings.Repeat("x", maxRecord+10)
	recs := readAll(t, "a\n"+long+"\nb\n")
	if got := show(recs); got != "1:a  2!1  3:b" || len(recs[1].raw) > maxLongRaw {
		t.Errorf("a long line: %.80s", got)
	}
	// A quote that is open for a megabyte of short lines is given up, and those lines are read.
	recs = readAll(t, "\"a\n"+strings.Repeat("b,c\n", maxRecord/4+100)+"d\n")
	if len(recs) != maxRecord/4+102 || recs[0].fault == nil || recs[1].fault != nil || string(recs[len(recs)-1].cells[0]) != "d" {
		t.Errorf("an open quote: %d records", len(recs))
	}
	// So is one that closes too late.
	recs = readAll(t, "\"a\n"+strings.Repeat("b,c\n", maxRecord/4+100)+"\",d\n")
	if len(recs) != maxRecord/4+102 || recs[0].fault == nil || recs[1].fault != nil {
		t.Errorf("a quote that closes too late: %d records", len(recs))
	}
	recs = readAll(t, "\"a\n"+long+"\nb\n")
	if got := show(recs); got != "1!1  2!1  3:b" {
		t.Errorf("an open quote before a long line: %.80s", got)
	}
}

// A file made to be slow: every row of it is given up late.
func TestOpenQuotesAreNotSlow(t *testing.T) {
	began := time.Now()
	for _, line := range []string{"\"\"\"\n", "\"a\n", "a,\"\n", "\"\n", "\",\"\"\n"} {
		readAll(t, strings.Repeat(line, 2<<20/len(line)))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("ten megabytes took %s", took)
	}
}

// Three laws: every line of a file is in exactly one record or blank, cells never hold more than the record does, and a
// file encoding/csv can read is read alike.
func FuzzRecordReader(f *testing.F) {
	for _, s := range []string{"a,b\nc,d\n", "\"a\nb\",c\r\n\r\nd", "a,\"b\nc,\"d\",e\nf\n", "\"\"\"\n\"", "\"a\"\"\nb\"\n,", "a\rb\n", "\"a\r\n\"\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		recs := readAll(t, in)
		lines := strings.SplitAfter(in, "\n")
		next := 0 // the line not accounted for yet
		for _, rec := range recs {
			for next < rec.line-1 {
				if len(cutEnd([]byte(lines[next]))) > 0 {
					t.Fatalf("line %d is in no record: %q", next+1, in)
				}
				next++
			}
			n := strings.Count(string(rec.raw), "\n") + 1
			whole := strings.Join(lines[next:min(next+n, len(lines))], "")
			if string(cutEnd([]byte(whole))) != string(rec.raw) {
				t.Fatalf("the record of line %d is %q, the file has %q", rec.line, rec.raw, whole)
			}
			next += n
			size := 0
			for _, c := range rec.cells {
				size += len(c) + 1
			}
			if rec.fault == nil && size > len(rec.raw)+1 || (rec.fault == nil) == (rec.cells == nil) {
				t.Fatalf("cells %q of %q", rec.cells, rec.raw)
			}
		}
		for ; next < len(lines); next++ {
			if len(cutEnd([]byte(lines[next]))) > 0 {
				t.Fatalf("line %d is in no record: %q", next+1, in)
			}
		}
		std := csv.NewReader(strings.NewReader(in))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		if err != nil {
			return
		}
		if len(want) != len(recs) {
			t.Fatalf("%d records, encoding/csv has %d: %q", len(recs), len(want), in)
		}
		for i, rec := range recs {
			got := strings.ReplaceAll(string(bytes.Join(rec.cells, []byte("|"))), "\r\n", "\n")
			if rec.fault != nil || got != strings.Join(want[i], "|") {
				t.Fatalf("record %q, encoding/csv has %q", got, want[i])
			}
		}
	})
}

// Whatever the bytes are, an import ends, accounts for every row, and repeats no long value in what it says.
func FuzzRun(f *testing.F) {
	f.Add([]byte(peopleHeader + "1,Maria de Castro,ACME,Maria@Example.COM,030 1234567,Germany,buyer,31.12.1980\n"))
	f.Add([]byte(peopleHeader + "1,\"Ada\n2,Zo\xeb,,,,,,\n"))
	f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(peopleHeader, ",", ";") + "1;Ada;;;;;;\n"))
	m, err := ParseMap("map.yaml", []byte(peopleMap))
	if err != nil {
		f.Fatal(err)
	}
	p, err := Compile(crm(), m)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		rejects := &buffer{}
		rep, err := Run(t.Context(), p, bytes.NewReader(in), Options{Store: newMemory(), Rejects: rejects})
		if err != nil {
			return
		}
		if rep.Accepted+rep.Rejected != rep.Rows {
			t.Fatalf("%d + %d of %d rows", rep.Accepted, rep.Rejected, rep.Rows)
		}
		for _, r := range rep.Rejects {
			if r.Count < len(r.Lines) || len(r.Lines) == 0 || r.Reason == "" {
				t.Fatalf("%+v", r)
			}
		}
		if (rep.Rejected > 0) != (rejects.Len() > 0) {
			t.Fatalf("%d rejected, the rejects file has %d bytes", rep.Rejected, rejects.Len())
		}
	})
}
