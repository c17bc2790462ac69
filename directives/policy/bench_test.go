package policy_test

import (
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/directives/ir"
	"github.com/cloakroom-crm/cloakroom/directives/policy"
)

func request(b *testing.B, role, purpose string) policy.Request {
	b.Helper()
	r, err := policy.NewRequest(schema(b), policy.Principal{Role: role}, purpose)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// What a decision costs once per plan.
func BenchmarkCellOf(b *testing.B) {
	r := request(b, "ADVISER", "ADVICE")
	f := r.Schema.Type("Reader").Field("favourite")
	b.ReportAllocs()
	for b.Loop() {
		_ = policy.CellOf(f, r)
	}
}

// What it costs for each cell.
func BenchmarkDecide(b *testing.B) {
	r := request(b, "ADVISER", "ADVICE")
	c := policy.CellOf(r.Schema.Type("Reader").Field("favourite"), r)
	yes := policy.PurposeBit(r.Schema.Purpose("ADVICE"))
	revealed, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		if c.Decide(yes*policy.State(n&1)) == policy.Reveal {
			revealed++
		}
		n++
	}
	if revealed == 0 || revealed == n {
		b.Fatal("every decision was the same")
	}
}

func BenchmarkMask(b *testing.B) {
	k := policy.NewMasker(make([]byte, 32))
	p := &ir.Purpose{Name: "NEWSLETTER"}
	for _, c := range []struct {
		name   string
		mask   ir.Mask
		scalar ir.Scalar
		value  any
	}{
		{"redact", ir.Redact, ir.String, "Ada Lovelace"},
		{"name", ir.MaskName, ir.String, "Ada Lovelace"},
		{"email", ir.MaskEmail, ir.String, "ada@example.com"},
		{"phone", ir.MaskPhone, ir.String, "+442079460000"},
		{"year", ir.MaskYear, ir.Date, time.Unix(1e9, 0)},
		{"generalize", ir.MaskGeneralize, ir.Int, int64(13938)},
		{"pseudonym", ir.MaskPseudonym, ir.String, "K-0001"},
	} {
		f := &ir.Field{Name: "field", Scalar: c.scalar, Owner: &ir.Type{Name: "Type"}}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = k.Mask(c.mask, f, p, c.value)
			}
		})
	}
}
