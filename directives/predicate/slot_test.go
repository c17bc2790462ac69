package predicate

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

func TestResolve(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		scalar ir.Scalar
		attr   any
		want   any
	}{
		{ir.String, "EU", "EU"}, {ir.String, 5, nil}, {ir.String, nil, nil}, {ir.String, []string{"EU"}, nil}, {ir.String, "", ""},
		{ir.EnumScalar, "WON", "WON"}, {ir.EnumScalar, true, nil},
		{ir.Int, 5, int64(5)}, {ir.Int, int64(5), int64(5)}, {ir.Int, "5", int64(5)}, {ir.Int, "5.0", nil}, {ir.Int, 5.5, nil}, {ir.Int, 5.0, int64(5)},
		{ir.Int, json.Number("7"), int64(7)}, {ir.Int, " 5", nil}, {ir.Int, true, nil}, {ir.Int, 1e300, nil},
		{ir.Float, "2.5", 2.5}, {ir.Float, 2, 2.0}, {ir.Float, math.NaN(), nil}, {ir.Float, "inf", nil}, {ir.Float, json.Number("0.5"), 0.5},
		{ir.Boolean, true, true}, {ir.Boolean, "false", false}, {ir.Boolean, "yes", nil}, {ir.Boolean, 1, nil},
		{ir.Decimal, "1250.5", int64(12505000)}, {ir.Decimal, 3, int64(30000)}, {ir.Decimal, 0.1, int64(1000)}, {ir.Decimal, "1.23456", nil}, {ir.Decimal, "-0.5", int64(-5000)},
		{ir.DateTime, "2026-11-24T01:00:00+01:00", day}, {ir.DateTime, "soon", nil}, {ir.Date, "2026-11-24", day}, {ir.Date, day.Add(5 * time.Hour), day},
		{ir.UUID, "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000001"}, {ir.UUID, "1", nil},
		{ir.UUID, "{00000000-0000-7000-8000-000000000001}", nil}, {ir.UUID, uuid.Nil, uuid.Nil.String()}, {ir.JSON, "{}", nil},
	} {
		s := Slot{Kind: Viewer, Attr: "a", Scalar: c.scalar}
		if got := s.Resolve(policy.Principal{Attrs: map[string]any{"a": c.attr}}, day); got != c.want {
			t.Errorf("%v as scalar %d: %#v, want %#v", c.attr, c.scalar, got, c.want)
		}
	}
}

func TestResolveLists(t *testing.T) {
	for _, c := range []struct {
		scalar ir.Scalar
		attr   any
		want   string
	}{
		{ir.String, []string{"a", `b"`}, `["a","b\""]`}, {ir.String, []any{"a"}, `["a"]`}, {ir.String, "a, b", `["a","b"]`}, {ir.String, []string{}, `[]`},
		{ir.Int, []any{1, "2", 3.0}, `[1,2,3]`}, {ir.Int, []any{1, "x"}, `[null]`}, {ir.String, nil, `[null]`}, {ir.String, 5, `[null]`}, {ir.String, []any{nil}, `[null]`},
		{ir.Decimal, []string{"0.5"}, `[5000]`}, {ir.Date, []string{"2026-11-24"}, `["2026-11-24 00:00:00+00:00"]`},
	} {
		s := Slot{Kind: Viewer, Attr: "a", List: true, Scalar: c.scalar}
		if got := s.Resolve(policy.Principal{Attrs: map[string]any{"a": c.attr}}, time.Time{}); got != c.want {
			t.Errorf("%v: %v, want %s", c.attr, got, c.want)
		}
	}
}

// What an identity provider puts into attributes must not pass for who the viewer is.
func TestBuiltinsAreNotAttributes(t *testing.T) {
	p := policy.Principal{Attrs: map[string]any{"id": "forged", "role": "ADMIN", "subject": "forged"}}
	for _, name := range []string{"id", "role", "subject"} {
		if got := (Slot{Kind: Viewer, Attr: name}).Resolve(p, time.Time{}); got != nil {
			t.Errorf("viewer.%s is %v", name, got)
		}
	}
	p = policy.Principal{ID: "p", Role: "REP", Subject: uuid.MustParse(accountEU)}
	var got []any
	for _, name := range []string{"id", "role", "subject"} {
		got = append(got, (Slot{Kind: Viewer, Attr: name}).Resolve(p, time.Time{}))
	}
	if want := []any{"p", "REP", accountEU}; !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
}
