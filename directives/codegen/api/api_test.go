package api

import (
	"strings"
	"testing"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
)

func TestOrderValue(t *testing.T) {
	for name, want := range map[string]string{
		"name": "NAME", "lastActivityAt": "LAST_ACTIVITY_AT", "vatID": "VAT_ID", "URLPath": "URL_PATH", "line2": "LINE2", "a_b": "A_B", "a_B": "A_B",
	} {
		if got := OrderValue(&ir.Field{Name: name}); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// What a filter may ask is what an answer would show, and no more than the storage gives away already.
func TestFilterOf(t *testing.T) {
	enum := &ir.Enum{Name: "Stage"}
	pii := func(sealed bool, find ir.Find) *ir.Pii { return &ir.Pii{Sealed: sealed, Find: find} }
	for _, tc := range []struct {
		name  string
		field ir.Field
		want  string // name: ops
	}{
		{"not personal", ir.Field{}, "StringFilter: eq in ne notIn contains startsWith isNull"},
		{"declared public", ir.Field{Public: &ir.Public{}, Scalar: ir.Int}, "IntFilter: eq in ne notIn lt lte gt gte isNull"},
		{"boolean", ir.Field{Scalar: ir.Boolean}, "BooleanFilter: eq ne isNull"},
		{"enum", ir.Field{Scalar: ir.EnumScalar, Enum: enum}, "StageFilter: eq in ne notIn isNull"},
		{"JSON", ir.Field{Scalar: ir.JSON}, ""},
		{"id", ir.Field{Kind: ir.ID, Scalar: ir.UUID}, "IDFilter: eq in"},
		{"edge", ir.Field{Kind: ir.ToOne}, ""},
		{"computed", ir.Field{Kind: ir.Computed}, ""},
		{"sealed", ir.Field{Pii: pii(true, ir.FindNone)}, ""},
		{"sealed, exact", ir.Field{Pii: pii(true, ir.FindExact)}, "StringExactFilter: eq in isNull"},
		{"sealed stays exact whatever find says", ir.Field{Pii: pii(true, ir.FindOrder)}, "StringExactFilter: eq in isNull"},
		{"plain, none", ir.Field{Pii: pii(false, ir.FindNone)}, ""},
		{"plain, prefix", ir.Field{Pii: pii(false, ir.FindPrefix)}, "StringPrefixFilter: eq in startsWith isNull"},
		{"plain, prefix of a number", ir.Field{Scalar: ir.Int, Pii: pii(false, ir.FindPrefix)}, "IntExactFilter: eq in isNull"},
		{"plain, order", ir.Field{Pii: pii(false, ir.FindOrder)}, "StringOrderedFilter: eq in startsWith lt lte gt gte isNull"},
		{"plain date, order", ir.Field{Scalar: ir.Date, Pii: pii(false, ir.FindOrder)}, "DateOrderedFilter: eq in lt lte gt gte isNull"},
		{"plain enum, order", ir.Field{Scalar: ir.EnumScalar, Enum: enum, Pii: pii(false, ir.FindOrder)}, "StageExactFilter: eq in isNull"},
	} {
		got := ""
		if f, ok := FilterOf(&tc.field); ok {
			var ops []string
			for _, op := range f.Ops() {
				ops = append(ops, op.Name)
			}
			got = f.Name() + ": " + strings.Join(ops, " ")
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestSortable(t *testing.T) {
	for name, tc := range map[string]struct {
		field ir.Field
		want  bool
	}{
		"not personal":        {ir.Field{}, true},
		"JSON":                {ir.Field{Scalar: ir.JSON}, false},
		"edge":                {ir.Field{Kind: ir.ToOne}, false},
		"computed":            {ir.Field{Kind: ir.Computed}, false},
		"plain, order":        {ir.Field{Pii: &ir.Pii{Find: ir.FindOrder}}, true},
		"plain, prefix":       {ir.Field{Pii: &ir.Pii{Find: ir.FindPrefix}}, false},
		"sealed even if told": {ir.Field{Pii: &ir.Pii{Sealed: true, Find: ir.FindOrder}}, false},
	} {
		if got := Sortable(&tc.field); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
