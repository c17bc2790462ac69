package importer

import (
	"errors"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-crm/cloakroom/directives/format"
	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

// valuePlan is a Source made ready.
type valuePlan struct {
	src        Source
	field      *ir.Field // the column whose storage value results
	columns    []string
	join       string
	nulls      map[string]bool
	transforms []func(string) (string, error)
	values     map[string]string
	layout     string
}

// row gives access to a record's cells by column name.
type row struct {
	policy.Withheld

	cells  [][]byte
	header *header
	region string // of telephone numbers
}

// text returns the cell of the column, or "" where the file has no such column.
func (r row) text(column string) string {
	i, ok := r.header.at[headerKey(column)]
	if !ok {
		return ""
	}
	return decode(r.cells[i], r.header.encoding)
}

// raw returns the text of the source's columns: trimmed, "no value" as "".
func (v valuePlan) raw(r row) string {
	var parts []string
	for _, c := range v.columns {
		if s := strings.TrimSpace(r.text(c)); !v.nulls[s] {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, v.join)
}

var errNotListed = errors.New("not one of the values the map names")

// of returns the storage value, or nil for none. Errors name no value.
func (v valuePlan) of(r row) (any, error) {
	p := format.Parser{Region: r.region, Loose: true}
	if v.src.Value != nil {
		return p.Parse(v.field, *v.src.Value)
	}
	s := v.raw(r)
	for _, t := range v.transforms {
		if s == "" {
			break
		}
		var err error
		if s, err = t(s); err != nil {
			return nil, err
		}
	}
	if s != "" && v.values != nil {
		to, ok := v.values[valueKey(s)]
		switch {
		case ok:
			s = to
		case v.src.Otherwise != nil:
			s = *v.src.Otherwise
		default:
			return nil, errNotListed
		}
	}
	if s == "" && v.src.Default != nil {
		s = *v.src.Default
	}
	if s == "" {
		return nil, nil
	}
	if v.layout != "" {
		t, err := time.Parse(v.layout, s)
		if err != nil {
			return nil, errors.New("not a date of the form " + v.src.Date)
		}
		return p.Parse(v.field, t)
	}
	if v.src.Decimal == "," {
		s = plainNumber(s)
	}
	if v.src.Times != 0 {
		var err error
		if s, err = times(s, v.src.Times); err != nil {
			return nil, err
		}
	}
	return p.Parse(v.field, v.src.Prefix+s)
}

// valueKey folds the texts of a value map.
func valueKey(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// headerKey folds a column's name: files differ in case and spaces, and in how an accent is encoded.
func headerKey(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFC.String(s)), " "))
}
