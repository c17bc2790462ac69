package compiler

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// Formats are the formats Write knows.
var Formats = []string{"text", "json", "sarif", "github"}

// Write renders diagnostics: text for people, json for scripts, sarif (2.1.0) for code scanning, github for annotations
// of a workflow. Sources give text its excerpts; color is for terminals and concerns text alone.
func Write(w io.Writer, format string, ds Diagnostics, sources []ir.Source, color bool) error {
	switch format {
	case "text":
		return writeText(w, ds, sources, color)
	case "json":
		return writeJSON(w, ds)
	case "sarif":
		return writeSARIF(w, ds)
	case "github":
		return writeGitHub(w, ds)
	}
	return fmt.Errorf("there is no format %q, use one of %s", format, strings.Join(Formats, ", "))
}

const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func writeText(w io.Writer, ds Diagnostics, sources []ir.Source, color bool) error {
	paint := func(style, s string) string {
		if !color {
			return s
		}
		return style + s + plain
	}
	files := map[string]*file{}
	for _, s := range sources {
		files[s.Name] = newFile(s)
	}
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%s: %s %s\n", paint(bold, clean(d.Pos.String())), paint(red, d.Rule), clean(d.Message))
		if f := files[d.Pos.File]; f != nil && d.Pos.Line > 0 {
			number := fmt.Sprintf("%5d", d.Pos.Line)
			text := f.line(d.Pos.Line)
			// A very long line, as of minified SDL, is cut around the caret.
			from, to := 0, len(text)
			if at := min(d.Pos.Col-1, len(text)); len(text) > 160 {
				from, to = max(0, at-60), min(len(text), at+100)
			}
			lead := margin(text[from:min(max(d.Pos.Col-1, from), len(text))])
			carets := strings.Repeat("^", max(1, min(d.Length, to-(d.Pos.Col-1))))
			fmt.Fprintf(&b, "%s | %s\n", number, clean(string(text[from:to])))
			fmt.Fprintf(&b, "%s | %s%s\n", strings.Repeat(" ", len(number)), lead, paint(red, carets))
		}
		fmt.Fprintf(&b, "      = %s\n", paint(green, clean(d.Remedy)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// margin is blank space as wide as the text: tabs stay tabs.
func margin(text []rune) string {
	var b strings.Builder
	for _, r := range text {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clean keeps control characters of a source out of the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

func writeJSON(w io.Writer, ds Diagnostics) error {
	type finding struct {
		Rule    string `json:"rule"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Length  int    `json:"length"`
		Message string `json:"message"`
		Remedy  string `json:"remedy"`
	}
	out := make([]finding, 0, len(ds))
	for _, d := range ds {
		out = append(out, finding{d.Rule, d.Pos.File, d.Pos.Line, d.Pos.Col, d.Length, d.Message, d.Remedy})
	}
	return encode(w, out)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeSARIF renders the Static Analysis Results Interchange Format (OASIS SARIF 2.1.0). Columns count code points.
func writeSARIF(w io.Writer, ds Diagnostics) error {
	type object = map[string]any
	index := map[string]int{}
	var described []object
	results := make([]object, 0, len(ds))
	for _, r := range rules {
		if !ds.Has(r.ID) {
			continue
		}
		index[r.ID] = len(described)
		described = append(described, object{"id": r.ID, "shortDescription": object{"text": r.Title}, "fullDescription": object{"text": r.Why}, "help": object{"text": r.Fix}})
	}
	for _, d := range ds {
		result := object{
			"ruleId": d.Rule, "level": "error", "message": object{"text": d.Message + ". Remedy: " + d.Remedy},
			"locations": []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": strings.ReplaceAll(d.Pos.File, `\`, "/")},
				"region":           object{"startLine": max(1, d.Pos.Line), "startColumn": max(1, d.Pos.Col), "endColumn": max(1, d.Pos.Col) + d.Length},
			}}},
		}
		if i, ok := index[d.Rule]; ok {
			result["ruleIndex"] = i
		}
		results = append(results, result)
	}
	driver := object{"name": "cloakroom", "informationUri": "https://github.com/cloakroom-crm/cloakroom"}
	if described != nil {
		driver["rules"] = described
	}
	return encode(w, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs":    []object{{"tool": object{"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}},
	})
}

// writeGitHub renders workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func writeGitHub(w io.Writer, ds Diagnostics) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, d := range ds {
		_, err := fmt.Fprintf(w, "::error file=%s,line=%d,col=%d,endColumn=%d,title=%s::%s\n", property.Replace(d.Pos.File), d.Pos.Line, d.Pos.Col, d.Pos.Col+d.Length-1,
			property.Replace(d.Rule), data.Replace(d.Message+". "+d.Remedy))
		if err != nil {
			return err
		}
	}
	return nil
}
